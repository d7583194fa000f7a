"""`evaluate`: finished models, or scores of other detectors, on another data set."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.options import (
    RESULTS,
    AddressOption,
    DebugOption,
    FollowLinksOption,
    GroupByOption,
    JsonOption,
    LayoutOption,
    QuietOption,
    RealSourcesOption,
    ResultsOption,
    WithPathsOption,
    check_layout,
    names_of,
)
from orchestrator.config.experiment import DEFAULT_MAX_UNUSABLE
from orchestrator.console import complain, say, screen, warn
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.analysis.evaluation_tables import EvaluationTables


OnOption = Annotated[
    Path,
    typer.Option("--on", metavar="DIR", help="Folder of the other images, of any layout that is known."),
]
ExperimentsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="EXPERIMENT", help="Experiments with finished trials.", show_default=False),
]
ScoresOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--scores",
        metavar="FILE.csv",
        help="Scores of another detector: columns path and score (P(fake), 0 to 1), and detector where "
        "the file holds several; may be repeated.",
        show_default=False,
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", help="Name of the evaluation; default: that of the folder.", show_default=False),
]
PerturbOption = Annotated[
    list[str] | None,
    typer.Option(
        "--perturb",
        metavar="KIND:STRENGTH,...",
        help="Score the images under perturbations, too: jpeg:90,70,50 (quality), webp:50 (quality), "
        "blur:1,2 (standard deviation in pixels), resize:0.5 (factor), noise:4 (standard deviation in "
        "grey levels), contrast:0.5 (factor), gamma:2 (power). Several follow each other: "
        "--perturb jpeg:90,50 blur:1.",
        show_default=False,
    ),
]
PerturbAnywayOption = Annotated[
    bool,
    typer.Option(
        "--accept-shortcut", help="Perturb images whose files give the classes away; the page says so."
    ),
]
UnusableOption = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Share of files that may be unusable, as in a run.")
]


def evaluate_command(
    on: OnOption,
    experiments: ExperimentsArgument = None,
    scores: ScoresOption = None,
    name: NameOption = None,
    perturb: PerturbOption = None,
    accept_shortcut: PerturbAnywayOption = False,
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    max_unusable: UnusableOption = DEFAULT_MAX_UNUSABLE,
    results: ResultsOption = RESULTS,
    address: AddressOption = None,
    with_paths: WithPathsOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score another data set with finished models, and compare them there and with their home test folds.

    Images that the models may have trained on are kept out and counted. Models that scored the images before
    are not asked again. Writes results/evaluations/NAME/ and a page of its own.

    Exits with 0, with 1 if a model could not score, or with 2 if nothing started.

    Example: python -m orchestrator evaluate p1_resnet18_baseline --on ~/celeb_df --perturb jpeg:90,50 blur:1
    """
    from orchestrator.analysis.evaluation_tables import evaluation_tables
    from orchestrator.execution.evaluate import EvaluationRequest, evaluate
    from orchestrator.report.evaluation_page import write_evaluation_report
    from orchestrator.store.evaluation_files import check_evaluation_name
    from orchestrator.store.folder import Store
    from trainables.data.perturbations import parse_perturbations

    check_layout(layout)
    conditions = _conditions(perturb or (), experiments or ())
    request = EvaluationRequest(
        name=name if name is not None else on.resolve().name,
        data=_folder_of_images(on),
        experiments=tuple(each for each in experiments or () if each not in conditions),
        foreign=tuple(scores or ()),
        layout=layout,
        group_by=group_by,
        real_sources=names_of(real_sources),
        follow_links=follow_links,
        max_unusable=max_unusable,
        perturbations=parse_perturbations(conditions),
        accepts_shortcut=accept_shortcut,
    )
    check_evaluation_name(request.name)
    store, console = (Store.reopen if experiments else Store.open)(results), screen(stderr=as_json)
    found = evaluate(store, request, address=address, console=console, quiet=quiet, debug=debug)
    tables = evaluation_tables(store, found.record)
    page = write_evaluation_report(store, tables, with_paths=with_paths)
    if as_json:
        print(_json_text(tables, num_scored=found.num_scored, page=page))
    else:
        _say(tables, num_scored=found.num_scored, page=page, quiet=quiet)
    _fail_for(found.problems)


def _fail_for(problems: Sequence[str]) -> None:
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(EXIT_FAILED)


def _folder_of_images(on: Path) -> Path:
    """Return what --on names; InputError where it is no folder."""
    if not on.is_dir():
        what = "a file, not a folder of images" if on.exists() else "no folder that is there"
        raise InputError(f"--on {on} is {what}; name the folder of the other images")
    return on


def _conditions(perturb: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return what --perturb names: each may hold several, and words with a colon after one belong to it."""
    found = [each for word in perturb for each in word.split()]
    return [*found, *(word for word in words if ":" in word)] if found else []


def _say(tables: "EvaluationTables", *, num_scored: int, page: Path, quiet: bool) -> None:
    from orchestrator.wording.evaluation_text import (
        all_warnings,
        evaluation_lead,
        evaluation_sentences,
        image_sentences,
    )
    from orchestrator.wording.robustness import robustness_sentences

    for line in all_warnings(tables.record):
        warn(line)
    if quiet:
        say(evaluation_lead(tables))
        return
    robust = robustness_sentences(tables.robustness)
    for line in (*image_sentences(tables.record), *evaluation_sentences(tables), *robust):
        say(line)
    say(f"{num_scored} models scored these images now. Report: {page}")


def _json_text(tables: "EvaluationTables", *, num_scored: int, page: Path) -> str:
    from orchestrator.wording.evaluation_text import all_warnings, evaluation_sentences
    from orchestrator.wording.robustness import robustness_sentences

    content = {
        "evaluation": tables.record.plain(),
        "scored": num_scored,
        "sentences": [*evaluation_sentences(tables), *robustness_sentences(tables.robustness)],
        "warnings": list(all_warnings(tables.record)),
        "report": str(page),
    }
    return json.dumps(content, indent=1)
