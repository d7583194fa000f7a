"""Options of a run: what the command line says arrives in one value, in every command that takes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from orchestrator.commands.run_options import RunOptions, with_run_options
from trainables.errors import InputError

Call = Callable[..., tuple[int, str, str]]
LINE = [
    *("--data", "faces", "--results", "out", "--preset", "smoke", "--set", "a=1", "--set", "b=2"),
    *("--folds", "0,2", "--only", "p*", "--max-concurrent", "3", "--address", "auto"),
    *("--device", "cuda", "--wait-workers", "2", "--mixed-gpus"),
    *("--accept-shortcut", "--race", "--quiet", "--json", "--debug", "--experiments", "mine"),
]


def called(*words: str, without: tuple[str, ...] = ()) -> tuple[int, str, list[tuple[list[str], RunOptions]]]:
    """Call a command of names and options; return its exit code, its output and what it was given."""
    calls: list[tuple[list[str], RunOptions]] = []
    app = typer.Typer()

    @app.command()
    @with_run_options(without)
    def command(names: Annotated[list[str], typer.Argument()], options: RunOptions) -> None:
        """Do it."""
        calls.append((names, options))

    ended = CliRunner().invoke(app, list(words))
    return ended.exit_code, ended.output, calls


def test_every_option_arrives() -> None:
    """Catches an option that a command takes and forgets."""
    code, _, [(names, options)] = called("one", "two", *LINE)
    assert (code, names) == (0, ["one", "two"])
    assert options == RunOptions(
        data=Path("faces"), results=Path("out"), preset="smoke", settings=["a=1", "b=2"], only="p*",
        folds="0,2", max_concurrent=3, address="auto", device="cuda", wait_workers=2.0, mixed_gpus=True,
        accept_shortcut=True, race=True, quiet=True,
        as_json=True, debug=True, experiments=Path("mine"),
    )  # fmt: skip
    given = options.plan_options()
    assert (given.folds, given.only, given.max_concurrent, given.accept_shortcut) == ((0, 2), "p*", 3, True)
    assert (given.address, given.device, given.wait_workers_s, given.mixed_gpus) == (
        "auto",
        "cuda",
        120.0,
        True,
    )
    assert given.race and not RunOptions().plan_options().race


def test_what_is_not_said_has_its_default() -> None:
    _, _, [(_, options)] = called("one")
    assert options == RunOptions()


def test_an_option_that_a_command_does_not_take_is_refused_there() -> None:
    code, _, calls = called("one", "--folds", "0", without=("folds", "only"))
    assert code == 2 and not calls
    _, _, [(_, options)] = called("one", "--quiet", without=("folds", "only"))
    assert options == RunOptions(quiet=True)


def test_folds_that_are_no_numbers_are_named() -> None:
    with pytest.raises(InputError, match="--folds first: give numbers"):
        RunOptions(folds="first").plan_options()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-hours", "0"], "--max-hours 0: give a number above 0"),
        (["--max-hours", "-1"], "--max-hours -1: give a number above 0"),
        (["--max-cost", "2"], "--max-cost needs --price"),
        (["--max-cost", "0", "--price", "1"], "--max-cost 0: give a number above 0"),
        (["--price", "g5.xlarg"], "no instance of"),
        (["--price", "-3"], "a number above 0"),
    ],
)
def test_a_cap_or_a_price_that_is_none_starts_nothing(call: Call, words: list[str], said: str) -> None:
    for command in (["phase1"], ["study"], ["run", "p1_resnet18_baseline"]):
        code, _, err = call(*command, *words)
        assert code == 2 and said in err


def test_the_environment_names_ray_and_device_and_options_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a command that starts a Ray of its own in a job of a cluster, and a variable that wins."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert (RunOptions().plan_options().address, RunOptions().plan_options().device) == ("local", None)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.5:6379")
    monkeypatch.setenv("ORCHESTRATOR_DEVICE", "cuda")
    given = RunOptions().plan_options()
    assert (given.address, given.device) == ("10.0.0.5:6379", "cuda")
    for address in ("local", "none"):
        assert RunOptions(address=address, device="cpu").plan_options().address == address
    assert RunOptions(device="cpu").plan_options().device == "cpu"
    for name in ("RAY_ADDRESS", "ORCHESTRATOR_DEVICE"):
        monkeypatch.setenv(name, "")
    assert (RunOptions().plan_options().address, RunOptions().plan_options().device) == ("local", None)


def test_a_device_that_is_none_starts_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = call("phase1", "--device", "gpu")
    assert code == 2 and "--device gpu: give cpu or cuda" in err
    monkeypatch.setenv("ORCHESTRATOR_DEVICE", "tpu")
    code, _, err = call("phase1")
    assert code == 2 and "ORCHESTRATOR_DEVICE=tpu: give cpu or cuda" in err
