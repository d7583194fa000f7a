"""Figure of gains by source: what each source of fakes gains from one choice."""

import numpy as np
import pandas as pd

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    WIDTH,
    beside_row,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import intervals
from orchestrator.report.drawing.picture import INK, MUTED, Picture, shorts
from orchestrator.report.kept import kept

ROW = 34.0


@kept
def draw_gains(rows: pd.DataFrame, *, about: str) -> Picture:
    """Draw the gain in AUC of each source with its interval.

    Args:
        rows: columns source, gain, ci_low, ci_high.
        about: the choice, with both values.
    """
    with style(f"gains {about}"):
        figure, axes = panel(TOP + 34.0 + ROW * len(rows), left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, shorts([about], 42)[about])
        places = np.arange(len(rows), dtype=float)
        axes.vlines(np.zeros(len(rows)), places + 0.03, places + 0.43, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, rows["gain"], rows["ci_low"], rows["ci_high"])
        names = shorts(rows["source"].astype(str), 34)
        for y, row in enumerate(rows.to_dict("records")):
            beside_row(axes, y - 0.23, names[str(row["source"])])
        values = rows[["gain", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.append(values, 0.0)))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.yaxis.set_visible(False)
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(1 - RIGHT / WIDTH, top, "gain in AUC →", color=MUTED, fontsize=7.5, ha="right")
        return picture(figure)
