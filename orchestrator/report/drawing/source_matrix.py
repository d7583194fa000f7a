"""Figure of a matrix of sources: AUC and interval by what was left out of training and what was tested on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
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
from orchestrator.report.drawing.picture import INK, MUTED, SECOND, Picture, short, shorts
from orchestrator.report.drawing.shades import column_heads, shaded_cells
from orchestrator.report.kept import kept

HEADS, ROW = 26.0, 44.0


@kept
def draw_source_matrix(
    means: pd.DataFrame,
    lows: pd.DataFrame,
    highs: pd.DataFrame,
    is_held_out: np.ndarray,
    *,
    notes: Sequence[str],
    name: str,
) -> Picture:
    """Draw the AUC of each row (what was left out of training) on each source of fakes.

    Args:
        means: float, indexed by the names of the rows, one column per source; NaN where there is no mean.
        lows: lower ends of the intervals, of the same shape.
        highs: upper ends.
        is_held_out: whether the row was trained without the source, bool [rows, sources]; such cells are
            framed.
        notes: what stands at the right end of each row.
        name: the title.
    """
    with style(f"source matrix {name}"):
        height = TOP + HEADS + 10.0 + ROW * len(means)
        figure, axes = panel(height, left=RIGHT, top=TOP + HEADS, bottom=6.0)
        title(figure, short(name, 40))
        numbers = means.to_numpy(dtype=float)
        shaded_cells(axes, numbers, height=0.56)
        _cells(axes, numbers, lows.to_numpy(dtype=float), highs.to_numpy(dtype=float), is_held_out)
        shown = shorts(means.index.astype(str), 34)
        for y, (row, said) in enumerate(zip(means.index, notes, strict=True)):
            beside_row(axes, y - 0.27, shown[str(row)])
            beside_row(axes, y - 0.27, said, colour=MUTED, size=7.0, is_right=True)
        axes.set_xlim(0, len(means.columns))
        axes.set_ylim(len(means) - 0.5, -0.5)
        hide_scales(axes)
        _heads(axes, [str(column) for column in means.columns])
        return picture(figure)


def _cells(
    axes: Axes, means: np.ndarray, lows: np.ndarray, highs: np.ndarray, is_held_out: np.ndarray
) -> None:
    """Write each mean with its interval below it, and frame what was held out."""
    size = 8.0 if means.shape[1] <= 5 else 6.5
    for (y, x), mean in np.ndenumerate(means):
        is_there = bool(np.isfinite(mean))
        has_interval = bool(np.isfinite(lows[y, x]))
        at = y + (0.10 if has_interval else 0.18)
        text = f"{mean:.3f}" if is_there else "–"
        axes.text(x + 0.5, at, text, color=INK, fontsize=size, ha="center", va="center")
        if has_interval:
            bounds = f"{lows[y, x]:.2f} to {highs[y, x]:.2f}"
            axes.text(x + 0.5, y + 0.32, bounds, color=INK, fontsize=size - 2.0, ha="center", va="center")
        if is_held_out[y, x]:
            frame = Rectangle((x + 0.04, y - 0.08), 0.92, 0.52, fill=False, edgecolor=SECOND, linewidth=1.4)
            axes.add_patch(frame)


def _heads(axes: Axes, columns: Sequence[str]) -> None:
    """Write the sources that were tested on above their columns."""
    column_heads(axes, columns, above=4.0)
    axes.annotate(
        "tested on the fakes of", (0.0, 1.0), xytext=(0, 16), textcoords="offset points", ha="left",
        xycoords=axes.transAxes, color=MUTED, fontsize=7.5, annotation_clip=False,
    )  # fmt: skip
