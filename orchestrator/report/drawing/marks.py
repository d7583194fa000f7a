"""Marks that figures share: points of folds, means with their intervals, and how opaque lines are."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from orchestrator.report.drawing.picture import ACCENT, CARD, MUTED

Columns = np.ndarray | pd.Series


MANY = 10  # folds; more are drawn fainter

# Of the region of practical equivalence: visible on light and on dark paper, and text on it stays legible.
SHADE = 0.16
# The strongest shade on which text of the page's own colour stays legible, light or dark.
STRONGEST = 0.55


def intervals(axes: Axes, places: np.ndarray, means: Columns, lows: Columns, highs: Columns) -> None:
    """Draw each mean as a diamond and its interval as a bar, at the heights `places`; all are [rows].

    What is not finite is left out.
    """
    mean, low, high = (np.asarray(values, dtype=float) for values in (means, lows, highs))
    is_whole = np.isfinite(low) & np.isfinite(high)
    axes.hlines(places[is_whole], low[is_whole], high[is_whole], color=ACCENT, linewidth=1.8)
    diamonds(axes, mean, places)


def diamonds(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw means; what is not finite is left out."""
    axes.plot(x, y, "D", color=ACCENT, markersize=5.0, markeredgecolor=CARD, markeredgewidth=0.6)


def points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw single folds."""
    axes.plot(x, y, "o", color=MUTED, markersize=4.2, markeredgecolor=CARD, markeredgewidth=0.5)


def faint(count: int) -> float:
    """Return how opaque each of `count` thin lines is."""
    return 0.55 if count <= MANY else 0.3
