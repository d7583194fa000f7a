"""`explain-images`: Grad-CAM of finished models on images that they did not learn from, and its checks."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.completion import phase_completions
from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.options import (
    RESULTS,
    AddressOption,
    DataOption,
    DebugOption,
    OnlyOption,
    QuietOption,
    ResultsOption,
)
from orchestrator.console import say, screen, warn
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.execution.explanation_plan import ExplanationPlan
    from orchestrator.execution.hard_evidence import EvidencePlan
    from orchestrator.store.explanation_files import Explanations
    from orchestrator.store.folder import Store


def explain_images_command(
    phases: Annotated[
        list[str],
        typer.Argument(
            metavar="PHASE",
            help="Phases that have run.",
            autocompletion=phase_completions,
            show_default=False,
        ),
    ],
    per_experiment: Annotated[
        int,
        typer.Option(
            "--per-experiment", min=4, max=100, help="How many images, the same for all experiments."
        ),
    ] = 16,
    only: OnlyOption = None,
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    address: AddressOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Explain what finished models look at, check whether the maps matter to their scores, write the report.

    Each image is explained by the model whose test fold held it; so are the images that most models get wrong
    and those whose label is doubted, with the nearest training image. What is there is not done again. Exits
    with 2 where nothing can be explained, with 1 where some model could not explain its images.

    Example: python -m orchestrator explain-images phase1 phase2
    """
    from orchestrator.analysis.collect import collect
    from orchestrator.execution.explanation_plan import plan_explanations
    from orchestrator.execution.workplace import ray_address
    from orchestrator.report.page import write_report
    from orchestrator.store.folder import Store

    store, console = Store.reopen(results), screen()
    plans = [
        plan_explanations(
            store,
            phase,
            data=data,
            only=only,
            per_experiment=per_experiment,
            console=console,
            quiet=quiet,
        )
        for phase in dict.fromkeys(phases)
    ]
    found = _explained(store, plans, data=data, address=ray_address(address), debug=debug, quiet=quiet)
    for plan in plans:
        page = write_report(store, collect(store, plan.phase))
        _say_outcome(plan, found[plan.phase])
        say(f"Report: {page}")
    if any(len(found[plan.phase].record.problems) > len(plan.problems) for plan in plans):
        raise typer.Exit(EXIT_FAILED)


def _explained(
    store: "Store",
    plans: Sequence["ExplanationPlan"],
    *,
    data: Path | None,
    address: str,
    debug: bool,
    quiet: bool,
) -> dict[str, "Explanations"]:
    """Run what is missing of each phase, on one executor; none is started where nothing is."""
    from orchestrator.execution.executor import start_executor
    from orchestrator.execution.explaining import explain_phase
    from orchestrator.execution.hard_evidence import gather_evidence
    from orchestrator.execution.remote_places import refuse_far_workers
    from orchestrator.store.remote.data_copy import data_folder

    refuse_far_workers(address, store.root)
    console, found = screen(), {}
    hard = [each for plan in plans if (each := _evidence_plan(store, plan.phase)) is not None]
    needs_workers = any(plan.missing for plan in plans) or any(plan.needs_workers for plan in hard)
    with (
        start_executor(address, logs=store.logs, debug=debug) if needs_workers else contextlib.nullcontext()
    ) as executor:
        for plan in plans:
            found[plan.phase] = explain_phase(plan, executor, console=console, quiet=quiet)
        for evidence in hard:
            root = data_folder(data or evidence.experiment.record.data)
            record = gather_evidence(evidence, root=root, executor=executor, console=console, quiet=quiet)
            for problem in record.problems:
                warn(f"{evidence.phase}, hard examples: {problem}")
    return found


def _evidence_plan(store: "Store", phase: str) -> "EvidencePlan | None":
    """Plan what is looked at of hard examples; where that can't be, say why, and explain the rest."""
    from orchestrator.execution.hard_evidence import plan_evidence

    try:
        return plan_evidence(store, phase)
    except InputError as error:
        warn(f"{phase} has no evidence on hard examples: {error}")
        return None


def _say_outcome(plan: "ExplanationPlan", found: "Explanations") -> None:
    trials, before = len(found.record.trials), len(plan.done)
    number, images = len(found.experiments), len(found.images)
    models = "experiment" if number == 1 else "experiments"
    say(
        f"{plan.phase}: {images} images explained for {number} {models} "
        f"by {trials} {'trial' if trials == 1 else 'trials'} ({before} as before): {plan.folder}"
    )
    for problem in found.record.problems:
        place = "" if problem.fold is None else f", fold {problem.fold}"
        warn(f"{problem.experiment}{place} is not explained: {problem.reason}")
