"""Figure of mean ranks with the critical difference."""

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
from orchestrator.report.drawing.marks import diamonds
from orchestrator.report.drawing.picture import MUTED, SECOND, Picture, short, shorts
from orchestrator.report.kept import kept


@kept
def draw_ranks(ranking: pd.DataFrame) -> Picture:
    """Draw mean ranks with the critical difference; `ranking` has the columns of ranking.csv."""
    with style("ranks"):
        figure, axes = panel(TOP + 36.0 + 24.0 * len(ranking), left=RIGHT, top=TOP + 16, bottom=20.0)
        title(figure, "Mean rank over the folds")
        mean = ranking["mean_rank"].to_numpy(dtype=float)
        critical = float(ranking["critical_difference"].iloc[0])
        diamonds(axes, mean, np.arange(len(mean)) + 0.22)
        shown = shorts(ranking["experiment"].astype(str), 38)
        for y, row in enumerate(ranking.to_dict("records")):
            beside_row(axes, y - 0.22, shown[str(row["experiment"])], size=7.5)
            beside_row(axes, y - 0.22, short(str(row["letters"]), 8), colour=MUTED, size=7.5, is_right=True)
        # Who is as far right of the best one as this bar is long is told apart from it.
        axes.plot([mean[0], mean[0] + critical], [-0.62] * 2, color=SECOND, linewidth=2.2)
        axes.set_xlim(*limits(np.append(mean, mean[0] + critical)))
        axes.set_ylim(len(ranking) - 0.5, -0.8)
        axes.yaxis.set_visible(False)
        below_title(figure, f"— critical difference {critical:.2f}", colour=SECOND)
        below_title(figure, "alike share a letter", is_right=True)
        return picture(figure)
