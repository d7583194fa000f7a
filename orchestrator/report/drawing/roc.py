"""Figures of detection at every threshold: ROC, and precision over recall.

Curves are averaged over folds at equal false alarm rate or recall (Fawcett 2006), never made of pooled
scores: scores of different folds come from different models.
"""

from collections.abc import Sequence

import numpy as np

from orchestrator.analysis.roc_curves import GRID
from orchestrator.report.drawing.canvas import (
    SQUARE,
    panel,
    picture,
    style,
    title,
    unit_square,
)
from orchestrator.report.drawing.marks import faint
from orchestrator.report.drawing.picture import ACCENT, MUTED, Picture
from orchestrator.report.kept import kept

MOST_POINTS = 150


@kept
def draw_roc(
    curves: Sequence[np.ndarray], *, name: str, positive: str, negative: str, is_whole: bool
) -> Picture:
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
        unit_square(axes)
        axes.set_xlabel(f"false alarm rate ({negative} called {positive})")
        axes.set_ylabel(f"detection rate ({positive} found)")
        return picture(figure)


@kept
def draw_precision_recall(
    curves: Sequence[np.ndarray], *, name: str, chance: float, is_whole: bool
) -> Picture:
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
        unit_square(axes)
        axes.set_xlabel("recall (share of fakes found)")
        axes.set_ylabel("precision")
        return picture(figure)


def thinned(curve: np.ndarray) -> np.ndarray:
    """Return at most MOST_POINTS points of a curve, float [2, K], its ends among them."""
    if curve.shape[1] <= MOST_POINTS:
        return curve
    return curve[:, np.unique(np.linspace(0, curve.shape[1] - 1, MOST_POINTS).round().astype(int))]
