"""Figure of costs: the score of each experiment over what it costs, and the Pareto front."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from orchestrator.report.drawing.canvas import (
    BOTTOM,
    RIGHT,
    WIDTH,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.picture import ACCENT, CARD, INK, MUTED, SECOND, Picture, shorts
from orchestrator.report.kept import kept

# Where the number of a point may stand, in points from its middle; the nearer, the sooner.
NEAR = tuple(
    (distance * x, distance * 0.9 * y)
    for distance in (9.0, 15.0, 21.0, 28.0)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))
)
PLOT, LINE = 138.0, 11.0
# Of a longer front the cheapest members are named.
MOST_NAMED = 8
# What a point is to the front, and how it is drawn: its fill.
OFF, SHOWN, NOT_SHOWN = "off", "shown", "not shown"


@kept
def draw_cost(points: pd.DataFrame, *, cost: str, metric: str, is_rising: bool = False) -> Picture:
    """Draw the score over what it costs, one numbered point per experiment, with the Pareto front as steps.

    Args:
        points: columns experiment, number (shown), cost (> 0), mean, ci_low, ci_high, and front: OFF, SHOWN,
            or NOT_SHOWN, whose advantage over the next cheaper member is not shown.
        cost: its name for people, with the unit.
        metric: its name for people.
        is_rising: whether more of it is cheaper; its scale runs from right to left.
    """
    front = points[points["front"] != OFF].sort_values("cost", ascending=not is_rising, kind="stable")
    below = BOTTOM + 6.0 + LINE * (min(len(front), MOST_NAMED) + (len(front) > MOST_NAMED))
    with style(f"cost {cost}"):
        figure, axes = panel(30.0 + PLOT + below, left=38.0, bottom=below)
        title(figure, f"{metric[:1].upper()}{metric[1:]} over {cost}")
        x, mean, low, high = (
            points[name].to_numpy(dtype=float) for name in ("cost", "mean", "ci_low", "ci_high")
        )
        is_whole = np.isfinite(low) & np.isfinite(high)
        axes.vlines(x[is_whole], low[is_whole], high[is_whole], color=MUTED, linewidth=0.9)
        axes.set_xscale("log")
        least, most = float(points["cost"].min()), float(points["cost"].max())
        ends = (least / 1.6, most * 1.9)
        axes.set_xlim(*(reversed(ends) if is_rising else ends))
        axes.set_ylim(*limits(points[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()))
        if len(front):
            # From its cheapest member up to the best score, which whatever is dearer still does not pass.
            steps = [*front["cost"], axes.get_xlim()[1]], [*front["mean"], front["mean"].iloc[-1]]
            axes.plot(*steps, color=SECOND, linewidth=1.1, drawstyle="steps-post", zorder=1.5)
        _mark(axes, x, mean, points["front"].astype(str).to_numpy())
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if most / least < 30 else (1.0,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: _amount(value))
        axes.set_xlabel(f"{cost}, logarithmic")
        _number(axes, points)
        _name(figure, front)
        return picture(figure)


def _mark(axes: Axes, x: np.ndarray, y: np.ndarray, front: np.ndarray) -> None:
    """Draw the points: filled and coloured on the front, hollow where it is not shown, grey off it."""
    for kind, edge, fill in ((OFF, MUTED, MUTED), (SHOWN, CARD, ACCENT), (NOT_SHOWN, ACCENT, CARD)):
        mine = front == kind
        size = 4.0 if kind == OFF else 5.5
        axes.plot(
            x[mine], y[mine], "D", color=fill, markersize=size, markeredgecolor=edge, markeredgewidth=0.9
        )  # fmt: skip


def _name(figure: Figure, front: pd.DataFrame) -> None:
    """Name the members of the front below the plot, the cheapest first."""
    height = figure.get_figheight() * 72
    shown = shorts(front["experiment"].astype(str), 30)
    lines = [
        (f"{row['number']} {shown[str(row['experiment'])]}", str(row["front"]))
        for row in front.head(MOST_NAMED).to_dict("records")
    ]
    if len(front) > MOST_NAMED:
        lines.append((f"and {len(front) - MOST_NAMED} more", SHOWN))
    for place, (text, kind) in enumerate(reversed(lines)):
        y = (4.0 + LINE * place) / height
        figure.text(RIGHT / WIDTH, y, text, color=INK, fontsize=7.5)
        if kind == NOT_SHOWN:
            figure.text(1 - RIGHT / WIDTH, y, "not shown", color=MUTED, fontsize=7.5, ha="right")


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
