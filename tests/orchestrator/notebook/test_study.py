"""Phases that are planned and run from Python: the same trials as the command's."""

import ast
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import orchestrator
from orchestrator import Study
from orchestrator.store.provenance import command_line, typed_as
from trainables.errors import InputError

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "pandas", "numpy", "ray", "mlflow", "matplotlib", "typer", "pydantic")


@pytest.fixture
def finished(trained_study: Path, faces: Path, tmp_path: Path) -> Study:
    """The study of `trained_study` on a copy of its results."""
    copy = Path(shutil.copytree(trained_study, tmp_path / "results"))
    return Study(
        "phase1", data=faces, results=copy, experiments=trained_study.parent / "experiments", address="none"
    )


def test_the_package_loads_nothing_heavy() -> None:
    """Catches `import orchestrator` that takes seconds because of what it re-exports."""
    code = f"import orchestrator, sys, json; print(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []


def test_public_names_are_listed() -> None:
    assert {"Study", "Detector", "load_results"} <= set(dir(orchestrator))
    with pytest.raises(AttributeError, match="Studio"):
        _ = orchestrator.Studio


def test_a_plan_is_a_frame(finished: Study) -> None:
    plan = finished.plan()
    assert list(plan["experiment"]) == ["plain", "plain", "wide", "wide"]
    assert set(plan["state"]) == {"done"}
    assert (plan[["train", "val", "test"]].sum(axis=1) == 36).all()


@pytest.mark.slow
def test_a_run_does_what_is_missing(finished: Study, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches trials that Python's run does not know again as the command's, and does once more."""
    before = set(finished.results.trials["started"])
    phase = finished.run()
    assert set(phase.trials["started"]) == before
    printed = capsys.readouterr().out
    assert phase.conclusions[0] in printed and "Report:" in printed


def test_the_command_that_does_the_same_is_recorded(tmp_path: Path) -> None:
    """Catches a record that holds the arguments of a notebook's kernel."""
    study = Study("phase1", data="faces", preset="smoke", settings={"epochs": 3, "augment": {"hflip_p": 0.5}})
    assert study.arguments() == [
        "phase1", "--data", "faces", "--preset", "smoke", "--set", "epochs=3",
        "--set", 'augment={"hflip_p": 0.5}',
    ]  # fmt: skip
    some = Study(["p1_resnet18_baseline"], results=tmp_path, folds=[0, 2], address="none", race=True)
    assert some.arguments() == [
        "run", "p1_resnet18_baseline", "--results", str(tmp_path), "--folds", "0,2", "--address", "none",
        "--race",
    ]  # fmt: skip
    with typed_as(some.arguments()):
        assert command_line() == f"python -m orchestrator {' '.join(some.arguments())}"
    assert command_line() != f"python -m orchestrator {' '.join(some.arguments())}"


def test_mistakes_are_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="phase1"):
        Study("phase11", results=tmp_path / "results").plan()
    assert not (tmp_path / "results").exists()


def test_the_example_of_the_readme_runs(
    finished: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches an example that nobody can type any more: its lines are run on a small finished study."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## From Python\n")[2]
    block = re.match(r"\n((?:    .*\n|\n)+)", text)
    assert block is not None
    code = textwrap.dedent(block[1])
    assert len([line for line in code.splitlines() if line]) <= 12
    names = {"demo-data": None, "results": finished.results.store.root, "p1_resnet18_baseline": "plain"}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and names.get(str(node.value)) is not None:
            node.value = str(names[str(node.value)])
    monkeypatch.setattr("orchestrator.notebook.study.Study", lambda name, **given: finished)
    exec(compile(tree, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "estimate_s" in printed and "boot_low" in printed and "text2img" in printed
