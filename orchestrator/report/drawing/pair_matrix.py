"""Figure of every pair: how much each experiment differs from each other one.

Shades are one colour, thinner or thicker, so that the same figure serves light and dark paper, and every
shade has its number in the table beside it.
"""

import numpy as np
from matplotlib.colors import to_rgba

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    WIDTH,
    boxes,
    hide_scales,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import STRONGEST
from orchestrator.report.drawing.picture import ACCENT, INK, MUTED, SECOND, Picture
from orchestrator.report.kept import kept


@kept
def draw_pair_matrix(differences: np.ndarray, is_sure: np.ndarray) -> Picture:
    """Draw the difference of every pair, the row's experiment minus the column's.

    Args:
        differences: float [N, N], in the order of the ranking.
        is_sure: whether the corrected p-value of the pair is below 0.05, bool [N, N].
    """
    count = len(differences)
    with style("all pairs"):
        side = WIDTH - 26.0 - RIGHT
        figure, axes = panel(side + TOP + 26.0, left=26.0, top=TOP + 22.0, bottom=4.0)
        title(figure, "Every pair: row minus column")
        top = float(np.nanmax(np.abs(differences))) or 1.0
        known = np.isfinite(differences) & ~np.eye(count, dtype=bool)
        rows, columns = np.nonzero(known)
        strengths = 0.05 + (STRONGEST - 0.05) * np.abs(differences[known]) / top
        colours = [
            to_rgba(ACCENT if value >= 0 else SECOND, strength)
            for value, strength in zip(differences[known], strengths, strict=True)
        ]
        boxes(axes, columns.astype(float), rows.astype(float), 0.94, 0.94, colours)
        rows, columns = np.nonzero(known & is_sure)
        axes.plot(columns + 0.47, rows + 0.47, ".", color=INK, markersize=3.0, linestyle="none")
        axes.set_xlim(0, count)
        axes.set_ylim(count, 0)
        hide_scales(axes)
        for place in range(0, count, 1 if count <= 20 else 5):
            axes.text(place + 0.47, -0.3, str(place + 1), ha="center", va="bottom", color=MUTED, fontsize=6.5)
            axes.text(-0.3, place + 0.47, str(place + 1), ha="right", va="center", color=MUTED, fontsize=6.5)
        return picture(figure)
