"""Figure of held-out sources: what each experiment loses on them."""

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
def draw_held_out(rows: pd.DataFrame) -> Picture:
    """Draw what each experiment loses on each held-out source, with its interval.

    Args:
        rows: columns experiment, source, delta (in-source minus held-out AUC), ci_low, ci_high.
    """
    with style("holdout"):
        figure, axes = panel(TOP + 34.0 + ROW * len(rows), left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, "AUC lost on a source never seen")
        places = np.arange(len(rows), dtype=float)
        axes.vlines(np.zeros(len(rows)), places + 0.03, places + 0.43, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, rows["delta"], rows["ci_low"], rows["ci_high"])
        names, sources = shorts(rows["experiment"].astype(str), 30), shorts(rows["source"].astype(str), 18)
        for y, row in enumerate(rows.to_dict("records")):
            beside_row(axes, y - 0.23, names[str(row["experiment"])])
            beside_row(axes, y - 0.23, sources[str(row["source"])], colour=MUTED, is_right=True)
        values = rows[["delta", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.append(values, 0.0)))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.yaxis.set_visible(False)
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(1 - RIGHT / WIDTH, top, "loses more →", color=MUTED, fontsize=7.5, ha="right")
        return picture(figure)
