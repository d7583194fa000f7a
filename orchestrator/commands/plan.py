"""`plan`: every trial with its state, why, resources and estimate; nothing is started."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.completion import name_completions
from orchestrator.commands.run_options import RunOptions, with_run_options
from orchestrator.console import duration, progress_bar, say, screen, show_table

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.config.load import ResolvedPhase
    from orchestrator.plan.estimates import PhaseEstimate
    from orchestrator.plan.plan import Options, StudyPlan
    from orchestrator.store.price_record import PriceRecord


# Options of a run that change nothing of its plan.
UNPLANNED = (
    "max_concurrent",
    "address",
    "wait_workers",
    "mixed_gpus",
    "grace",
    "accept_shortcut",
    "race",
    "quiet",
)


@with_run_options(without=(*UNPLANNED, "max_hours", "max_cost"))
def plan_command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="PHASE|NAME", help="A phase, or experiments.", autocompletion=name_completions
        ),
    ],
    options: RunOptions,
) -> None:
    """Show every trial with its state, why and resources, and what experiments cost; start nothing.

    Example: python -m orchestrator plan phase1 --data ~/faces --preset smoke
    """
    from orchestrator.commands.plan_tables import show_experiments
    from orchestrator.plan.pixel_plan import pixel_line

    as_json = options.as_json
    plan_options = replace(options.plan_options(), quiet=as_json)
    price = options.price_record()
    study, estimate = estimated_plan(options.question(names), plan_options, console=screen(stderr=as_json))
    if as_json:
        print(_json_text(study, estimate, price))
    else:
        _show(study, console=screen())
        show_experiments(estimate, price, console=screen())
        say(pixel_line(study))


def estimated_plan(
    question: "ResolvedPhase", options: "Options", *, console: "Console"
) -> "tuple[StudyPlan, PhaseEstimate]":
    """Plan without starting anything, with what each trial takes, and say what the phase takes."""
    from orchestrator.execution.racing import with_eliminations
    from orchestrator.plan.estimates import Estimator, with_estimates
    from orchestrator.plan.resources import this_machine

    study = make_plan(question, options, console=console)
    estimate = Estimator(study.store, this_machine(study.device), study.device).phase(study)
    return with_eliminations(with_estimates(study, estimate)), estimate


def make_plan(question: "ResolvedPhase", options: "Options", *, console: "Console") -> "StudyPlan":
    """Plan without starting anything; what was found in the data folder is remembered."""
    from orchestrator.execution.run import plan_question
    from orchestrator.plan.data_sets import DataSets
    from orchestrator.store.folder import Store

    with progress_bar(console, "Reading images", quiet=options.quiet) as progress:
        data = DataSets(Store.look(options.results), override=options.data, progress=progress)
        return plan_question(question, options, data)


def _json_text(study: "StudyPlan", estimate: "PhaseEstimate", price: "PriceRecord | None") -> str:
    from orchestrator.checks import data_gate
    from orchestrator.checks.shortcuts import CHECKS
    from orchestrator.commands.plan_tables import estimate_json, price_json
    from orchestrator.plan.pixel_plan import pixel_json
    from orchestrator.store.remote.local_copy import place_text

    held_out: list[dict[str, object]] = [
        {"file": each.file, "images": len(each.rows), "of": each.labelled} for each in study.held_out()
    ]
    content = {
        "phase": study.phase.name,
        "preset": study.preset,
        "handed_over": [each.plain() for each in study.handed_over],
        "changed": _changed(study),
        "sweeps": [each.plain() for each in study.sweeps],
        "notes": list(study.notes),
        "undeclared": [asdict(each) for each in study.undeclared()],
        "device": study.device,
        "data": study.data_lines(),
        "trials": [
            {
                "name": trial.name,
                "experiment": trial.experiment,
                "repeat": trial.repeat,
                "fold": trial.fold,
                "key": trial.key or None,
                "state": trial.state,
                "why": trial.why,
                "images": dict(trial.sizes),
                "resources": asdict(trial.share),
                "estimate_s": trial.estimate_s,
            }
            for trial in study.selected()
        ],
        "shortcuts": [
            {
                "data": place_text(planned.manifest.root),
                "made": known is not None,
                "verdict": known and known.verdict,
                **{check: known and known.scores(check).plain() for check in CHECKS},
            }
            for planned, known in data_gate.known_checks(study)
        ],
        "uneven": [each.plain() for each in study.uneven],
        "pixel_caches": pixel_json(study),
        "held_out": held_out,
        "price": price_json(price),
        "estimate": estimate_json(estimate, price),
    }
    return json.dumps(content, indent=1)


def _changed(study: "StudyPlan") -> list[str]:
    from orchestrator.plan.changed import changed_since
    from orchestrator.wording.changed_text import changed_sentences

    return changed_sentences(changed_since(study), phase=study.phase.name, results=str(study.store.root))


def _left_race(study: "StudyPlan") -> list[str]:
    """Say whose missing folds are planned although an earlier race has left them out."""
    from orchestrator.analysis.trial_scores import place_name
    from orchestrator.store.folder import State
    from orchestrator.store.race_file import read_race

    race = read_race(study.store, study.phase.name)
    missing = {trial.key for trial in study.selected() if trial.state != State.DONE}
    return [
        f"{each.experiment} was eliminated after {place_name(each.place)} of a race: with --race its missing "
        "folds are left out, without it they are run"
        for each in (race.eliminated if race is not None else ())
        if missing & set(each.left_out)
    ]


def _show(study: "StudyPlan", *, console: "Console") -> None:
    from rich.table import Table

    from orchestrator.checks import data_gate
    from orchestrator.checks.shortcuts import plan_text
    from orchestrator.config.earlier_decisions import sentence
    from orchestrator.plan.held_out import held_out_line
    from orchestrator.wording.numbers import DASH
    from orchestrator.wording.settings_text import undeclared_sentences
    from orchestrator.wording.sweep_text import sweep_sentences
    from orchestrator.wording.uneven_parts import uneven_sentences

    left = [trial.estimate_s or 0.0 for trial in study.missing()]
    total = f", about {duration(sum(left))} of work" if left else ""
    title = (
        f"{study.phase.title}: {len(study.selected())} trials, {len(left)} to run on {study.device}{total}"
    )
    table = Table()
    for column in ("trial", "state", "train/val/test", "resources", "estimate"):
        table.add_column(column, no_wrap=True)
    table.add_column("why", overflow="fold")
    for trial in study.selected():
        share = trial.share
        table.add_row(
            trial.name,
            trial.state,
            "/".join(str(trial.sizes.get(part, 0)) for part in ("train", "val", "test")),
            f"{share.cpus} CPU" + (f", {share.gpus:g} GPU" if share.gpus else ""),
            DASH if trial.estimate_s is None else duration(trial.estimate_s),
            trial.why,
        )
    recipes = study.recipes()
    lines = study.data_lines()
    lines += [sentence(each, recipes) for each in study.handed_over]
    lines += _changed(study)
    lines += [*sweep_sentences(study.sweeps), *study.notes, *map(held_out_line, study.held_out())]
    lines += undeclared_sentences(study.undeclared())
    lines += _left_race(study)
    lines += uneven_sentences(study.uneven, num_experiments=len(study.experiments))
    lines += [
        f"Shortcuts in {planned.manifest.root}: {plan_text(known)}"
        for planned, known in data_gate.known_checks(study)
    ]
    show_table(table, title=title, notes=list(dict.fromkeys(lines)), console=console)
