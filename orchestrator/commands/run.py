"""The commands that run something: phases, single experiments, and the study of all phases."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.completion import experiment_completions, phase_completions
from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.outcome import PhaseOutcome, phase_outcome, say_outcome, show_outcome
from orchestrator.commands.run_options import RunOptions, fold_list, with_run_options
from orchestrator.commands.study_plan import show_study_plan
from orchestrator.commands.unfinished import say_unfinished
from orchestrator.console import complain, say, screen, warn

if TYPE_CHECKING:
    from orchestrator.analysis.collect import Tables
    from orchestrator.config.phase import Phase
    from orchestrator.execution.caps import Budget


def phase_command(name: str) -> Callable[..., None]:
    """Make the command of a phase."""

    @with_run_options()
    def command(options: RunOptions) -> None:
        _run_and_show([name], options)

    command.__doc__ = (
        f"Check data, plan, run what is missing of {name}, collect, decide, report.\n\n"
        f"Example: python -m orchestrator {name} --data ~/faces --preset cpu"
    )
    return command


@with_run_options()
def run_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME|FILE", help="Experiments.", autocompletion=experiment_completions),
    ],
    options: RunOptions,
) -> None:
    """Do for single experiments what a phase command does.

    Example: python -m orchestrator run p1_resnet18_baseline --data ~/faces --set epochs=3 --folds 0
    """
    _run_and_show(names, options)


@with_run_options(without=("only", "folds"))
def study_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PHASE", help="Phases.", autocompletion=phase_completions),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what each phase still costs, and start nothing.")
    ] = False,
    *,
    options: RunOptions,
) -> None:
    """Run phases, each on the decisions of those before it; go on where an earlier run stopped.

    These are the phases named and those that they build on; without a name all of your experiments folder,
    or where that has none, all that are shipped. It stops at a phase that can't decide and that a later one
    builds on.

    Example: python -m orchestrator study --data ~/faces --preset smoke
    """
    from orchestrator.config.phase import load_phase, phases_in_order
    from orchestrator.store.decision_file import in_force
    from orchestrator.store.folder import Store

    library = options.library()
    phases = phases_in_order(library, names or library.own_phases())
    budget = options.budget()
    if plan:
        show_study_plan(phases, options, budget)
        return
    needed = {earlier for name in phases for earlier in load_phase(library, name).builds_on}
    outcomes, num_failed = [], 0
    for number, name in enumerate(phases, start=1):
        if not options.quiet and not options.as_json:
            say(f"{name} ({number} of {len(phases)})")
        tables = _run_part([name], _racing(options, load_phase(library, name)), budget)
        if tables is None:
            if name != phases[-1]:
                complain(f"what comes after {name} waits for its other shards; run the same command then")
                raise typer.Exit(EXIT_FAILED)
            return
        store = Store.look(options.results)
        outcomes.append(phase_outcome(tables, store))
        num_failed += say_outcome(tables, store, as_json=options.as_json)
        if _say_cut(budget):
            _print_outcomes(outcomes, options=options)
            raise typer.Exit(EXIT_FAILED)
        num_failed += say_unfinished(tables, only=None, folds=None)
        if name in needed and in_force(store, name) is None:
            _print_outcomes(outcomes, options=options)
            complain(
                f"{name} has no decision, and what comes after it builds on one; "
                f"`python -m orchestrator decide {name}` says what is missing"
            )
            raise typer.Exit(EXIT_FAILED)
    _print_outcomes(outcomes, options=options)
    if num_failed:
        raise typer.Exit(EXIT_FAILED)


def _racing(options: RunOptions, phase: "Phase") -> RunOptions:
    """Let a phase of a study race if it can; say where it can't."""
    from orchestrator.decisions.race import why_no_race

    reason = why_no_race(phase) if options.race else ""
    if not reason:
        return options
    say(f"No race: {reason}", console=screen(stderr=options.as_json))
    return replace(options, race=False)


def _print_outcomes(outcomes: Sequence[PhaseOutcome], *, options: RunOptions) -> None:
    if options.as_json:
        print(json.dumps({"phases": [asdict(each) for each in outcomes]}, indent=1))
    elif not options.quiet:
        for each in outcomes:
            say(f"Report: {each.report}")


def _run_and_show(names: Sequence[str], options: RunOptions) -> None:
    from orchestrator.store.folder import Store

    budget = options.budget()
    tables = _run_part(names, options, budget)
    if tables is None:
        return
    is_left = _say_cut(budget) or say_unfinished(tables, only=options.only, folds=fold_list(options.folds))
    show_outcome(tables, Store.look(options.results), as_json=options.as_json)
    if is_left:
        raise typer.Exit(EXIT_FAILED)


def _say_cut(budget: "Budget") -> bool:
    """Say what a cap left undone; return whether it left anything."""
    from orchestrator.execution.within_caps import cut_sentences

    for sentence in cut_sentences(budget):
        warn(sentence)
    return bool(budget.cut)


def _run_part(names: Sequence[str], options: RunOptions, budget: "Budget") -> "Tables | None":
    """Run a phase, or a shard of it; return the tables, None where other shards have trials left.

    Raises:
        typer.Exit: trials of this shard are not done.
    """
    if options.own_shard() is None:
        return run_phase(names, options, budget)
    from orchestrator.execution.run import run_shard
    from orchestrator.execution.shard_outcome import ShardOutcome

    question, console = options.question(names), screen(stderr=options.as_json)
    found = run_shard(question, options.plan_options(), console=console, budget=budget)
    if not isinstance(found, ShardOutcome):
        return found
    _say_cut(budget)
    for line in found.left:
        complain(line)
    done = found.num_trials - len(found.left)
    say(
        f"{question.phase.name}, shard {found.shard.text}: {done} of {found.num_trials} trials done, "
        f"{found.num_elsewhere} of other shards are not; whoever ends last collects and decides, or the same "
        "command without --shard",
        console=console,
    )
    if found.left:
        raise typer.Exit(EXIT_FAILED)
    return None


def run_phase(names: Sequence[str], options: RunOptions, budget: "Budget") -> "Tables":
    """Run what is missing of a phase or of experiments, within a budget; return the tables."""
    from orchestrator.execution.run import run_study

    console = screen(stderr=options.as_json)
    return run_study(options.question(names), options.plan_options(), console=console, budget=budget)
