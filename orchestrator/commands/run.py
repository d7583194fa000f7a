"""The commands that run something, or say what would run: phases, single experiments, the study, a plan."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from orchestrator.commands.completion import experiment_completions, name_completions, phase_completions
from orchestrator.commands.options import (
    RESULTS,
    AcceptOption,
    AddressOption,
    DataOption,
    DebugOption,
    ExperimentsOption,
    FoldsOption,
    JsonOption,
    MaxOption,
    OnlyOption,
    PresetOption,
    QuietOption,
    ResultsOption,
    SetOption,
)
from orchestrator.commands.results import EXIT_FAILED, outcome_json, say_outcome, show_outcome
from orchestrator.console import complain, say, screen
from trainables.errors import InputError


def phase_command(name: str) -> Callable[..., None]:
    """Make the command of a phase."""

    def command(
        data: DataOption = None,
        results: ResultsOption = RESULTS,
        preset: PresetOption = None,
        settings: SetOption = None,
        only: OnlyOption = None,
        folds: FoldsOption = None,
        max_concurrent: MaxOption = None,
        address: AddressOption = "local",
        accept_shortcut: AcceptOption = False,
        quiet: QuietOption = False,
        as_json: JsonOption = False,
        debug: DebugOption = False,
        experiments: ExperimentsOption = None,
    ) -> None:
        _run_one([name], **locals())

    command.__doc__ = (
        f"Check data, plan, run what is missing of {name}, collect, decide, report.\n\n"
        f"Example: python -m orchestrator {name} --data ~/faces --preset cpu"
    )
    return command


def run_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME|FILE...", help="Experiments.", autocompletion=experiment_completions),
    ],
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    preset: PresetOption = None,
    settings: SetOption = None,
    only: OnlyOption = None,
    folds: FoldsOption = None,
    max_concurrent: MaxOption = None,
    address: AddressOption = "local",
    accept_shortcut: AcceptOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    experiments: ExperimentsOption = None,
) -> None:
    """Do for single experiments what a phase command does.

    Example: python -m orchestrator run p1_resnet18_baseline --data ~/faces --set epochs=3 --folds 0
    """
    given = dict(locals())
    _run_one(given.pop("names"), **given)


def study_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PHASE...", help="Phases.", autocompletion=phase_completions),
    ] = None,
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    preset: PresetOption = None,
    settings: SetOption = None,
    max_concurrent: MaxOption = None,
    address: AddressOption = "local",
    accept_shortcut: AcceptOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    experiments: ExperimentsOption = None,
) -> None:
    """Run phases, each on the decisions of those before it; go on where an earlier run stopped.

    These are the phases named and those that they build on; without a name all of your experiments folder,
    or where that has none, all that are shipped. It stops at a phase that can't decide and that a later one
    builds on.

    Example: python -m orchestrator study --data ~/faces --preset smoke
    """
    given = {**locals(), "only": None, "folds": None}
    del given["names"]
    from orchestrator.config.library import find_library
    from orchestrator.config.phase import load_phase, phases_in_order
    from orchestrator.store.decision_file import in_force
    from orchestrator.store.folder import Store

    library = find_library(experiments)
    phases = phases_in_order(library, names or library.own_phases())
    needed = {earlier for name in phases for earlier in load_phase(library, name).builds_on}
    found, num_failed = [], 0
    for number, name in enumerate(phases, start=1):
        if not quiet and not as_json:
            say(f"{name} ({number} of {len(phases)})")
        tables = _run([name], **given)
        store = Store.look(results)
        found.append(outcome_json(tables, store))
        num_failed += say_outcome(tables, as_json=as_json)
        if name in needed and in_force(store, name) is None:
            complain(
                f"{name} has no decision, and what comes after it builds on one; "
                f"`python -m orchestrator decide {name}` says what is missing"
            )
            raise typer.Exit(EXIT_FAILED)
    if as_json:
        print(json.dumps({"phases": found}, indent=1))
    elif not quiet:
        for each in found:
            say(f"Report: {each['report']}")
    if num_failed:
        raise typer.Exit(EXIT_FAILED)


def plan_command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="PHASE|NAME...", help="A phase, or experiments.", autocompletion=name_completions
        ),
    ],
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    preset: PresetOption = None,
    settings: SetOption = None,
    only: OnlyOption = None,
    folds: FoldsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    experiments: ExperimentsOption = None,
) -> None:
    """Show every trial with its state, why, resources and estimate; start nothing.

    Example: python -m orchestrator plan phase1 --data ~/faces --preset smoke
    """
    from orchestrator.commands.views import make_plan, plan_json, show_plan
    from orchestrator.config.library import find_library
    from orchestrator.config.load import load
    from orchestrator.plan.pixel_plan import pixel_json, pixel_line
    from orchestrator.plan.plan import Options

    question = load(names, find_library(experiments), results=results, preset=preset, settings=settings or ())
    options = Options(
        results=results, data=data, only=only, folds=_fold_list(folds), quiet=as_json, debug=debug
    )
    study = make_plan(question, options, console=screen(stderr=as_json))
    if as_json:
        print(json.dumps({**plan_json(study), "pixel_caches": pixel_json(study)}, indent=1))
    else:
        show_plan(study, console=screen())
        say(pixel_line(study))


def _run_one(names: list[str], **given: Any) -> None:
    from orchestrator.store.folder import Store

    tables = _run(names, **given)
    show_outcome(tables, Store.look(given["results"]), as_json=given["as_json"])


def _run(names: list[str], **given: Any) -> Any:
    """Run a phase or experiments with what the command line gave; return the tables."""
    from orchestrator.config.library import find_library
    from orchestrator.config.load import load
    from orchestrator.execution.run import run_study
    from orchestrator.plan.plan import Options

    question = load(
        names,
        find_library(given["experiments"]),
        results=given["results"],
        preset=given["preset"],
        settings=given["settings"] or (),
    )
    options = Options(
        results=given["results"],
        data=given["data"],
        only=given["only"],
        folds=_fold_list(given["folds"]),
        max_concurrent=given["max_concurrent"],
        address=given["address"],
        quiet=given["quiet"],
        debug=given["debug"],
        accept_shortcut=given["accept_shortcut"],
    )
    return run_study(question, options, console=screen(stderr=given["as_json"]))


def _fold_list(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--folds {text}: give numbers with commas between them, for example 0,1") from error
