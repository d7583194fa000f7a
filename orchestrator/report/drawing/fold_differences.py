"""Figure of one comparison: the difference of each fold, their mean and its interval."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedFormatter, FixedLocator

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    WIDTH,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import MANY, SHADE, intervals, points
from orchestrator.report.drawing.picture import ACCENT, INK, MUTED, Picture
from orchestrator.report.kept import kept


@kept
def draw_fold_differences(
    pairs: pd.DataFrame,
    *,
    bounds: tuple[float, float, float],
    rope: float,
    metric: str,
    about: str,
    lower_is_better: bool,
) -> Picture:
    """Draw the paired differences of one comparison: one stem per fold, mean and interval below.

    Args:
        pairs: columns label (of the fold) and difference (treatment minus baseline).
        bounds: mean difference, and the lower and upper end of its interval; NaN where there is none.
        rope: half the width of the region of practical equivalence, which is shaded.
        metric: its name for people.
        about: which two are compared.
        lower_is_better: whether a negative difference speaks for the treatment.
    """
    step = 15.0 if len(pairs) <= MANY else 9.0
    rows = len(pairs) + 1.6
    with style(f"differences {metric} {about}"):
        figure, axes = panel(TOP + 44.0 + step * (rows + 0.9), left=44.0, top=TOP + 24, bottom=20.0)
        title(figure, f"Difference in {metric}")
        height = figure.get_figheight() * 72
        figure.text(RIGHT / WIDTH, 1 - 26 / height, about, color=MUTED, fontsize=7.5, ha="left")
        values = pairs["difference"].to_numpy(dtype=float)
        y = np.arange(len(pairs), dtype=float)
        axes.axvspan(-rope, rope, facecolor=ACCENT, alpha=SHADE, edgecolor="none")
        axes.hlines(y, 0.0, values, color=MUTED, linewidth=0.9)
        points(axes, values, y)
        axes.axvline(0.0, color=INK, linewidth=0.9)
        intervals(axes, np.array([len(pairs) + 0.6]), *(np.array([bound]) for bound in bounds))
        axes.set_ylim(rows - 0.1, -0.8)
        axes.set_xlim(*limits(np.array([*values, *bounds, rope, -rope])))
        axes.yaxis.set_major_locator(FixedLocator([*y, len(pairs) + 0.6]))
        axes.yaxis.set_major_formatter(FixedFormatter([*pairs["label"].astype(str), "mean"]))
        axes.grid(axis="y", visible=False)
        if step < 12:
            axes.tick_params(axis="y", labelsize=6)
        left, right = ("treatment", "baseline") if lower_is_better else ("baseline", "treatment")
        figure.text(44 / WIDTH, 1 - 40 / height, f"← {left} better", color=MUTED, fontsize=7.5, ha="left")
        figure.text(
            1 - RIGHT / WIDTH, 1 - 40 / height, f"{right} better →", color=MUTED, fontsize=7.5, ha="right"
        )
        return picture(figure)
