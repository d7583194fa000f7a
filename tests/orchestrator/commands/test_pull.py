"""Addresses on the command line: pulled before a command, pushed after it, or refused."""

from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand

from orchestrator.cli import main
from orchestrator.commands.places import results_place
from orchestrator.store.remote import mounts
from orchestrator.store.remote.local_copy import copy_of
from orchestrator.store.remote.local_places import LOCAL
from tests.orchestrator.commands.conftest import Run
from trainables.errors import InputError


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(LOCAL, str(tmp_path / "local"))
    monkeypatch.chdir(tmp_path)
    trial = tmp_path / "there" / "trials" / "a-r0f0-0123456789ab"
    trial.mkdir(parents=True)
    for name in ("done.json", "model.safetensors"):
        (trial / name).write_text("{}", encoding="utf-8")
    return tmp_path / "there"


def test_pull_fetches_what_is_new_and_weights_when_asked(there: Path, run_command_line: Run) -> None:
    """Catches a pull of gigabytes that nobody asked for, and one that does it all again."""
    uri = f"file://{there}"
    root = copy_of(uri).root
    assert run_command_line("pull", uri) == f"1 file fetched from {uri}: {root}\n"
    assert run_command_line("pull", uri).startswith("0 files")
    assert run_command_line("pull", uri, "--all").startswith("1 file ")
    assert (root / "trials/a-r0f0-0123456789ab/model.safetensors").is_file()


def test_the_project_file_may_name_an_address(there: Path, run_command_line: Run, tmp_path: Path) -> None:
    """Catches an address that is taken for a path beside the file."""
    (tmp_path / "orchestrator.toml").write_text(f'results = "file://{there}"\n', encoding="utf-8")
    assert run_command_line("pull").startswith(f"1 file fetched from file://{there}")


def test_what_a_command_changes_is_pushed_when_it_ends_also_by_an_error(there: Path) -> None:
    """Catches tables that stay on the machine that made them."""
    with pytest.raises(InputError), typer.Context(TyperCommand("any")) as context:
        root = results_place(context, Path(f"file://{there}"))
        assert root is not None
        (root / "collected").mkdir()
        (root / "collected" / "scores.csv").write_text("a", encoding="utf-8")
        raise InputError("what comes after has failed")
    assert (there / "collected" / "scores.csv").is_file()


@pytest.mark.parametrize("option", ["--results", "--data"])
def test_an_address_of_another_kind_never_becomes_a_folder(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """Catches http://host/x that silently writes to a folder ./http: beside the program."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SystemExit) as end:
        main(["plan", "phase1", option, "http://host/x"])
    assert end.value.code == 2
    assert "s3://, gs:// or file://" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_mounted_bucket_is_refused(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches results on a mount without locks."""
    table = tmp_path / "mountinfo"
    table.write_text(f"40 22 0:50 / {there} rw - fuse.rclone remote: rw\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    with pytest.raises(SystemExit) as end:
        main(["status", "--results", str(there)])
    assert end.value.code == 2
    assert "mounted by rclone" in capsys.readouterr().err
