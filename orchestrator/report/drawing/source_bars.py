"""Figure of one source of fakes: the AUC of every experiment on it, as bars from chance with intervals."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    beside_row,
    boxes,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import SHADE, STRONGEST, intervals
from orchestrator.report.drawing.picture import ACCENT, INK, MUTED, SECOND, Picture, short, shorts
from orchestrator.report.kept import kept

ROW = 31.0


@kept
def draw_source_bars(rows: pd.DataFrame, *, source: str, ends: tuple[float, float], chance: float) -> Picture:
    """Draw the AUC of each experiment on the fakes of a source, one row per experiment.

    Args:
        rows: columns experiment, mean, ci_low, ci_high (NaN where there is none), note (what stands at the
            right of the name) and is_baseline, in the order to draw.
        source: its name.
        ends: of the scale, the same for all sources.
        chance: where bars begin.
    """
    with style(f"source bars {source}"):
        figure, axes = panel(TOP + 22.0 + ROW * len(rows), left=RIGHT, bottom=20.0)
        title(figure, f"AUC on {short(source, 34)}")
        places, mean = np.arange(len(rows), dtype=float), rows["mean"].to_numpy(dtype=float)
        is_there = np.isfinite(mean)
        reach = np.where(is_there, mean - chance, 0.0)
        strengths = np.where(rows["is_baseline"].to_numpy(dtype=bool), STRONGEST, SHADE)
        colours = [to_rgba(ACCENT, each) for each in strengths[is_there].tolist()]
        boxes(
            axes, np.full(int(is_there.sum()), chance), places[is_there] + 0.0, reach[is_there], 0.36, colours
        )
        axes.vlines(np.full(len(rows), chance), places - 0.04, places + 0.40, color=INK, linewidth=0.9)
        intervals(axes, places + 0.18, mean, rows["ci_low"], rows["ci_high"])
        shown = shorts(rows["experiment"].astype(str), 30)
        for y, row in enumerate(rows.to_dict("records")):
            beside_row(axes, y - 0.24, shown[str(row["experiment"])], size=7.5)
            colour = SECOND if row["is_baseline"] else MUTED
            beside_row(axes, y - 0.24, str(row["note"]), colour=colour, size=7.0, is_right=True)
        axes.set_xlim(*ends)
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.yaxis.set_visible(False)
        return picture(figure)
