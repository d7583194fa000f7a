"""`init`: a folder that works as it is, and that is never written over."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


def test_the_example_can_be_planned_at_once(
    call: Call, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = call("init", "my study")
    assert code == 0
    assert "cd 'my study' && python -m orchestrator data demo demo-data" in out
    assert "python -m orchestrator mine --data demo-data --preset smoke" in out
    monkeypatch.chdir(tmp_path / "my study")
    code, out, _ = call("plan", "mine", "--data", faces, "--preset", "smoke", "--json")
    assert code == 0
    names = {trial["experiment"] for trial in json.loads(out)["trials"]}
    assert names == {"p1_simplecnn_baseline", "mine_small"}
    assert " mine " in call("--help")[1]


def test_nothing_is_overwritten(call: Call, tmp_path: Path) -> None:
    """Catches an hour's work on an experiment that a second `init` throws away."""
    assert call("init", "study")[0] == 0
    path = tmp_path / "study" / "experiments" / "mine" / "phase.json"
    path.write_text("mine")
    (tmp_path / "study" / "orchestrator.toml").unlink()
    code, _, err = call("init", "study")
    assert code == 2 and "phase.json" in err and "nothing is overwritten" in err
    assert path.read_text() == "mine"
    assert not (tmp_path / "study" / "orchestrator.toml").exists()


def test_a_folder_with_other_files_is_added_to(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert call("init", ".")[0] == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert tomllib.loads((tmp_path / "orchestrator.toml").read_text())["experiments"] == "experiments"
    ignored = (tmp_path / "results" / ".gitignore").read_text().splitlines()
    assert "*" in ignored and any(line.startswith("# ") for line in ignored)


def test_a_file_in_the_way_is_said(call: Call, tmp_path: Path) -> None:
    (tmp_path / "study").write_text("")
    code, _, err = call("init", "study")
    assert code == 2 and err.startswith("Error: study can't be made (")


def test_a_folder_that_could_not_be_made_can_be_made_later(call: Call, tmp_path: Path) -> None:
    """Catches files of a failed `init` that keep the next one from writing anything."""
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "results").write_text("")
    code, _, err = call("init", "study")
    assert code == 2 and err.startswith("Error: study can't be made (")
    (tmp_path / "study" / "results").unlink()
    assert call("init", "study")[0] == 0
