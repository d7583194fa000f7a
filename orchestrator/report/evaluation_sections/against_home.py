"""Section of what is lost: each experiment here against its own test folds, model by model."""

import math

import numpy as np

from orchestrator.analysis.elsewhere_pairs import HomeLoss
from orchestrator.report.drawing.elsewhere import draw_home_losses
from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Figure, Panel, Section, Table, figure, note
from orchestrator.wording.evaluation_text import HEADLINE
from orchestrator.wording.numbers import DASH, between, capital, metric_name, number, p_value, spread
from trainables.evaluation.metrics import TUNED


def against_home_section(material: EvaluationMaterial) -> Section | None:
    """Show the losses against home; None without an experiment."""
    losses = [row for row in material.tables.losses if row.experiment in material.listed]
    if not losses:
        return None
    blocks: list[Block | None] = [
        _figure(material),
        Table(_grid(losses), name="elsewhere_drop"),
        note(
            "Loss: the score of a model on its own test fold less its score here, averaged over models, with "
            "the interval of other models and other images on both sides; p by Holm over experiments. It is "
            "that of another data set, whatever makes it another one: people, cameras, generators, or how "
            "files were written. Balanced accuracy and AUC do not hang on how many fakes there are."
        ),
    ]
    return Section.of("home", "Against the home test folds", blocks, name="Home")


def _grid(losses: list[HomeLoss]) -> Grid:
    rows: list[list[GridCell | str]] = []
    for row in losses:
        name = capital(metric_name(row.metric.removesuffix(TUNED)))
        at = "home threshold" if row.metric.endswith(TUNED) else "at 0.5" if row.metric != HEADLINE else ""
        is_there = not math.isnan(row.loss)
        rows.append(
            [
                row.experiment,
                GridCell(name, at),
                number(row.home),
                number(row.here),
                GridCell(number(row.loss, sign=True), spread(row.std) if is_there else row.reason),
                between(row.ci_low, row.ci_high, sign=True),
                DASH if math.isnan(row.p_holm) else p_value(row.p_holm),
                f"{row.n} of {row.n_expected}",
            ]
        )
    heads = ["Experiment", "Metric", "Home", "Here", "Loss", "95 % interval", "p (Holm)", "Models"]
    return grid("Loss against the home test folds", heads, rows, 2)


def _figure(material: EvaluationMaterial) -> Figure | None:
    found = [material.tables.loss(name, HEADLINE) for name in material.lines]
    rows = [row for row in found if row is not None and not math.isnan(row.loss)]
    if not rows:
        return None
    values = np.array([[row.loss, row.ci_low, row.ci_high] for row in rows])
    said = "; ".join(f"{row.experiment} {number(row.loss, sign=True)}" for row in rows)
    panel = Panel(
        "elsewhere-drop",
        draw_home_losses(values, [row.experiment for row in rows]),
        f"AUC lost against the home test folds: {said}.",
    )
    return figure(
        [panel], "AUC that each experiment loses here against its own test folds, with its interval."
    )
