"""A file that is not what its scan found is looked into again by the next command."""

from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.plan.data_sets import look_again, scan_memory
from orchestrator.store.folder import Store
from trainables import memo
from trainables.data.dataset import manifest
from trainables.data.dataset.manifest import scan
from trainables.errors import ChangedFileError


def remembered(memory: Path) -> set[str]:
    table = memo.read_table(memory, manifest._memory_key())
    assert table is not None
    return set(table["path"])


@pytest.mark.parametrize("by_command", [False, True])
def test_only_what_changed_is_forgotten(
    faces: Path, tmp_path: Path, by_command: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches "start the command again", which ends in the same sentence."""
    store = Store.look(tmp_path / "results")
    memory = scan_memory(store, faces)
    rows = scan(faces, memory=memory).rows
    before, gone = remembered(memory), str(rows["path"].iloc[0])
    assert before == set(rows["path"])

    def refuse() -> None:
        raise ChangedFileError(faces / gone)

    if by_command:
        monkeypatch.setitem(cli.COMMANDS, "schema", refuse)
        monkeypatch.setattr("sys.argv", ["orchestrator", "schema"])
        with pytest.raises(SystemExit) as ended:
            cli.main(["--project", str(project(tmp_path)), "schema"])
        assert ended.value.code == 2
    else:
        look_again(store, ChangedFileError(faces / gone))
    assert remembered(memory) == before - {gone}


def project(folder: Path) -> Path:
    """A project file that names the results folder."""
    (folder / "orchestrator.toml").write_text('results = "results"\n')
    return folder / "orchestrator.toml"
