"""Figures of attention: mean maps by outcome, and what regions have above their part of the picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from orchestrator.report.drawing.canvas import RIGHT, TOP, WIDTH, hide_scales, panel, picture, style, title
from orchestrator.report.drawing.differences import draw_differences
from orchestrator.report.drawing.picture import CARD, MUTED, Picture, shorts
from orchestrator.report.kept import kept
from trainables.explain.mean_maps import CANONICAL, SIZE

# A map, and the gap to the next one, in points.
SIDE, GAP, LETTERS = 116.0, 8.0, 12.0
# Dark where a map is 0, as in the pictures of single maps.
COLOURS = "inferno"


@kept
def draw_mean_maps(maps: Sequence[np.ndarray], *, names: Sequence[str], heading: str) -> Picture:
    """Draw mean maps, two side by side.

    Args:
        maps: float [64, 64] each, 0..1, aligned by the face; NaN at places that no image shows.
        names: what stands above each.
        heading: the title.
    """
    with style(f"mean maps {heading}"):
        rows = (len(maps) + 1) // 2
        height = TOP + rows * (SIDE + LETTERS + GAP)
        figure, axes = panel(height, left=RIGHT, top=TOP, bottom=0.0)
        title(figure, heading)
        face = [edge * SIDE / SIZE for edge in CANONICAL]
        for place, (values, name) in enumerate(zip(maps, names, strict=True)):
            left = (place % 2) * (SIDE + GAP)
            top = (place // 2) * (SIDE + LETTERS + GAP) + LETTERS
            axes.text(left, top - 3.0, name, color=MUTED, fontsize=7.5)
            box = (left, left + SIDE, top + SIDE, top)
            axes.imshow(
                values, cmap=COLOURS, vmin=0.0, vmax=1.0, extent=box, interpolation="none", aspect="auto"
            )
            corner, size = (left + face[0], top + face[1]), (face[2] - face[0], face[3] - face[1])
            axes.add_patch(
                Rectangle(corner, *size, fill=False, edgecolor=CARD, linewidth=0.8, linestyle="--")
            )
        axes.set_xlim(0.0, WIDTH - 2 * RIGHT)
        axes.set_ylim(height - TOP, 0.0)
        hide_scales(axes)
        return picture(figure)


@kept
def draw_region(rows: pd.DataFrame, *, region: str) -> Picture:
    """Draw what a region has of each experiment's maps above its part of the picture.

    Args:
        rows: columns experiment, above, ci_low, ci_high, beside (what stands at the right of a row).
        region: its name.
    """
    names = rows["experiment"].astype(str)
    shown = shorts(names, 34)
    return draw_differences(
        rows[["above", "ci_low", "ci_high"]].to_numpy(dtype=float),
        key=f"region {region}",
        heading=region,
        names=[shown[name] for name in names],
        beside=[str(each) for each in rows["beside"]],
        towards="more than its part of the picture →",
    )
