"""Figure of differences: the forest of all comparisons by one metric."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    below_title,
    beside_row,
    boxes,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import SHADE, intervals
from orchestrator.report.drawing.picture import ACCENT, INK, MUTED, Picture, shorts
from orchestrator.report.kept import kept

ROW = 46.0


@kept
def draw_forest(rows: pd.DataFrame, *, metric: str, lower_is_better: bool) -> Picture:
    """Draw the difference of each comparison, its interval, and the region of practical equivalence.

    Args:
        rows: columns treatment, baseline, mean_diff, ci_low, ci_high, rope, verdict; one row per comparison,
            in their order.
        metric: its name for people.
        lower_is_better: whether a negative difference speaks for the treatment.
    """
    with style(f"forest {metric}"):
        figure, axes = panel(TOP + 34.0 + ROW * len(rows), left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, f"Difference in {metric}")
        places, ropes = np.arange(len(rows), dtype=float), rows["rope"].to_numpy(dtype=float)
        boxes(axes, -ropes, places + 0.05, 2 * ropes, 0.36, to_rgba(ACCENT, SHADE))
        # In pieces: a line from top to bottom would cross the names.
        axes.vlines(np.zeros(len(rows)), places + 0.05, places + 0.41, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, rows["mean_diff"], rows["ci_low"], rows["ci_high"])
        shown = shorts([*rows["treatment"].astype(str), *rows["baseline"].astype(str)], 38)
        for y, row in enumerate(rows.to_dict("records")):
            beside_row(axes, y - 0.34, shown[str(row["treatment"])])
            against = f"against {shown[str(row['baseline'])]}"
            beside_row(axes, y - 0.10, against, colour=MUTED, size=7.5)
            beside_row(axes, y - 0.34, str(row["verdict"]), is_right=True)
        bounds = rows[["mean_diff", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.concatenate([bounds, ropes, -ropes])))
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.yaxis.set_visible(False)
        left, right = ("treatment", "baseline") if lower_is_better else ("baseline", "treatment")
        below_title(figure, f"← {left} better")
        below_title(figure, f"{right} better →", is_right=True)
        return picture(figure)
