"""Section of the learning curves: losses and one validation metric by epoch of the experiments shown."""

from collections.abc import Iterator

import pandas as pd

from orchestrator.analysis.collect import num_expected
from orchestrator.report.drawing.learning import draw_losses, draw_validation_scores
from orchestrator.report.export import slug
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Heading, Panel, Section, figure, note, prose
from orchestrator.store.records import ExperimentRecord
from orchestrator.wording.numbers import metric_name
from trainables.evaluation.metrics import LOWER_IS_BETTER


def learning_section(material: Material) -> Section:
    """Draw how the trainings went."""
    shown = material.bounds.curves
    blocks: list[Block | None] = [
        note(
            "Thin lines: one fold. Thick: the mean, for as long as every finished fold was trained. Dots: "
            "the epoch whose weights were kept, chosen on the inner validation images. " + shown.note
        )
    ]
    for position, experiment in enumerate(material.study.experiments, start=1):
        if experiment.name in shown.names:
            history = material.history[material.history["experiment"] == experiment.name]
            drawn = figure(learning_panels(experiment, history, position))
            lacking = "No finished fold has a loss by epoch (not finished yet, or fitted in one go)."
            blocks += [Heading(experiment.name, is_name=True), drawn or prose(lacking)]
    return Section.of("learning", "Learning curves", blocks)


def learning_panels(experiment: ExperimentRecord, history: pd.DataFrame, position: int) -> Iterator[Panel]:
    """Draw losses and the selection metric by epoch; nothing where there is no history.

    Args:
        experiment: whose.
        history: its epochs: columns trial, epoch, best_epoch, and those of history.csv.
        position: its number on the page.
    """
    if history.empty or not {"epoch", "train_loss", "val_loss"} <= set(history):
        return
    # What was fitted in one go (a support vector machine) has no losses by epoch.
    history = history[history["val_loss"].notna()]
    if history.empty:
        return
    name = experiment.name
    stem = f"{position:02d}-{slug(name)}"
    # An incomplete set of folds is drawn, and never averaged.
    is_whole = history["trial"].nunique() == num_expected(experiment)
    said = f"Training and validation loss by epoch of {name}. {_last_losses(history) if is_whole else ''}"
    yield Panel(f"loss-{stem}", draw_losses(history, name=name, is_whole=is_whole), said.strip())
    metric = str(experiment.recipe.plain().get("select_by"))
    column = f"val_{metric}"
    # Selected by log loss, the score is the loss, which is drawn already.
    if metric in LOWER_IS_BETTER or column not in history:
        metric, column = "auc", "val_auc"
    if column in history and history[column].notna().any():
        called = metric_name(metric)
        drawn = draw_validation_scores(history, column, metric=called, name=name, is_whole=is_whole)
        said = f"Validation {called} by epoch of {name}; its best value is {history[column].max():.3f}."
        yield Panel(f"validation-{stem}", drawn, said)


def _last_losses(history: pd.DataFrame) -> str:
    best = history[history["epoch"] == history["best_epoch"]]
    if best.empty:
        return ""
    return (
        f"At the epochs kept, training loss is {best['train_loss'].mean():.3f} and validation loss "
        f"{best['val_loss'].mean():.3f} on average."
    )
