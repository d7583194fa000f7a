"""Figure of robustness: a metric over the strengths of a kind of perturbation, a curve for each detector."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.report.drawing.canvas import TOP, below_title, panel, picture, style, title
from orchestrator.report.drawing.picture import ACCENT, CARD, INK, MUTED, SECOND, Picture
from orchestrator.report.kept import kept

# Detectors differ in colour and in mark, and carry their numbers: they can be told apart in grey.
LOOKS = ((ACCENT, "o"), (SECOND, "s"), (INK, "^"), (ACCENT, "v"), (SECOND, "D"), (INK, "P"))
SHADE = 0.14
CHANCE = 0.5


@kept
def draw_robustness(
    points: pd.DataFrame, *, name: str, places: Sequence[str], metric: str, ends: tuple[float, float]
) -> Picture:
    """Draw a metric under clean images and rising strengths, with the bands of its intervals.

    Args:
        points: columns detector (a number, from 1), place (from 0), mean, low, high; may be NaN.
        name: of the kind.
        places: what stands below each place: a strength, or clean.
        metric: its name for people.
        ends: of the axis, the same for all kinds.
    """
    with style(f"robustness {name}"):
        figure, axes = panel(190.0, left=40.0, top=TOP + 12)
        title(figure, name)
        detectors = list(dict.fromkeys(points["detector"]))
        if ends[0] < CHANCE < ends[1]:
            axes.axhline(CHANCE, color=MUTED, linewidth=0.8, linestyle=":")
        for number in detectors:
            mine = points[points["detector"] == number].sort_values("place")
            x, mean, low, high = (
                mine[column].to_numpy(dtype=float) for column in ("place", "mean", "low", "high")
            )
            colour, mark = LOOKS[(int(number) - 1) % len(LOOKS)]
            axes.fill_between(x, low, high, color=colour, alpha=SHADE, linewidth=0.0)
            axes.plot(
                x, mean, f"-{mark}", color=colour, linewidth=1.4, markersize=4.5, markeredgecolor=CARD,
                markeredgewidth=0.5,
            )  # fmt: skip
            known = np.flatnonzero(np.isfinite(mean))
            if len(detectors) > 1 and len(known):
                axes.annotate(
                    str(number), (x[known[-1]], mean[known[-1]]), xytext=(6.0, 0.0),
                    textcoords="offset points", fontsize=8.0, color=colour, va="center", fontweight="bold",
                    annotation_clip=False,
                )  # fmt: skip
        axes.set_xlim(-0.2, len(places) - 0.75)
        axes.set_ylim(*ends)
        axes.set_xticks(range(len(places)), places)
        axes.set_ylabel(metric)
        below_title(figure, "band: 95 % interval")
        return picture(figure)
