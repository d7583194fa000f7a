"""Figure of a sweep: the score of each setting by its number, and the best one so far."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from orchestrator.report.drawing.canvas import limits, panel, picture, style, title
from orchestrator.report.drawing.marks import diamonds
from orchestrator.report.drawing.picture import ACCENT, SECOND, Picture
from orchestrator.report.kept import kept


@kept
def draw_tried(points: pd.DataFrame, *, metric: str, name: str) -> Picture:
    """Draw the mean of each setting with its interval, and the best so far as a line of steps.

    Args:
        points: columns number, mean, ci_low, ci_high, best_so_far; NaN where a setting has no score.
        metric: its name for people.
        name: what tells the figure from others of the page.
    """
    with style(f"tried {name}"):
        figure, axes = panel(190.0, left=38.0)
        title(figure, f"{metric[:1].upper()}{metric[1:]} by setting")
        x, mean, low, high, best = (
            points[column].to_numpy(dtype=float)
            for column in ("number", "mean", "ci_low", "ci_high", "best_so_far")
        )
        is_whole = np.isfinite(low) & np.isfinite(high)
        axes.vlines(x[is_whole], low[is_whole], high[is_whole], color=ACCENT, linewidth=1.2)
        axes.step(x, best, where="post", color=SECOND, linewidth=1.4)
        diamonds(axes, x, mean)
        axes.set_xlim(x.min() - 0.6, x.max() + 0.6)
        axes.set_ylim(*limits(points[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()))
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axes.set_xlabel("number of the setting")
        return picture(figure)
