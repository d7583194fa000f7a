"""`predict`: scores of new images by the finished models of an experiment, or by one of them."""

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.chosen_models import ALL_FOLDS, FoldsOfOption, TrialOption, chosen_models
from orchestrator.commands.completion import experiment_completions
from orchestrator.commands.options import (
    RESULTS,
    DebugOption,
    FollowLinksOption,
    GroupByOption,
    JsonOption,
    LayoutOption,
    QuietOption,
    RealSourcesOption,
    ResultsOption,
    check_layout,
    names_of,
)
from orchestrator.console import progress_bar, say, screen, show_table, warn
from trainables.errors import InputError
from trainables.explain.explainable import why_not_explained

if TYPE_CHECKING:
    from orchestrator.analysis.joint_models import CalibrationChoice, JointModels
    from orchestrator.analysis.predicted import Predicted

CALIBRATIONS = ("temperature", "platt", "isotonic", "none")
# More rows than fit on a screen are in the file alone.
MOST_SHOWN = 20
ImagesArgument = Annotated[
    Path,
    typer.Argument(
        metavar="IMAGES", help="An image, a folder of images, or a table (CSV) with a column path."
    ),
]
ExperimentOption = Annotated[
    str | None,
    typer.Option(
        "--experiment",
        metavar="NAME",
        help="The experiment whose models score, all together.",
        autocompletion=experiment_completions,
        show_default=False,
    ),
]
CalibrationOption = Annotated[
    str,
    typer.Option(
        metavar="|".join(CALIBRATIONS),
        help="How scores become probabilities, by inner validation rows alone.",
    ),
]
# Scoring a folder takes less than a Ray does to start, so that one is used where it is asked for.
ScoringAddressOption = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="local|none|auto|HOST:PORT",
        help="The Ray to score on; none: without Ray, one model at a time.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.csv", help="Write every image's row to this file.", show_default=False),
]
GradcamOption = Annotated[
    bool, typer.Option("--gradcam", help="Draw where the first model looks, into a folder beside --out.")
]


def predict_command(
    images: ImagesArgument,
    experiment: ExperimentOption = None,
    trial: TrialOption = None,
    folds: FoldsOfOption = ALL_FOLDS,
    calibration: CalibrationOption = "temperature",
    out: OutOption = None,
    gradcam: GradcamOption = False,
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    results: ResultsOption = RESULTS,
    address: ScoringAddressOption = "none",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say of new images how likely they are fake: the mean of an experiment's models, calibrated.

    Where the folder or the table tells true classes, metrics are said too. Files that are no usable images,
    or that a table names and that are not there, are rows with the reason.

    Example: python -m orchestrator predict ~/new --experiment p1_resnet18_baseline --out new.csv
    """
    from orchestrator.execution.executor import start_executor
    from orchestrator.execution.overlays import with_overlays
    from orchestrator.execution.predicting import predict_images, scratch_store, seen_by_workers
    from orchestrator.store.existing_results import existing_results
    from trainables.data.dataset.named_images import name_images
    from trainables.kept_networks import keeping_networks

    check_layout(layout)
    _check_out(out, images)
    store, console = existing_results(results), screen(stderr=as_json)
    models = chosen_models(
        store, experiment, trial, folds=folds, by="--experiment NAME", calibration=_choice(calibration)
    )
    overlays = _overlay_folder(out, models) if gradcam else None
    with progress_bar(console, "Reading images", quiet=quiet) as progress:
        named = name_images(
            images, classes=models.classes, layout=layout, group_by=group_by,
            real_sources=names_of(real_sources), follow_links=follow_links, progress=progress,
        )  # fmt: skip
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(scratch_store(seen_by_workers(store, address)))
        executor = stack.enter_context(start_executor(address, logs=scratch.logs, debug=debug))
        # Of many batches, networks are loaded for the first.
        stack.enter_context(keeping_networks({}))
        found = predict_images(
            store, models, named, scratch=scratch, executor=executor, console=console, quiet=quiet
        )
        if overlays is not None:
            found = with_overlays(
                found, overlays, scratch=scratch, executor=executor, console=console, quiet=quiet
            )
    _write_and_say(found, out=out, quiet=quiet, as_json=as_json)


def _choice(given: str) -> "CalibrationChoice":
    from typing import get_args

    from orchestrator.analysis.joint_models import CalibrationChoice

    for choice in get_args(CalibrationChoice):
        if given == choice:
            known: CalibrationChoice = choice
            return known
    raise InputError(f"--calibration {given}: {', '.join(CALIBRATIONS[:-1])} or {CALIBRATIONS[-1]}")


def _check_out(out: Path | None, images: Path) -> None:
    """Raise InputError where the table could not be written in the end."""
    if out is None:
        return
    if out.suffix.lower() != ".csv" or out.is_dir():
        raise InputError(f"--out {out}: name a file that ends in .csv")
    if out.resolve() == images.resolve():
        raise InputError(f"--out {out} is the table of images itself; name another file")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"--out {out}: {above} can't be written; name another folder")


def _overlay_folder(out: Path | None, models: "JointModels") -> Path:
    """Name the folder of overlays; InputError where there can be none."""
    if out is None:
        raise InputError("--gradcam draws into a folder beside the table; name it with --out FILE.csv")
    if why := why_not_explained(models.experiment.recipe):
        raise InputError(f"--gradcam: {why}; leave it out")
    return out.with_name(f"{out.stem}-gradcam")


def _write_and_say(found: "Predicted", *, out: Path | None, quiet: bool, as_json: bool) -> None:
    from orchestrator.analysis.csv_text import as_csv
    from orchestrator.wording.predict_text import (
        left_out_sentence,
        overlay_sentence,
        predicted_sentences,
        unusable_sentence,
    )
    from trainables.files import replace_file

    if out is not None:
        with replace_file(out) as partial:
            partial.write_text(as_csv(found.table), encoding="utf-8")
    for line in filter(None, (left_out_sentence(found.models), unusable_sentence(found))):
        warn(line)
    sentences = predicted_sentences(found)
    if as_json:
        content = {
            "images": json.loads(found.table.to_json(orient="records", double_precision=15)),
            "metrics": [each.plain() for each in found.metrics],
            "sentences": sentences,
        }
        print(json.dumps(content, indent=1))
        return
    if not quiet:
        _show(found, out)
    for line in sentences:
        say(line)
    if out is not None:
        if "overlay" in found.table:
            say(f"{overlay_sentence(found.models)}: {out.with_name(f'{out.stem}-gradcam')}")
        say(f"Predictions: {out}")


def _show(found: "Predicted", out: Path | None) -> None:
    from rich.table import Table

    from orchestrator.wording.numbers import number

    table = found.table
    chosen = [name for name in ("true_label", "reason") if name in table and (table[name] != "").any()]
    score = ["p_fake"] if "p_fake" in table else []
    grid = Table(
        "image",
        *(["P(fake)"] if score else []),
        "label",
        "confidence",
        "spread",
        *(name.replace("_", " ") for name in chosen),
    )
    for row in table.head(MOST_SHOWN).to_dict("records"):
        cells = [row["path"], *(number(row[name]) for name in score), row["label"]]
        cells += [number(row["confidence"]), number(row["spread"])]
        grid.add_row(*(str(cell) for cell in (*cells, *(row[name] for name in chosen))))
    left = len(table) - MOST_SHOWN
    where = "--out FILE.csv writes all" if out is None else f"all are in {out}"
    notes = [f"and {left} more; {where}"] if left > 0 else []
    show_table(grid, title=f"{len(table)} images", notes=notes, console=screen())
