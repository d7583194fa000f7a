"""Completion as a shell asks for it: phases, experiments and presets, a user's among them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli import main

Write = Callable[..., Path]
ROOT = Path(__file__).parents[3]


Complete = Callable[[Path, str], list[str]]


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """Ask as bash does, from a folder; a line that ends in a space begins a new word."""

    def ask(folder: Path, line: str) -> list[str]:
        number = len(line.split()) - (not line.endswith(" "))
        asked = {"_ORCHESTRATOR_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(number)}
        monkeypatch.chdir(folder)
        for name, value in asked.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            main()
        out, err = capsys.readouterr()
        assert err == ""
        return out.split()

    return ask


def test_a_shell_is_answered_by_the_program() -> None:
    """Catches a variable of another name than the one that the installed completion sets."""
    asked = {"_ORCHESTRATOR_COMPLETE": "complete_bash", "COMP_WORDS": "orchestrator pla", "COMP_CWORD": "1"}
    found = subprocess.run(
        [sys.executable, "-m", "orchestrator"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.stdout.split(), found.stderr) == (["plan"], "")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("orchestrator ni", ["nightly"]),
        ("orchestrator plan n", ["nightly", "night_a"]),
        ("orchestrator run n", ["night_a"]),
        ("orchestrator collect phase1", ["phase1"]),
        ("orchestrator nightly --preset ", ["cpu", "fast", "smoke"]),
        ("orchestrator compare p1_ p1_r", ["p1_resnet18_baseline"]),
    ],
)
def test_names_are_completed(
    write_experiments: Write, tmp_path: Path, completed: Complete, line: str, names: list[str]
) -> None:
    files = {
        "nightly/phase.json": {"title": "T", "experiments": ["a"]},
        "nightly/night_a.json": {},
        "presets/fast.json": {},
    }
    write_experiments(files)
    assert completed(tmp_path, line) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("orchestrator plan ni", ["nightly", "night_a"]),
        ("orchestrator collect ni", ["nightly"]),
        ("orchestrator decide ni", ["nightly"]),
        ("orchestrator compare ni", ["night_a"]),
        ("orchestrator ni", ["nightly"]),
    ],
)
@pytest.mark.parametrize("project", ["", "--project p2 "], ids=["here", "elsewhere"])
def test_names_of_the_project_are_completed(
    write_experiments: Write,
    tmp_path: Path,
    completed: Complete,
    line: str,
    names: list[str],
    project: str,
) -> None:
    """Catches a project whose folder is not ./experiments, and of which nothing is completed."""
    home = tmp_path / "p2" if project else tmp_path
    files = {"nightly/phase.json": {"title": "T", "experiments": ["night_a"]}, "nightly/night_a.json": {}}
    write_experiments(files, folder=home / "exps")
    (home / "orchestrator.toml").write_text('experiments = "exps"')
    assert completed(tmp_path, line.replace(" ", f" {project}", 1)) == names


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"experiments/x/phase.json": "{"}, ["phase1"]),
        ({"orchestrator.toml": "="}, ["phase1"]),
        ({"orchestrator.toml": "experiments = 'no'"}, []),
    ],
    ids=["phase", "project", "folder"],
)
def test_wrong_files_are_no_matter_of_completion(
    tmp_path: Path, completed: Complete, files: dict[str, str], names: list[str]
) -> None:
    """Catches an error message in the middle of the line that somebody types."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert completed(tmp_path, "orchestrator phase1") == ["phase1"]
    assert completed(tmp_path, "orchestrator plan phase1") == names
