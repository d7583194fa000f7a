"""Cells of a heat map and the names above its columns.

Shades are one colour, thinner or thicker, so that the same figure serves light and dark paper, and every
shade has its number on it.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from orchestrator.report.drawing.canvas import boxes
from orchestrator.report.drawing.marks import STRONGEST
from orchestrator.report.drawing.picture import ACCENT, MUTED, shorts

WEAKEST = 0.06


def shaded_cells(axes: Axes, numbers: np.ndarray, *, height: float) -> None:
    """Fill a cell for each number, float [rows, columns]: the greatest is the strongest, NaN the weakest."""
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    shares = (np.nan_to_num(numbers, nan=low) - low) / ((high - low) or 1.0)
    rows, columns = (places.ravel().astype(float) for places in np.indices(numbers.shape))
    # Half through at the most lets the page's own text colour stand on it.
    strengths = (WEAKEST + (STRONGEST - WEAKEST) * shares).ravel()
    colours = [to_rgba(ACCENT, strength) for strength in strengths.tolist()]
    boxes(axes, columns + 0.02, rows - 0.1, 0.96, height, colours)


def column_heads(axes: Axes, columns: Sequence[str], *, above: float) -> None:
    """Write the name of each column so many points `above` the axes."""
    heads = shorts(columns, max(5, int(44 / len(columns))))
    for x, column in enumerate(columns):
        axes.annotate(
            heads[column], (x + 0.5, 1.0), xytext=(0, above), textcoords="offset points", ha="center",
            xycoords=axes.get_xaxis_transform(), color=MUTED, fontsize=7.5, annotation_clip=False,
        )  # fmt: skip
