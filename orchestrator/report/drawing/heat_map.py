"""Figure of sources: the AUC of each experiment against each of them.

Shades are one colour, thinner or thicker, so that the same figure serves light and dark paper, and every
shade has its number on it.
"""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    beside_row,
    boxes,
    hide_scales,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import STRONGEST
from orchestrator.report.drawing.picture import ACCENT, INK, MUTED, SECOND, Picture, shorts
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
        finite = numbers[np.isfinite(numbers)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        shares = (np.nan_to_num(numbers, nan=low) - low) / ((high - low) or 1.0)
        rows, columns = (places.ravel().astype(float) for places in np.indices(numbers.shape))
        # One colour, thinner or thicker: half through lets the page's own text colour stand on it.
        strengths = (0.06 + (STRONGEST - 0.06) * shares).ravel()
        colours = [to_rgba(ACCENT, strength) for strength in strengths.tolist()]
        boxes(axes, columns + 0.02, rows - 0.1, 0.96, 0.52, colours)
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
        letters = max(5, int(44 / len(values.columns)))
        heading = shorts(values.columns.astype(str), letters)
        for x, source in enumerate(values.columns):
            place = (x + 0.5, 1.0)
            axes.annotate(
                heading[str(source)], place, xytext=(0, 5), textcoords="offset points", ha="center",
                xycoords=axes.get_xaxis_transform(), color=MUTED, fontsize=7.5,
                annotation_clip=False,
            )  # fmt: skip
        return picture(figure)
