"""Section of calibration and confidence: whether a probability can be taken at its word.

Only probabilities that were calibrated are put together over folds: those of different folds come from
different models.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from orchestrator.analysis.calibrate import NOT_FITTED, RAW, TEMPERATURE, temperatures
from orchestrator.analysis.collect import Tables
from orchestrator.analysis.outcome_scores import OutcomeScores
from orchestrator.report.drawing.confidence import draw_confidence
from orchestrator.report.drawing.picture import fold_title, shorts
from orchestrator.report.drawing.reliability import draw_reliability
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Figure, Panel, Section, Table, figure, note, prose
from orchestrator.report.shown import Bounds
from orchestrator.wording.curve_captions import confidence_caption, reliability_caption
from orchestrator.wording.numbers import DASH, between, integer, number
from trainables.evaluation.calibration import Parameters, calibrated, confidence

ERRORS = ("ece_before", "ece_after", "brier_before", "brier_after")


def calibration_section(material: Material) -> Section:
    """Show errors of probabilities before and after calibration, and how sure predictions were."""
    tables, bounds = material.tables, material.bounds
    blocks: list[Block | None] = [reliability_figure(tables, bounds)]
    found = calibration_grid(tables.calibration, material.expected(bounds.lines.names))
    if found is not None:
        blocks += [
            Table(found, "calibration", "wide"),
            note(
                "Mean over folds of the error on the test images before and after calibration; each method "
                "is fitted on a fold’s inner validation images alone. ECE: expected calibration error in "
                "bins of equal mass. Temperature scaling never changes which class is predicted."
            ),
        ]
    blocks.append(confidence_figure(material) or prose("No trial has finished yet."))
    outcomes = outcome_grid(tables.images.outcomes, bounds.lines.names)
    blocks += [] if outcomes is None else [Table(outcomes, "outcome-scores", "wide")]
    return Section.of("calibration", "Calibration and confidence", blocks, name="Calibration")


def outcome_grid(found: Sequence[OutcomeScores], names: Sequence[str]) -> Grid | None:
    """Typeset scores by outcome of some experiments; None where there are none."""
    cells: list[list[GridCell | str]] = [
        [
            each.experiment,
            each.outcome.replace("_", " "),
            integer(each.rows),
            f"{100 * each.share:.1f} %",
            number(each.mean),
            between(each.q05, each.q95),
        ]
        for each in found
        if each.experiment in names
    ]
    heads = ["Experiment", "Outcome", "Test rows", "Share", "Mean score", "5 % to 95 %"]
    return grid("Scores by outcome, as predicted", heads, cells, 2) if cells else None


def calibration_grid(rows: pd.DataFrame, expected: Mapping[str, int]) -> Grid | None:
    """Typeset ECE and Brier score before and after each calibration; None where there are no rows.

    Args:
        rows: calibration.csv.
        expected: the experiments to show, and how many folds each should have.
    """
    if rows.empty:
        return None
    # A column in which no row has a number holds None.
    known = rows[rows["experiment"].isin(list(expected))].astype(dict.fromkeys(ERRORS, float))
    cells: list[list[GridCell | str]] = []
    for place, part in known.groupby(["experiment", "method"], sort=False):
        name, method = map(str, place)
        unfitted = part[part["outcome"] == NOT_FITTED]
        if method != TEMPERATURE and len(unfitted) == len(part):
            # Of several classes: these methods are for two.
            continue
        # A mean over some of the folds stands for nothing.
        is_whole = len(part) == expected[name]
        means = [_mean_of(part[column]) if is_whole else DASH for column in ERRORS]
        said = f"{len(part) - len(unfitted)} of {expected[name]} folds"
        reasons = dict.fromkeys(map(str, unfitted["reason"]))
        cells.append([name, method, *means, GridCell(said, "; ".join(reasons))])
    heads = [
        "Experiment",
        "Method",
        "ECE before ↓",
        "ECE after ↓",
        "Brier before ↓",
        "Brier after ↓",
        "Fitted in",
    ]
    return grid("Calibration", heads, cells, 2) if cells else None


def _mean_of(values: "pd.Series[float]") -> str:
    """Average a number that every row has; a dash where one lacks it."""
    every = values.tolist()
    return number(math.fsum(every) / len(every)) if all(map(math.isfinite, every)) else DASH


def reliability_figure(tables: Tables, bounds: Bounds) -> Figure | None:
    """Draw reliability before and after calibration of each experiment that has bins."""
    rows, note = tables.reliability, bounds.curves.note
    if rows.empty:
        return None
    order = {each.name: place for place, each in enumerate(tables.study.experiments, start=1)}
    classes = {each.name: each.num_classes for each in tables.study.experiments}
    panels, drawn_classes = [], set()
    fitted = set(rows.loc[rows["method"] == TEMPERATURE, "experiment"])
    gains = [_gain(tables.calibration, name) for name in bounds.lines.names if name in fitted]
    for name in bounds.curves.names:
        bins = rows[rows["experiment"] == name]
        if bins.empty:
            continue
        method = TEMPERATURE if (bins["method"] == TEMPERATURE).any() else None
        title = shorts(bounds.curves.names, 38)[name]
        drawn = draw_reliability(bins, name=title, method=method, num_classes=classes[name])
        drawn_classes.add(classes[name])
        errors = bins.groupby("method", sort=False)["ece"].first()
        said = f"Reliability of {name}, all folds together: ECE {errors[RAW]:.3f} as predicted"
        if method is not None:
            said += f", {errors[method]:.3f} after {method} scaling"
        panels.append(Panel(f"reliability-{order[name]:02d}-{slug(name)}", drawn, f"{said}."))
    caption = reliability_caption(
        gains, has_two=2 in drawn_classes, has_several=any(each > 2 for each in drawn_classes)
    )
    return figure(panels, (caption + note).strip())


def _gain(calibration: pd.DataFrame, name: str) -> float:
    """Say by how much the calibration that is shown lowers the mean ECE over folds."""
    rows = calibration[(calibration["experiment"] == name) & (calibration["method"] == TEMPERATURE)]
    return float(rows["ece_before"].mean() - rows["ece_after"].mean())


def confidence_figure(material: Material) -> Figure | None:
    """Draw how sure right and wrong predictions were, by the calibrated probability where there is one."""
    shown = material.bounds.curves
    expected, order = material.expected(shown.names), material.order
    panels, raw = [], []
    for name, parts in material.tests.items():
        if not parts:
            continue
        fitted = temperatures(material.tables.calibration, name)
        if len(fitted) != len(parts):
            raw.append(name)
            fitted = {}
        sure = np.concatenate(
            [_confidence(fitted.get(place), part.probabilities) for place, part in parts.items()]
        )
        labels = np.concatenate([part.labels for part in parts.values()])
        is_right = np.concatenate([part.predicted for part in parts.values()]) == labels
        num_classes = next(iter(parts.values())).num_classes
        sides = _by_outcome(sure, is_right, labels, num_classes=num_classes)
        title = fold_title(name, expected, len(parts), expected[name])
        drawn = draw_confidence(sides, name=title, least=1.0 / num_classes)
        said = f"Confidence of {name} on {len(parts)} of {expected[name]} test folds."
        if len(parts) == expected[name]:
            said = f"Mean confidence of {name}: {_outcomes(sides)}."
        panels.append(Panel(f"confidence-{order[name]:02d}-{slug(name)}", drawn, said))
    return figure(panels, (confidence_caption(raw, len(panels)) + shown.note).strip())


def _confidence(parameters: Parameters | None, probabilities: np.ndarray) -> np.ndarray:
    return confidence(probabilities if parameters is None else calibrated(parameters, probabilities))


def _by_outcome(
    sure: np.ndarray, is_right: np.ndarray, labels: np.ndarray, *, num_classes: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Part confidences by what came of them: right and wrong, of two classes for fake and for real images."""
    chosen = [labels == 1, labels == 0] if num_classes == 2 else [np.ones(len(labels), dtype=bool)]
    return [(sure[rows & is_right], sure[rows & ~is_right]) for rows in chosen]


def _outcomes(sides: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """Say the mean confidence of each outcome, and how many images it has."""
    if len(sides) == 1:
        right, wrong = map(_mean, sides[0])
        return f"{right} where it is right, {wrong} where it is wrong"
    names = (("fakes found", "fakes missed"), ("real images let through", "false alarms"))
    return ", ".join(
        f"{_mean(part)} on {len(part)} {name}"
        for side, called in zip(sides, names, strict=True)
        for part, name in zip(side, called, strict=True)
    )


def _mean(values: Sequence[float] | np.ndarray) -> str:
    return f"{np.mean(values):.3f}" if len(values) else "none"
