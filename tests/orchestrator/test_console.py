"""Lines in files and pipes: whole, however long they are and whatever COLUMNS says."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from orchestrator.cli import main
from orchestrator.console import UNWRAPPED, complain, progress_bar, say, screen, show_table

ROOT = Path(__file__).parents[2]
LONG = "a-folder-whose-name-is-as-long-as-those-of-real-disks/" * 3


Printed = Callable[..., list[str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Run a command where there is no terminal but a width of 40: the lines of both streams."""
    monkeypatch.setenv("COLUMNS", "40")

    def run(*arguments: object) -> list[str]:
        with pytest.raises(SystemExit):
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return [line.rstrip() for line in (captured.out + captured.err).splitlines()]

    return run


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """A folder with a path of more than a hundred characters."""
    folder = tmp_path / LONG
    folder.mkdir(parents=True)
    return folder


@pytest.mark.slow
def test_a_set_that_is_drawn_far_away_is_named_on_one_line(far: Path) -> None:
    """Catches "10 wiki" in two lines, since the path before it fills the line."""
    found = subprocess.run(
        [sys.executable, "-m", "orchestrator", "data", "demo", far / "demo", "--faces", "10"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "40", "LC_ALL": "C"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    counts = "10 wiki, 10 text2img, 10 inpainting, 10 insight"
    assert found.stdout.splitlines()[-1] == f"{far}/demo: {counts}"


def test_a_set_far_away_is_named_whole(far: Path, printed: Printed, own_faces: Path) -> None:
    """Catches a title as narrow as its table."""
    images = Path(own_faces.rename(far / "faces"))
    (images / "wiki" / "broken.jpg").write_bytes(b"no image")
    lines = printed("data", "scan", images)
    assert lines[0] == f"{images}: 36 images, 12 groups (sources, by basename+near)"
    assert lines[-1].startswith("kept out  wiki/broken.jpg: not an image")
    assert lines[0] in printed("data", "check", images)


@pytest.mark.slow
def test_a_plan_far_away_is_whole(
    far: Path, printed: Printed, write_experiments: Callable[..., Path], faces: Path
) -> None:
    """Catches names and reasons that are cut or folded, and a caption as narrow as its table."""
    name = "an_experiment_whose_name_says_all_that_it_changes_in_the_baseline" * 2
    files = {"p/a.json": {"precision": "auto"}, f"p/{name}.json": {}}
    folder = write_experiments(files, folder=far / "experiments")
    images = far / "faces"
    images.symlink_to(faces)
    found = ["--experiments", folder, "--data", images, "--results", far / "results"]
    lines = printed("plan", "a", name, *found)
    (title,) = [line for line in lines if line.startswith(f"a, {name}: 10 trials, 10 to run on ")]
    assert lines.index(title) < lines.index(next(line for line in lines if "━" in line))
    assert sum("a-r0f" in line and "precision not measured yet" in line for line in lines) == 5
    assert sum(f"{name}-r0f" in line for line in lines) == 5
    assert any(line.startswith(f"Shortcuts in {images}: ") for line in lines)
    assert max(map(len, lines)) < 1000


def test_the_state_of_results_far_away_is_whole(far: Path, printed: Printed, results: Any) -> None:
    results.root = far / "results"
    name = "an_experiment_whose_name_says_all_that_it_changes_in_the_baseline" * 2
    results.add(name, states={1: "failed"})
    root = results.write()
    lines = printed("status", "--results", root)
    assert lines[0] == "phase1: 4/5 trials done, 1 failed, 32 s of training so far (validation auc)"
    assert f"{name} r0 f1 failed: the loss is nan" in lines
    (root / "cache" / "scores").mkdir(parents=True)
    (root / "cache" / "scores" / f"{name}.json").write_bytes(b"123")
    lines = printed("data", "cache", "--results", root)
    assert lines[0] == f"{root}/cache: 1 caches, 0 KiB"
    assert any(f" {name}.json " in line and " scores and bootstrap intervals of " in line for line in lines)


def test_errors_are_whole(far: Path, printed: Printed) -> None:
    (line,) = printed("data", "scan", far / "none")
    assert line.startswith(f"Error: no such data folder: {far}/none; ") and line.endswith(f"{far}/none`")
    (line,) = printed("status", "--results", far, "--no-such-option", far)
    assert line.startswith("Error: No such option: --no-such-option")


def test_the_help_of_a_lone_trial_is_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainables.__main__ import trial_command

    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "argv", ["trainables", "--help"])
    with pytest.raises(SystemExit):
        trial_command()
    lines = capsys.readouterr().out.splitlines()
    assert any("--base BASE" in line and "folder of a finished trial to combine" in line for line in lines)
    assert lines[0].startswith("usage: ") and lines[0].endswith(" recipe")


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_nothing_makes_a_terminal_of_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Catches colours and a width of 40 in a log, because an environment asks for colours."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv(variable, "1")
    say("[bold] " + "word " * 100 + "end")
    complain("word " * 100 + "end")
    show_table(
        Table("x " * 100 + "end"), title="t " * 100 + "end", notes=["n " * 100 + "end"], console=screen()
    )
    captured = capsys.readouterr()
    assert captured.out.startswith("[bold] word") and "\x1b" not in captured.out + captured.err
    ends = [line for line in captured.out.splitlines() if "end" in line]
    assert len(ends) == 4 and captured.err.count("\n") == 1


def test_a_terminal_keeps_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert screen().width == screen(stderr=True).width == UNWRAPPED
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert screen().width == 40


NASTY = "\x1b[31m[red]:fire:\x1b]0;x\x07 {task} \u202egpj"
SHOWN = r"\x1b[31m[red]:fire:\x1b]0;x\x07 {task} \u202egpj"


def test_names_give_no_orders_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches names of folders that colour, clear or rename a terminal, or turn their own suffix round."""
    table = Table(NASTY)
    table.add_row(NASTY)
    show_table(table, title=NASTY, notes=[NASTY], console=screen())
    complain(NASTY)
    with progress_bar(screen(), NASTY, quiet=False) as progress:
        progress(1, 1)
    found = capsys.readouterr()
    assert [SHOWN in line for line in found.out.splitlines() if "fire" in line] == [True] * 5
    assert found.err == f"Error: {SHOWN}\n"


def test_a_bar_on_a_terminal_shows_its_title_as_it_stands() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    with progress_bar(console, NASTY, quiet=False) as progress:
        progress(1, 2)
    assert SHOWN in out.getvalue()


def test_no_message_holds_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    complain("MLflow's store at postgresql://me:secret@host/db can't be used")
    assert capsys.readouterr().err == "Error: MLflow's store at postgresql://host/db can't be used\n"
