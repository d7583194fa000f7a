"""Figure of sources: the AUC of each experiment against each of them."""

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    beside_row,
    hide_scales,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.picture import INK, SECOND, Picture, shorts
from orchestrator.report.drawing.shades import column_heads, shaded_cells
from orchestrator.report.kept import kept


@kept
def draw_heat_map(values: pd.DataFrame) -> Picture:
    """Draw the AUC of each experiment (a row) against each source (a column).

    Args:
        values: float, indexed by experiment, one column per source; NaN where there is no mean. The lowest of
            a row is framed.
    """
    heads = 14.0
    with style("heat map"):
        figure, axes = panel(TOP + heads + 12.0 + 36.0 * len(values), left=RIGHT, top=TOP + heads, bottom=8.0)
        title(figure, "AUC by source")
        numbers = values.to_numpy(dtype=float)
        shaded_cells(axes, numbers, height=0.52)
        size = 8 if numbers.shape[1] <= 6 else 6.5
        shown = shorts(values.index.astype(str), 46)
        for y, (name, row) in enumerate(zip(values.index, numbers, strict=True)):
            beside_row(axes, y - 0.3, shown[str(name)])
            if np.isfinite(row).sum() > 1:
                corner = (int(np.nanargmin(row)) + 0.04, y - 0.08)
                frame = Rectangle(corner, 0.92, 0.48, fill=False, edgecolor=SECOND, linewidth=1.4)
                axes.add_patch(frame)
            for x, value in enumerate(row):
                text = "–" if not np.isfinite(value) else f"{value:.3f}"
                axes.text(x + 0.5, y + 0.16, text, color=INK, fontsize=size, ha="center", va="center")
        axes.set_xlim(0, len(values.columns))
        axes.set_ylim(len(values) - 0.5, -0.5)
        hide_scales(axes)
        column_heads(axes, [str(source) for source in values.columns], above=5.0)
        return picture(figure)
