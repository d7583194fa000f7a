"""The commands as users type them: help, schema, a finished study that is asked for again."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer

from orchestrator.cli import make_app

ROOT = Path(__file__).parents[2]
PHASES = ["phase1", "phase2", "phase3", "phase4"]
COMMANDS = [
    *([phase] for phase in PHASES), ["run"], ["plan"], ["status"], ["collect"], ["report"],
    ["explain"], ["predict"], ["schema"], ["ui"], ["data", "scan"], ["data", "demo"], ["data", "equalise"],
    ["data", "prepare"], ["data", "check"], ["data", "fetch"], ["data", "cache"], ["data", "report"],
    ["models"], ["decide"], ["compare"], ["study"], ["init"],
]  # fmt: skip

Call = Callable[..., tuple[int, str, str]]


def documented(command: list[str]) -> tuple[list[str], list[str]]:
    """What a command's author wrote: its examples, and the help of each of its options."""
    found: Any = typer.main.get_command(make_app(PHASES))
    for name in command:
        found = found.commands[name]
    lines = [line.strip() for line in found.help.splitlines()]
    return [line for line in lines if line.startswith("Example:")], [each.help or "" for each in found.params]


every_command = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


@every_command
def test_every_command_shows_an_example_of_itself(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Catches help that is broken into lines of 80 or 40 columns where it is piped into a file."""
    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = call(*command, "--help")
    lines = [line.strip() for line in out.splitlines()]
    examples, options = documented(command)
    assert code == 0
    assert examples[0].startswith(f"Example: python -m orchestrator {' '.join(command)}")
    assert set(examples) <= set(lines)
    assert all(any(option in line for line in lines) for option in options)


@pytest.mark.slow
@every_command
def test_every_command_shows_its_example_on_a_narrow_terminal(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = call(*command, "--help")
    out = re.sub("\x1b\\[[0-9;]*m", "", out)
    assert code == 0 and "╭─ Options ─" in out
    assert all("".join(each.split()) in "".join(out.split()) for each in documented(command)[0])


@pytest.mark.parametrize("group", [[], ["data"]], ids=str)
def test_a_group_without_a_command_shows_its_help(call: Call, group: list[str]) -> None:
    """Catches help that is printed as an error."""
    code, out, err = call(*group)
    assert (code, err) == (2, "")
    assert out.strip() == call(*group, "--help")[1].strip()


def test_the_help_lists_every_command(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert all(f" {command[0]} " in out for command in COMMANDS)


def test_schema_prints_a_json_schema(call: Call) -> None:
    code, out, err = call("schema")
    assert (code, err) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(out))
    assert json.loads(out) == json.loads((ROOT / "experiments" / "schema.json").read_text())


def test_models_lists_every_backbone_as_json_and_as_a_table(call: Call) -> None:
    found = {row["name"]: row for row in json.loads(call("models", "--json")[1])}
    keys = {"name", "parameters", "trainable_parameters", "num_classes", "input_px", "source"}
    assert all(set(row) == keys for row in found.values())
    assert found["three_cnn"]["parameters"] == 691_781 and found["svm_rbf"]["parameters"] is None
    table = call("models")[1]
    assert all(name in table for name in found) and "691,781" in table


def test_the_shipped_experiments_are_found_from_any_folder(call: Call, tmp_path: Path) -> None:
    """Catches a program that works in the repository's folder alone."""
    code, _, err = call("plan", "phase1", "--data", tmp_path / "none")
    assert code == 2
    assert "no such data folder" in err


def test_the_experiments_of_the_working_folder_come_first(
    call: Call, write_experiments: Callable[..., Path], faces: Path, tmp_path: Path
) -> None:
    write_experiments({"p/mine.json": {}})
    code, out, _ = call("plan", "mine", "--data", faces, "--json")
    assert code == 0
    assert json.loads(out)["trials"][0]["experiment"] == "mine"


def test_the_data_folder_is_the_experiments_own_unless_named(
    call: Call, write_experiments: Callable[..., Path], faces: Path
) -> None:
    write_experiments({"p/mine.json": {"data_dir": str(faces)}})
    assert call("plan", "mine")[0] == 0
    assert call("plan", "mine", "--data", "elsewhere")[0] == 2


@pytest.mark.slow
def test_a_file_is_planned_by_its_path(
    call: Call, write_experiments: Callable[..., Path], faces: Path
) -> None:
    folder = write_experiments({"p/mine.json": {}})
    code, out, _ = call("plan", folder / "p" / "mine.json", "--data", faces, "--folds", "0", "--json")
    assert code == 0
    assert [trial["name"] for trial in json.loads(out)["trials"]] == ["mine-r0f0"]


@pytest.mark.slow
def test_plan_and_its_table_name_the_same_trials(
    call: Call, write_experiments: Callable[..., Path], faces: Path
) -> None:
    write_experiments({"p/mine.json": {}, "p/other.json": {}})
    common = ("plan", "mine", "other", "--data", faces, "--only", "o*", "--folds", "1,2")
    names = [trial["name"] for trial in json.loads(call(*common, "--json")[1])["trials"]]
    assert names == ["other-r0f1", "other-r0f2"]
    table = call(*common)[1]
    assert all(name in table for name in names)
    assert "mine-" not in table


def test_demo_draws_a_set_that_can_be_scanned(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("trainables.data.demo")
    code, out, _ = call("data", "demo", tmp_path / "demo", "--faces", 10, "--size", 64)
    assert code == 0
    assert "10 wiki" in out
    code, out, _ = call("data", "scan", tmp_path / "demo", "--json")
    assert (code, json.loads(out)["images"]) == (0, 40)


def untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave MLflow out: its own module tests it, and its import takes seconds."""
    monkeypatch.setattr("orchestrator.tracking.is_synced", lambda store, study: True)


def test_collect_prints_json_and_nothing_else(
    call: Call, results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    untracked(monkeypatch)
    results.add("a", folds=2)
    results.add("b", folds=2)
    results.compare("a", "b")
    code, out, _ = call("collect", "phase1", "--results", results.write(), "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found) == {
        "phase", "verdict", "failures", "summary", "comparisons", "shortcuts", "caveats", "decision",
        "report",
    }  # fmt: skip
    assert found["decision"] is None
    assert found["failures"] == []
    assert found["comparisons"][0]["verdict"] == "undecided"
    assert Path(found["report"]) == results.root / "reports" / "phase1" / "index.html"


def test_a_failed_trial_makes_the_exit_code_1(
    call: Call, results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a script that goes on as if all trials had succeeded."""
    untracked(monkeypatch)
    results.add("a", folds=2, states={1: "failed"})
    code, out, err = call("collect", "phase1", "--results", results.write(), "--quiet")
    assert code == 1
    assert "a repeat 0 fold 1 failed: the loss is nan" in err
    assert "No experiment has all its folds yet" in out


@pytest.mark.slow
def test_collect_survives_a_tracking_store_that_is_away(
    call: Call, results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(store: object, study: object, *, mends: bool) -> None:
        from orchestrator.tracking import TrackingError

        raise TrackingError("connection refused")

    monkeypatch.setattr("orchestrator.tracking.sync", away)
    results.add("a", folds=2)
    code, out, _ = call("collect", "phase1", "--results", results.write())
    assert code == 0
    assert "connection refused" in out
    assert "collect" in out
    assert "a: AUC" in out


def test_a_report_is_written_from_results_alone(call: Call, results: Any) -> None:
    results.add("a", folds=2)
    code, out, _ = call("report", "phase1", "--results", results.write())
    assert code == 0
    assert out.strip() == str(results.root / "reports" / "phase1" / "index.html")


def test_an_interrupt_before_there_is_anything_to_unwind_is_no_traceback() -> None:
    """Catches Ctrl-C in the first moment, which Python answers with what it was importing."""
    ask = "import signal, orchestrator.__main__; print(signal.getsignal(signal.SIGINT) is signal.SIG_DFL)"
    found = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "True", found.stderr


def test_an_interrupt_in_code_made_from_text_has_the_exit_code_of_any_other(tmp_path: Path) -> None:
    """Catches an exit by the signal: CPython's own, after an interrupt within exec or a dataclass."""
    (tmp_path / "program.py").write_text(
        "from orchestrator import cli\n"
        "cli.make_app = lambda *arguments: exec('raise KeyboardInterrupt')\n"
        "cli.main(['status'])\n"
    )
    found = subprocess.run(
        [sys.executable, "-m", "program"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 130, found.stderr


def test_the_module_is_the_program(tmp_path: Path) -> None:
    """Catches an exit code or a message that is lost on the way out of the process."""
    command = ["run", "p1_simplecnn_baseline", "--data", "no-such-folder", "--results", str(tmp_path)]
    found = subprocess.run(
        [sys.executable, "-m", "orchestrator", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("Error: no such data folder: no-such-folder")


@pytest.mark.parametrize("command", ["collect", "report", "decide"])
def test_a_mistyped_results_folder_is_not_made(call: Call, tmp_path: Path, command: str) -> None:
    code, _, err = call(command, "phase1", "--results", tmp_path / "reslts")
    assert code == 2 and "there is no results folder" in err
    assert not (tmp_path / "reslts").exists()


def test_the_version_is_that_of_the_distribution(call: Call) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    code, out, _ = call("--version")
    assert (code, out) == (0, f"orchestrator {project['version']}\n")


@pytest.mark.parametrize(
    ("name", "near"), [("pahse1", "phase1"), ("p1_resnet_baseline", "p1_resnet18_baseline")]
)
def test_a_mistyped_name_is_answered_with_the_phase_or_experiment_that_was_meant(
    call: Call, name: str, near: str
) -> None:
    code, _, err = call("plan", name, "--experiments", ROOT / "experiments")
    assert code == 2 and f"no experiment '{name}', and no phase" in err
    assert f"nearest: {near}" in err
