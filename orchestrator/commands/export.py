"""`export`: the models of an experiment as files for other programs, with a model card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.chosen_models import ALL_FOLDS, FoldsOfOption, TrialOption, chosen_models
from orchestrator.commands.completion import experiment_completions
from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.options import RESULTS, DataOption, DebugOption, QuietOption, ResultsOption
from orchestrator.console import complain, say, warn
from trainables.errors import InputError, nearest

if TYPE_CHECKING:
    from orchestrator.analysis.joint_models import JointModels
    from orchestrator.execution.exporting import ExportedModel
    from orchestrator.store.folder import Store

FORMATS = ("onnx", "torchscript")
CARD = "README.md"


def export_command(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="The experiment whose models are written.",
            autocompletion=experiment_completions,
            show_default=False,
        ),
    ] = None,
    trial: TrialOption = None,
    wanted: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="The format of the files.")
    ] = "onnx",
    folds: FoldsOfOption = ALL_FOLDS,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the files go; default: results/exports/EXPERIMENT.", show_default=False
        ),
    ] = None,
    card: Annotated[bool, typer.Option("--card", help="Write the model card alone.")] = False,
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Write an experiment's models as ONNX or TorchScript, how to use them, and a model card.

    Each network is read again and compared with the original on test images; what differs is not kept.

    Example: python -m orchestrator export p1_resnet18_baseline --format onnx --folds 0
    """
    from orchestrator.store.folder import Store

    if wanted not in FORMATS:
        raise InputError(f"--format {wanted} is none of {', '.join(FORMATS)}; {nearest(wanted, FORMATS)}")
    store = Store.reopen(results)
    models = chosen_models(store, experiment, trial, folds=folds, by="EXPERIMENT")
    folder = out or store.exports(models.experiment.name)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder with --out")
    num_failed = 0 if card else _networks(models, folder, wanted=wanted, data=data, quiet=quiet)
    _card(store, models, folder / CARD)
    if num_failed:
        raise typer.Exit(EXIT_FAILED)


def _networks(models: "JointModels", folder: Path, *, wanted: str, data: Path | None, quiet: bool) -> int:
    """Write the networks and say what became of each; return how many failed."""
    from orchestrator.execution.exporting import export_models
    from orchestrator.store.remote.data_copy import data_folder
    from trainables.export import ExportFormat, why_not_exported

    chosen: ExportFormat = "onnx" if wanted == "onnx" else "torchscript"
    if why := why_not_exported(models.experiment.recipe.backbone, chosen):
        raise InputError(why)
    for problem in models.problems:
        warn(problem)
    failed = 0
    root = data_folder(data or models.experiment.data).expanduser().resolve()
    for each in export_models(models, folder, wanted=chosen, data=root):
        if each.network is None:
            failed += 1
            complain(each.problem)
        elif not quiet:
            say(_sentence(each))
    return failed


def _sentence(each: "ExportedModel") -> str:
    assert each.network is not None, "it was written"
    return (
        f"{each.network.path}: logits differ by at most {each.network.max_difference:.2g} from the trained "
        f"network's on {each.network.num_images} {each.checked_on} (read by {each.network.checked_by})"
    )


def _card(store: "Store", models: "JointModels", path: Path) -> None:
    """Write the model card by the tables of a phase that has the experiment."""
    from orchestrator.analysis.collect import collect
    from orchestrator.report.model_card import model_card, write_card
    from orchestrator.store.decision_file import in_force
    from orchestrator.store.find_experiment import recorded_phase

    phase = recorded_phase(store, models.experiment)
    if phase is None:
        warn(
            f"no model card: no phase in {store.root} names {models.experiment.name} any more, so its scores "
            "have no tables"
        )
        return
    write_card(path, model_card(collect(store, phase), models, in_force(store, phase)))
    say(f"Model card: {path}")
