"""Bad input on the command line: exit code 2, one clear message, nothing started, no traceback."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.execution import run
from orchestrator.execution.restart import RunEndedError

Write = Callable[..., Path]
Draw = Callable[[Path], Path]


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """Runs commands against a folder of experiments, images and results."""

    experiments: Path
    data: Path
    results: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Ended:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return Ended(int(end.value.code or 0), captured.out, captured.err)

    def start(self, command: str, *arguments: object, name: str = "a", **given: Path) -> Ended:
        """`run` or `plan` an experiment with the usual folders."""
        folders = {"experiments": self.experiments, "data": self.data, "results": self.results, **given}
        options = [part for option, path in folders.items() for part in (f"--{option}", path)]
        return self(command, name, *options, *arguments)

    def refused(self, ended: Ended, *said: str) -> None:
        """The command was refused: 2, a message, no traceback, and no trial."""
        assert ended.code == 2, ended
        assert ended.err.startswith("Error: ")
        assert "Traceback" not in ended.err + ended.out
        assert "defect" not in ended.err
        for part in said:
            assert part in ended.err
        assert not (self.results / "trials").exists()
        assert not (self.results / "studies").exists()


@pytest.fixture
def cli(
    write_experiments: Write,
    faces: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[CommandLine]:
    def no_ray(*arguments: object) -> None:
        raise AssertionError("a run was started")

    monkeypatch.setattr(run, "run_missing", no_ray)
    monkeypatch.chdir(tmp_path)
    folder = write_experiments(
        {
            "p/a.json": {},
            "p/missing_parent.json": {"extends": "nowhere"},
            "p/circle.json": {"extends": "circle2"},
            "p/circle2.json": {"extends": "circle"},
        }
    )
    yield CommandLine(folder, faces, tmp_path / "results", capsys)
    # Nothing may be left in the working directory either.
    assert not (tmp_path / "trials").exists()


both = pytest.mark.parametrize("command", ["run", "plan"])


@both
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epohcs=3", ["unknown key 'epohcs'", "epochs"]),
        ("optimizer.momentun=0.5", ["unknown key 'optimizer.momentun'", "momentum"]),
        ("epochs=three", ["epochs", "three"]),
        ("epochs=2.5", ["epochs is 2.5"]),
        ("epochs=0", ["epochs is 0"]),
        ("dropout=1.5", ["dropout is 1.5"]),
        ("optimizer.type=adamax", ["optimizer.type", "adamax", "adam"]),
        ("cv_folds=50", ["12 groups", "50 folds"]),
        ('train_sources=["stylegan"]', ["stylegan", "inpainting, text2img, wiki"]),
        ("layout=splits", ["splits"]),
        ("epochs", ["--set epochs", "key=value"]),
    ],
)
def test_a_bad_setting(cli: CommandLine, command: str, setting: str, said: list[str]) -> None:
    cli.refused(cli.start(command, "--set", setting), *said)


@both
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing_parent", ["missing_parent.json", "nowhere"]),
        ("circle", ["circle.json", "circle2.json"]),
        ("b", ["no experiment 'b'"]),
        ("p/none.json", ["p/none.json"]),
    ],
)
def test_a_bad_experiment(cli: CommandLine, command: str, name: str, said: list[str]) -> None:
    cli.refused(cli.start(command, name=name), *said)


@both
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--folds", "x"], ["--folds x", "0,1"]),
        (["--folds", "0,,1"], ["--folds"]),
        (["--folds", ""], ["--folds"]),
        (["--folds", "7"], ["--folds 7", "0 to 4"]),
        (["--folds", "-1"], ["0 to 4"]),
        (["--only", "z*"], ["--only z*"]),
        (["--preset", "fast"], ["no preset 'fast'"]),
        (["--unknown"], ["--unknown", "--help"]),
    ],
)
def test_a_bad_option(cli: CommandLine, command: str, arguments: list[str], said: list[str]) -> None:
    cli.refused(cli.start(command, *arguments), *said)


def test_no_trials_at_a_time(cli: CommandLine) -> None:
    cli.refused(cli.start("run", "--max-concurrent", "0"), "--max-concurrent")


def test_a_class_with_too_few_groups(cli: CommandLine, tmp_path: Path, make_faces: Write) -> None:
    data = make_faces(tmp_path / "few", basenames=range(3))
    cli.refused(cli.start("run", data=data), "3 groups", "5 folds")


def make_nothing(root: Path, draw: Draw) -> None:
    root.mkdir()


def make_no_images(root: Path, draw: Draw) -> None:
    (root / "wiki").mkdir(parents=True)
    (root / "text2img").mkdir()


def make_one_class(root: Path, draw: Draw) -> None:
    for number in range(6):
        draw(root / "wiki" / f"{number}.jpg")


def make_a_file(root: Path, draw: Draw) -> None:
    root.write_text("no folder")


def make_broken_images(root: Path, draw: Draw) -> None:
    for source in ("wiki", "text2img"):
        for number in range(6):
            draw(root / source / f"{number}.jpg")
    for number in range(2):
        (root / "wiki" / f"{number}.jpg").write_bytes(b"no image")


def make_unlabelled(root: Path, draw: Draw) -> None:
    for number in range(12):
        draw(root / "train" / f"{number}.jpg")
    rows = [f"{number},{number % 2 if number != 7 else ''}" for number in range(12)]
    (root / "train.csv").write_text("\n".join(["image_id,label", *rows]) + "\n")


def make_only_unlabelled(root: Path, draw: Draw) -> None:
    for number in range(12):
        draw(root / "test" / f"{number}.jpg")
        draw(root / "train" / f"{number}.jpg")
    (root / "train.csv").write_text("image_id,label\n" + "".join(f"{number},1\n" for number in range(12)))
    (root / "test.csv").write_text("image_id\n" + "".join(f"{number}\n" for number in range(12)))


@both
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (None, ["no such data folder", "--data"]),
        (make_nothing, ["none of the known layouts"]),
        (make_no_images, ["no images under", "--data"]),
        (make_one_class, ["one class only", "real"]),
        (make_a_file, ["is a file, not a folder"]),
        (make_broken_images, ["2 of 12 files", "max_unusable"]),
        (make_unlabelled, ["train.csv, line 9", "no label"]),
        (make_only_unlabelled, ["one class only"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_data(
    cli: CommandLine, tmp_path: Path, draw: Draw, command: str, make: Any, said: list[str]
) -> None:
    data = tmp_path / "data"
    if make:
        make(data, draw)
    cli.refused(cli.start(command, data=data), *said)


@both
def test_results_that_are_a_file(cli: CommandLine, command: str) -> None:
    """Catches a traceback, and a file of the user's that is overwritten."""
    cli.results.write_text("mine")
    cli.refused(cli.start(command), str(cli.results), "--results")
    assert cli.results.read_text() == "mine"


@pytest.mark.parametrize("command", ["run", "plan", "status", "collect", "report", "explain"])
def test_results_of_a_newer_version(cli: CommandLine, command: str) -> None:
    cli.results.mkdir()
    (cli.results / "results.json").write_text(json.dumps({"format": 99}))
    if command in ("run", "plan"):
        ended = cli.start(command)
    else:
        ended = cli(command, "phase1", "--results", cli.results)
    cli.refused(ended, "newer version", "format 99")
    assert [path.name for path in cli.results.iterdir()] == ["results.json"]


@pytest.mark.parametrize("command", ["status", "collect", "report"])
def test_a_phase_that_never_ran(cli: CommandLine, command: str) -> None:
    cli.results.mkdir(parents=True)
    cli.refused(cli(command, "phase9", "--results", cli.results), "no record of 'phase9'")


def test_no_run_at_all_yet(cli: CommandLine) -> None:
    cli.refused(cli("status", "--results", cli.results), "no record of a run yet")
    cli.refused(cli("explain", "a-r0f0", "--results", cli.results), "none has run there yet")


@pytest.mark.parametrize("command", [["phase9"], ["plan", "phase9"]])
def test_a_phase_without_a_file(cli: CommandLine, write_experiments: Write, command: list[str]) -> None:
    """Catches a message about experiments that lets nobody guess which phases there are."""
    write_experiments({"phase8/phase.json": {"title": "T", "experiments": ["a"]}})
    ended = cli(*command, "--experiments", cli.experiments, "--data", cli.data, "--results", cli.results)
    cli.refused(ended, "phase9", "phase8")


@pytest.mark.parametrize("arguments", [["fly"], ["run"], ["data", "fly"], ["plan"], ["run", "a", "--folds"]])
def test_a_usage_error(cli: CommandLine, arguments: list[str]) -> None:
    ended = cli(*arguments)
    cli.refused(ended, "--help")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_no_command_shows_the_help_without_an_empty_error(cli: CommandLine, arguments: list[str]) -> None:
    """Catches "Error:  (see --help)", which says nothing, below the help."""
    ended = cli(*arguments)
    assert ended.code in (0, 2)
    assert "Commands" in ended.out + ended.err
    assert "Error:  (" not in ended.err


def test_an_error_is_one_message_on_standard_error(cli: CommandLine) -> None:
    ended = cli.start("run", "--set", "epohcs=3", "--json")
    cli.refused(ended)
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1


def test_all_problems_come_at_once(cli: CommandLine, write_experiments: Write) -> None:
    write_experiments({"p/x.json": {"epohcs": 1}, "p/y.json": {"dropout": 2.0}})
    ended = cli.start("run", "y", "--set", "seed=-1", name="x")
    cli.refused(ended, "x.json", "y.json", "seed")
    assert all(line.startswith("Error: ") for line in ended.err.splitlines())


def test_brackets_in_a_message_stay_as_they_are(cli: CommandLine) -> None:
    """Catches rich markup: "[bold]" must not vanish from a name."""
    cli.refused(cli.start("run", name="[bold]x"), "'[bold]x'")


def test_a_traceback_comes_only_with_debug(cli: CommandLine) -> None:
    ended = cli.start("run", "--set", "epohcs=3", "--debug")
    assert ended.code == 2
    assert "Traceback" in ended.err
    assert "unknown key 'epohcs'" in ended.err


def explode(*arguments: object, **given: object) -> None:
    raise RuntimeError("wires crossed")


@pytest.mark.parametrize("named", [True, False])
def test_a_defect_is_one_line_and_a_log(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: bool
) -> None:
    """Catches a traceback on the screen, and one that is lost."""
    monkeypatch.setattr("orchestrator.commands.status.show_status", explode)
    ended = cli("status", *(["--results", cli.results] if named else []))
    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert "defect" in line
    assert "RuntimeError: wires crossed" in line
    (log,) = (tmp_path / "results" / "logs").glob("*.log")
    assert log.name in line
    assert "Traceback" in log.read_text()
    assert "explode" in log.read_text()
    assert list(tmp_path.rglob("*.log")) == [log]


@pytest.mark.parametrize("form", ["two words", "one word"])
def test_a_defect_is_logged_where_the_results_are(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    """Catches a log in ./results though --results=DIR named another folder."""
    monkeypatch.setattr("orchestrator.commands.status.show_status", explode)
    other = tmp_path / "other"
    cli("status", *(["--results", other] if form == "two words" else [f"--results={other}"]))
    assert len(list((other / "logs").glob("*.log"))) == 1
    assert not (tmp_path / "results").exists()


def test_a_defect_with_debug_is_a_traceback(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.commands.status.show_status", explode)
    ended = cli("status", "--debug", "--results", cli.results)
    assert ended.code == 1
    assert "Traceback" in ended.err


def test_a_defect_is_said_even_if_no_log_can_be_written(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.commands.status.show_status", explode)
    ended = cli("status", "--results", os.devnull)
    assert ended.code == 1
    assert "--debug" in ended.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, "same command"), (RunEndedError("no worker"), 1, "no worker")],
)
def test_what_ends_a_command_is_no_defect(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def end(*arguments: object, **given: object) -> None:
        raise error

    monkeypatch.setattr("orchestrator.commands.status.show_status", end)
    ended = cli("status", "--results", cli.results)
    assert ended.code == code and said in ended.err and "defect" not in ended.err


def test_sigterm_is_143_and_says_how_to_go_on(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches `ray job stop` that kills a command outright, or that looks like Ctrl-C to a batch system."""

    def terminate(*arguments: object, **given: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("orchestrator.commands.status.show_status", terminate)
    ended = cli("status", "--results", cli.results)
    assert ended.code == 143
    assert "SIGTERM" in ended.err and "same command" in ended.err and ended.err.count("\n") == 1


@pytest.mark.parametrize("command", ["collect", "report", "decide", "status"])
def test_a_record_that_names_another_folder_removes_nothing(
    cli: CommandLine, results: Any, tmp_path: Path, command: str
) -> None:
    """Catches the files of a folder that a record names as its phase being taken for an old page's."""
    theirs = tmp_path / "theirs"
    files = [theirs / name for name in ("figures/a.svg", "tables/b.csv", "tables/paper/c.txt", "d.figure")]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    results.add("a", folds=2)
    file = results.write() / "studies" / "phase1.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "phase": {**record["phase"], "name": str(theirs)}}))
    for name, said in (("phase1", "says that it is of"), (theirs, "is no name of a phase")):
        ended = cli(command, name, "--results", results.root)
        assert ended.code == 2 and said in ended.err and ended.err.count("\n") == 1
    assert all(path.read_text() == "mine" for path in files)
    assert sorted(path for path in theirs.rglob("*") if path.is_file()) == sorted(files)
