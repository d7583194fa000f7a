"""Figures of probabilities: ROC, precision over recall, reliability, confidence.

Curves are averaged over folds at equal false alarm rate or recall (Fawcett 2006), never made of pooled
scores: scores of different folds come from different models.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from orchestrator.report.drawing import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.figures import faint
from orchestrator.report.kept import kept
from orchestrator.report.panels import ACCENT, MUTED, SECOND, Picture
from trainables.evaluation.curve import Curve

GRID = np.linspace(0.0, 1.0, 101)
MOST_POINTS = 150
NUM_BARS = 20
SQUARE = TOP + BOTTOM + WIDTH - LEFT - RIGHT


def roc_points(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the ROC curve as false alarm rate and detection rate, float [2, K], both rising.

    Args:
        labels: int [N], 1 = positive; both classes are there.
        scores: float [N].
    """
    curve = Curve.of(labels, scores)
    alarms = np.concatenate([[0.0], np.cumsum(curve.reals[::-1]) / curve.reals.sum()])
    found = np.concatenate([[0.0], np.cumsum(curve.fakes[::-1]) / curve.fakes.sum()])
    return np.stack([alarms, found])


def precision_points(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return recall and precision at each threshold, float [2, K], recall rising; arguments as above."""
    curve = Curve.of(labels, scores)
    found, alarms = np.cumsum(curve.fakes[::-1]), np.cumsum(curve.reals[::-1])
    return np.stack([found / found[-1], found / (found + alarms)])


@kept
def roc(curves: Sequence[np.ndarray], *, name: str, positive: str, negative: str, is_whole: bool) -> Picture:
    """Draw ROC curves: thin each of them, thick their vertical average.

    Args:
        curves: what `roc_points` gave.
        name: the experiment.
        positive: what is detected, for the axes.
        negative: what isn't.
        is_whole: whether no fold is missing; else there is no average.
    """
    with style(f"roc {name}"):
        figure, axes = panel(SQUARE)
        title(figure, name)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        for x, y in map(thinned, curves):
            axes.plot(x, y, color=ACCENT, linewidth=0.7, alpha=faint(len(curves)))
        if is_whole:
            mean = np.mean([np.interp(GRID, x, y) for x, y in curves], axis=0)
            axes.plot([0.0, *GRID], [0.0, *mean], color=ACCENT, linewidth=2.0)
        _unit_square(axes)
        axes.set_xlabel(f"false alarm rate ({negative} called {positive})")
        axes.set_ylabel(f"detection rate ({positive} found)")
        return picture(figure)


@kept
def precision_recall(curves: Sequence[np.ndarray], *, name: str, chance: float, is_whole: bool) -> Picture:
    """Draw precision over recall: thin each curve, thick the mean precision at equal recall.

    Args:
        curves: what `precision_points` gave.
        name: the experiment.
        chance: the share of positive rows, which is the precision of guessing.
        is_whole: whether no fold is missing; else there is no mean.
    """
    with style(f"precision {name}"):
        figure, axes = panel(SQUARE)
        title(figure, name)
        axes.axhline(chance, color=MUTED, linewidth=0.8, linestyle=":")
        for x, y in map(thinned, curves):
            axes.plot(x, y, color=ACCENT, linewidth=0.7, alpha=faint(len(curves)), drawstyle="steps-pre")
        if is_whole:
            # Precision at the first threshold that reaches a recall: no straight line leads to the next.
            reached = [y[np.minimum(np.searchsorted(x, GRID), len(x) - 1)] for x, y in curves]
            axes.plot(GRID, np.mean(reached, axis=0), color=ACCENT, linewidth=2.0, drawstyle="steps-pre")
        _unit_square(axes)
        axes.set_xlabel("recall (share of fakes found)")
        axes.set_ylabel("precision")
        return picture(figure)


@kept
def reliability(bins: pd.DataFrame, *, name: str, method: str | None, axis: str) -> Picture:
    """Draw accuracy over mean confidence, before and after calibration.

    Args:
        bins: columns method, mean_confidence, accuracy; rows of `none` (as predicted) and of `method`.
        name: the experiment.
        method: the calibration that is drawn beside it; None where none was fitted in every fold.
        axis: what the confidence is.
    """
    with style(f"reliability {name}"):
        figure, axes = panel(SQUARE, top=TOP + 12)
        title(figure, name)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        raw = bins[bins["method"] == "none"]
        axes.plot(raw["mean_confidence"], raw["accuracy"], "s--", color=SECOND, linewidth=1.2, markersize=3.4)
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(RIGHT / WIDTH, top, "- ■ - as predicted", color=SECOND, fontsize=7.5, ha="left")
        if method is not None:
            after = bins[bins["method"] == method]
            axes.plot(
                after["mean_confidence"], after["accuracy"], "o-", color=ACCENT, linewidth=1.6, markersize=3.8
            )
            said = f"—●— after {method}"
            figure.text(1 - RIGHT / WIDTH, top, said, color=ACCENT, fontsize=7.5, ha="right")
        _unit_square(axes)
        axes.set_xlabel(f"mean confidence: {axis}")
        axes.set_ylabel("accuracy")
        return picture(figure)


@kept
def confidences(right: np.ndarray, wrong: np.ndarray, *, name: str, least: float) -> Picture:
    """Draw how sure the right and the wrong predictions were, as shares of all of them.

    Args:
        right: confidence of predictions that are right, float [N].
        wrong: of those that are wrong, float [M].
        name: the experiment.
        least: the lowest confidence that there can be: 1 / number of classes.
    """
    with style(f"confidence {name}"):
        figure, axes = panel(165.0, top=TOP + 12)
        title(figure, name)
        edges = np.linspace(least, 1.0, NUM_BARS + 1)
        total = max(len(right) + len(wrong), 1)
        shares = [np.histogram(np.clip(part, least, 1.0), edges)[0] / total for part in (right, wrong)]
        width = edges[1] - edges[0]
        axes.bar(edges[:-1], shares[0], width=width * 0.86, align="edge", color=ACCENT, alpha=0.55)
        axes.stairs(shares[1], edges, color=SECOND, linewidth=1.8)
        axes.set_xlim(least - 0.01, 1.01)
        axes.set_ylim(0.0, 1.08 * max(float(np.max(shares)), 1e-9))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("confidence (the largest probability)")
        top = 1 - 28 / 165.0
        figure.text(RIGHT / WIDTH, top, "■ right", color=ACCENT, fontsize=7.5, ha="left")
        figure.text(0.24, top, "— wrong", color=SECOND, fontsize=7.5, ha="left")
        return picture(figure)


def thinned(curve: np.ndarray) -> np.ndarray:
    """Return at most MOST_POINTS points of a curve, float [2, K], its ends among them."""
    if curve.shape[1] <= MOST_POINTS:
        return curve
    return curve[:, np.unique(np.linspace(0, curve.shape[1] - 1, MOST_POINTS).round().astype(int))]


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
