"""Figure of a ranking: the difference of each experiment to the best mean, and the ranks it may have."""

import numpy as np
import pandas as pd

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
from orchestrator.report.drawing.picture import ACCENT, INK, MUTED, Picture, shorts
from orchestrator.report.kept import kept

ROW = 30.0


@kept
def draw_standing(ranking: pd.DataFrame, *, metric: str) -> Picture:
    """Draw differences to the best mean with their corrected intervals, the best first.

    Args:
        ranking: columns experiment, to_best, to_best_low, to_best_high, rank_low, rank_high, may_be_best.
        metric: its name for people.
    """
    with style("standing"):
        count = len(ranking)
        figure, axes = panel(TOP + 34.0 + ROW * count, left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, f"Difference to the best mean {metric}")
        places, shown = np.arange(count, dtype=float), shorts(ranking["experiment"].astype(str), 32)
        # In pieces: a line from top to bottom would cross the names.
        axes.vlines(np.zeros(count), places + 0.05, places + 0.41, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, ranking["to_best"], ranking["to_best_low"], ranking["to_best_high"])
        for y, row in enumerate(ranking.to_dict("records")):
            beside_row(axes, y - 0.2, shown[str(row["experiment"])], size=7.5)
            low, high = row["rank_low"], row["rank_high"]
            ranks = f"rank {low}" if low == high else f"rank {low} to {high}"
            colour = ACCENT if row["may_be_best"] else MUTED
            beside_row(axes, y - 0.2, ranks, colour=colour, size=7.5, is_right=True)
        bounds = ranking[["to_best", "to_best_low", "to_best_high"]].to_numpy(dtype=float)
        axes.set_xlim(*limits(np.append(bounds.ravel(), 0.0)))
        axes.set_ylim(count - 0.45, -0.55)
        axes.yaxis.set_visible(False)
        below_title(figure, "ranks it may have", is_right=True)
        return picture(figure)
