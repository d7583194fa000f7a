"""`status`: what is running, done and failed of one phase or of all, and the time left."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from orchestrator.commands.completion import phase_completions
from orchestrator.commands.options import RESULTS, DebugOption, JsonOption, ResultsOption
from orchestrator.console import duration, say, screen, show_table
from trainables.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.store.folder import Store
    from orchestrator.store.records import StudyRecord

WATCH_S = 2.0
# So many trials without a model are named.
MOST_LOST = 5


def status_command(
    phase: Annotated[
        str | None,
        typer.Argument(help="A phase; default: all that have run.", autocompletion=phase_completions),
    ] = None,
    results: ResultsOption = RESULTS,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until nothing runs.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what is running, done, failed, and the time left; from any terminal.

    Example: python -m orchestrator status --watch
    """
    show_status(results, phase, watch=watch, as_json=as_json, console=screen())


def show_status(results: Path, phase: str | None, *, watch: bool, as_json: bool, console: "Console") -> None:
    """Print the state of one phase or of all; with `watch` until nothing runs any more.

    Raises:
        InputError: no phase has run, there is no such phase, or its record is damaged.
    """
    from orchestrator.store.folder import Store
    from orchestrator.store.starting import starting

    store = Store.look(results)
    for line in () if as_json else _held_lines(store, phase):
        say(line, console=console)
    steps = {name: step for name, step in starting(store).items() if phase in (None, name)}
    studies = _asked_studies(store, phase, steps)
    if as_json:
        print(_json_text(store, studies, steps))
        return
    for name, step in steps.items():
        say(f"{name}: a run is starting ({step})", console=console)
    if watch and console.is_terminal:
        for study in studies:
            _watch(store, study.phase.name, console)
    else:
        for study in studies:
            _print_board(store, study, console)


def _held_lines(store: "Store", phase: str | None) -> list[str]:
    """Say who runs which study of remote results: no lock of this machine tells."""
    from orchestrator.store.remote.lease import holders
    from orchestrator.store.remote.local_copy import copy_at

    copy = copy_at(store.root)
    held = {} if copy is None else holders(copy, phase or "")
    return [f"{name}: is being run by {record.holder}" for name, record in held.items()]


def _asked_studies(store: "Store", phase: str | None, steps: Mapping[str, str]) -> "list[StudyRecord]":
    """Read the records that are asked for; a run that is starting has none yet the first time."""
    if phase is not None:
        known = store.known_study(phase)
        return [] if known is None and phase in steps else [store.study(phase)]
    return [] if steps and not store.studies() else _every_study(store)


def _every_study(store: "Store") -> "list[StudyRecord]":
    names = store.studies()
    if not names:
        raise InputError(f"{store.root} has no record of a run yet; start one, for example with phase1")
    # A copy that somebody kept beside the records does not stop the others from being shown.
    known = [study for name in names if (study := store.known_study(name)) is not None]
    return known or [store.study(name) for name in names]


def _json_text(store: "Store", studies: "list[StudyRecord]", steps: Mapping[str, str]) -> str:
    from orchestrator.execution.progress import board_from_disk, time_left_from_disk
    from orchestrator.store.lost_models import lost_models

    content: dict[str, dict[str, JsonValue]] = {
        name: {"counts": {}, "seconds_left": None, "trials": [], "starting": step}
        for name, step in steps.items()
    }
    for study in studies:
        board = board_from_disk(store, study)
        left = time_left_from_disk(store, study, board)
        step = steps.get(study.phase.name)
        content[study.phase.name] = {
            **board.to_json(),
            "seconds_left": left,
            "starting": step,
            "lost_models": dict(lost_models(store, study)),
        }
    return json.dumps(content, indent=1)


def _watch(store: "Store", phase: str, console: "Console") -> None:
    from rich.live import Live

    from orchestrator.execution.progress import board_from_disk
    from orchestrator.store.folder import State

    # A run that is started meanwhile may plan something else, so the record is read every time.
    board = board_from_disk(store, store.study(phase))
    with Live(board.titled(console.width), console=console, refresh_per_second=2) as live:
        while board.counts().get(State.RUNNING):
            time.sleep(WATCH_S)
            board = board_from_disk(store, store.study(phase))
            live.update(board.titled(console.width))


def _print_board(store: "Store", study: "StudyRecord", console: "Console") -> None:
    from orchestrator.execution.progress import board_from_disk, time_left_from_disk
    from orchestrator.store.folder import State

    board = board_from_disk(store, study)
    left = time_left_from_disk(store, study, board)
    notes = [] if left is None else [f"about {duration(left)} left"]
    notes += [
        f"{cell.name} failed: {cell.message}" for cell in board.cells.values() if cell.state == State.FAILED
    ]
    notes += [*_left_lines(store, study), *_lost_lines(store, study)]
    title = f"{study.phase.name}: {board.headline()}"
    show_table(board.table(console.width), title=title, notes=notes, console=console)


def _lost_lines(store: "Store", study: "StudyRecord") -> list[str]:
    """Say which finished trials have no model any more, and what that means."""
    from orchestrator.store.lost_models import lost_models

    lost = [f"{folder}: {problem}" for folder, problem in lost_models(store, study).items()]
    if not lost:
        return []
    rest = [] if len(lost) <= MOST_LOST else [f"and {len(lost) - MOST_LOST} more"]
    way_out = "its scores stand; to have its model again, delete the folder and run the phase"
    return [*(f"{line} ({way_out})" for line in lost[:MOST_LOST]), *rest]


def _left_lines(store: "Store", study: "StudyRecord") -> list[str]:
    """Say which experiments have left the phase's race, and when."""
    from orchestrator.analysis.experiment_scores import elimination_reason
    from orchestrator.store.race_file import read_race

    race = read_race(store, study.phase.name)
    gone = [] if race is None else [(each, race.elimination(each)) for each in study.experiments]
    return [f"{each.name}: {elimination_reason(found)}" for each, found in gone if found is not None]
