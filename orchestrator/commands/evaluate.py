"""`evaluate`: finished models, or scores of other detectors, on another data set."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.options import (
    RESULTS,
    AddressOption,
    DebugOption,
    GroupByOption,
    JsonOption,
    LayoutOption,
    QuietOption,
    RealSourcesOption,
    ResultsOption,
    check_layout,
    names_of,
)
from orchestrator.config.experiment import DEFAULT_MAX_UNUSABLE
from orchestrator.console import complain, say, screen


def evaluate_command(
    on: Annotated[
        Path,
        typer.Option(
            "--on", metavar="DIR", help="Folder of the other images, of any layout that `data scan` reads."
        ),
    ],
    experiments: Annotated[
        list[str] | None,
        typer.Argument(metavar="EXPERIMENT...", help="Experiments with finished trials.", show_default=False),
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            "--scores",
            metavar="FILE.csv",
            help="Scores of another detector: columns path and score (P(fake), 0 to 1), and detector where "
            "the file holds several; may be repeated.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name of the evaluation; default: that of the folder.", show_default=False
        ),
    ] = None,
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = "",
    max_unusable: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of files that may be unusable, as in a run.")
    ] = DEFAULT_MAX_UNUSABLE,
    results: ResultsOption = RESULTS,
    address: AddressOption = "local",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score another data set with finished models, and compare them there and with their home test folds.

    Images that the models may have trained on are kept out and counted. Models that scored the images before
    are not asked again. Writes results/evaluations/NAME/ and a page of its own.

    Exits with 0, with 1 if a model could not score, or with 2 if nothing started.

    Example: python -m orchestrator evaluate p1_resnet18_baseline --on ~/celeb_df
    """
    from orchestrator.execution.evaluate import EvaluationRequest, evaluate
    from orchestrator.store.evaluation_files import check_evaluation_name
    from orchestrator.store.folder import Store

    check_layout(layout)
    called = name if name is not None else on.resolve().name
    check_evaluation_name(called)
    store = Store.reopen(results) if experiments else Store.open(results)
    found = evaluate(
        store,
        EvaluationRequest(
            name=called,
            data=on,
            experiments=tuple(experiments or ()),
            foreign=tuple(scores or ()),
            layout=layout,
            group_by=group_by,
            real_sources=names_of(real_sources),
            max_unusable=max_unusable,
        ),
        address=address,
        console=screen(stderr=as_json),
        quiet=quiet or as_json,
        debug=debug,
    )
    if as_json:
        print(json.dumps({"evaluation": found.record.plain(), "scored": found.num_scored}, indent=1))
    elif not quiet:
        record = found.record
        say(f"{record.name}: {record.images} images, {found.num_scored} models scored them now")
    for problem in found.problems:
        complain(problem)
    if found.problems:
        raise typer.Exit(EXIT_FAILED)
