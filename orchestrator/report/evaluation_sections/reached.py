"""Section of the scores: what each detector reaches on these images, as one model and as an ensemble."""

import math

import numpy as np
import pandas as pd

from orchestrator.analysis.elsewhere import ElsewhereScore
from orchestrator.report.drawing.elsewhere import draw_elsewhere
from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Figure, Panel, Section, Table, figure, note, prose
from orchestrator.wording.evaluation_text import (
    HEADLINE,
    INTERVALS,
    THRESHOLDS,
    evaluation_sentences,
    score_numbers,
)
from orchestrator.wording.numbers import DASH, between, capital, metric_name, number
from trainables.evaluation.metrics import METRICS, TUNED

AT_HALF = ("accuracy", "balanced_accuracy", "recall", "precision", "f1")
NO_THRESHOLD = ("auc", "average_precision", "eer", "brier", "log_loss", "ece")


def reached_section(material: EvaluationMaterial) -> Section:
    """Show the scores of every detector."""
    first, *others = evaluation_sentences(material.tables) or ["No detector has scores of these images."]
    has_tuned = any(row.metric.endswith(TUNED) for row in material.tables.summary)
    blocks: list[Block | None] = [
        prose(first, tone="says"),
        *map(prose, others),
        _figure(material),
        Table(_grid(material, "Scores without a threshold", NO_THRESHOLD), name="elsewhere", style="wide"),
        Table(_grid(material, "Decisions at 0.5", AT_HALF), name="elsewhere_decisions", style="wide"),
    ]
    if has_tuned:
        tuned = tuple(f"{name}{TUNED}" for name in AT_HALF)
        title = "Decisions at the home threshold"
        blocks.append(Table(_grid(material, title, tuned), name="elsewhere_at_home", style="wide"))
    blocks += [note(INTERVALS), note(THRESHOLDS) if has_tuned else None]
    blocks.append(note(material.note) if material.note else None)
    return Section.of("reached", "Scores on these images", blocks, name="Scores")


def _figure(material: EvaluationMaterial) -> Figure | None:
    rows = [material.tables.score(name, HEADLINE) for name in material.lines]
    whole = [row for row in rows if row is not None and not math.isnan(row.mean)]
    if not whole:
        return None
    losses = [material.tables.loss(row.detector, HEADLINE) for row in whole]
    table = pd.DataFrame(
        {
            "detector": [row.detector for row in whole],
            "mean": [row.mean for row in whole],
            "ci_low": [row.ci_low for row in whole],
            "ci_high": [row.ci_high for row in whole],
            "ensemble": [row.ensemble for row in whole],
            "home": [np.nan if loss is None else loss.home for loss in losses],
        }
    )
    said = "; ".join(f"{row.detector} {number(row.mean)}" for row in whole)
    panel = Panel("elsewhere-auc", draw_elsewhere(table), f"AUC on these images: {said}.")
    return figure(
        [panel],
        "AUC of each detector on these images: the mean of its models with its 95 % interval (diamond), "
        "their ensemble (bar), and the mean on the models’ own test folds (ring). The line is chance.",
    )


def _grid(material: EvaluationMaterial, label: str, metrics: tuple[str, ...]) -> Grid:
    rows: list[list[GridCell | str]] = []
    for name in material.listed:
        found = {metric: material.tables.score(name, metric) for metric in metrics}
        headline = next((row for row in found.values() if row is not None), None)
        models = DASH if headline is None else f"{headline.n} of {headline.n_expected}"
        images = DASH if headline is None else str(headline.images)
        cells = [_cell(found[metric]) for metric in metrics]
        ensemble = found.get(HEADLINE)
        if HEADLINE in metrics:
            cells.insert(1, _ensemble(ensemble))
        rows.append([name, *cells, images, models])
    heads = [_head(metric) for metric in metrics]
    if HEADLINE in metrics:
        heads.insert(1, "AUC of the ensemble")
    return grid(label, ["Detector", *heads, "Images", "Models"], rows)


def _head(metric: str) -> str:
    root = metric.removesuffix(TUNED)
    arrow = " ↓" if METRICS[root].lower_is_better else ""
    return f"{capital(metric_name(root))}{arrow}"


def _cell(row: ElsewhereScore | None) -> GridCell:
    if row is None:
        return GridCell(DASH)
    if math.isnan(row.mean):
        return GridCell(DASH, row.reason, "muted")
    value, interval = score_numbers(row)
    return GridCell(value, "" if interval == DASH else interval)


def _ensemble(row: ElsewhereScore | None) -> GridCell:
    if row is None or math.isnan(row.ensemble):
        return GridCell(DASH)
    interval = between(row.ensemble_low, row.ensemble_high)
    return GridCell(number(row.ensemble), "" if interval == DASH else interval)
