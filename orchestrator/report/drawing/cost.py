"""Figure of costs: the score of each experiment over what it costs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from orchestrator.report.drawing.canvas import (
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import diamonds
from orchestrator.report.drawing.picture import ACCENT, INK, Picture
from orchestrator.report.kept import kept

# Where the number of a point may stand, in points from its middle; the nearer, the sooner.
NEAR = tuple(
    (distance * x, distance * 0.9 * y)
    for distance in (9.0, 15.0, 21.0, 28.0)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))
)


@kept
def draw_cost(points: pd.DataFrame, *, cost: str, metric: str) -> Picture:
    """Draw the score over what it costs, one numbered point per experiment.

    Args:
        points: columns number (shown), cost (> 0), mean, ci_low, ci_high.
        cost: its name for people, with the unit.
        metric: its name for people.
    """
    with style(f"cost {cost}"):
        figure, axes = panel(200.0, left=38.0)
        title(figure, f"{metric[:1].upper()}{metric[1:]} over {cost}")
        x, mean, low, high = (
            points[name].to_numpy(dtype=float) for name in ("cost", "mean", "ci_low", "ci_high")
        )
        is_whole = np.isfinite(low) & np.isfinite(high)
        axes.vlines(x[is_whole], low[is_whole], high[is_whole], color=ACCENT, linewidth=1.2)
        diamonds(axes, x, mean)
        axes.set_xscale("log")
        least, most = float(points["cost"].min()), float(points["cost"].max())
        axes.set_xlim(least / 1.6, most * 1.9)
        axes.set_ylim(*limits(points[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()))
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if most / least < 30 else (1.0,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: _amount(value))
        axes.set_xlabel(f"{cost}, logarithmic")
        _number(axes, points)
        return picture(figure)


def _number(axes: Axes, points: pd.DataFrame) -> None:
    """Write each point's number beside it, where neither another point nor another number is."""
    to_points = 72.0 / axes.figure.dpi
    places = axes.transData.transform(points[["cost", "mean"]].to_numpy(dtype=float)) * to_points
    box = axes.get_window_extent()
    left, bottom, right, top = np.array(box.extents) * to_points
    taken = list(places)
    for row, place in zip(points.to_dict("records"), places, strict=True):
        width = 4.8 * len(str(row["number"]))

        def is_free(step: tuple[float, float], at: np.ndarray = place, width: float = width) -> bool:
            x, y = at + step
            if not (left - 4 < x - width / 2 and x + width / 2 < right + 8 and bottom < y < top):
                return False
            others = [other for other in taken if other is not at]
            return all(abs(x - other[0]) > width / 2 + 4.5 or abs(y - other[1]) > 7.5 for other in others)

        step = next(filter(is_free, NEAR), None)
        if step is None:
            # The table has them all; one number on another could be read as neither.
            continue
        taken.append(place + step)
        axes.annotate(
            str(row["number"]), (row["cost"], row["mean"]), xytext=step, textcoords="offset points",
            fontsize=7.5, color=INK, ha="center", va="center",
        )  # fmt: skip


def _amount(value: float) -> str:
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
