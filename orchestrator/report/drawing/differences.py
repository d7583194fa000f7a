"""Rows of differences that figures share: a name, a mean with its interval, and a line at no difference."""

from collections.abc import Sequence

import numpy as np

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    below_title,
    beside_row,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import intervals
from orchestrator.report.drawing.picture import INK, MUTED, Picture

ROW = 34.0


def draw_differences(
    values: np.ndarray, *, key: str, heading: str, names: Sequence[str], beside: Sequence[str], towards: str
) -> Picture:
    """Draw differences, one below the other.

    Args:
        values: mean and ends of the interval, float [rows, 3]; NaN where there is none.
        key: what the figure's parts are named by.
        heading: its title.
        names: what stands at the left of each row.
        beside: what stands at the right of each row, in a weaker colour; empty for nothing.
        towards: what lies to the right of no difference.
    """
    with style(key):
        count = len(values)
        figure, axes = panel(TOP + 34.0 + ROW * count, left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, heading)
        places = np.arange(count, dtype=float)
        # In pieces: a line from top to bottom would cross the names.
        axes.vlines(np.zeros(count), places + 0.03, places + 0.43, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, *values.T)
        for y, name in enumerate(names):
            beside_row(axes, y - 0.23, name)
            if beside:
                beside_row(axes, y - 0.23, beside[y], colour=MUTED, is_right=True)
        axes.set_xlim(*limits(np.append(values.ravel(), 0.0)))
        axes.set_ylim(count - 0.4, -0.6)
        axes.yaxis.set_visible(False)
        below_title(figure, towards, is_right=True)
        return picture(figure)
