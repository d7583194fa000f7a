"""Figures over all experiments: the heat map by source, cost against score, ranks, every pair.

Shades are one colour, thinner or thicker, so that the same figure serves light and dark paper, and every
shade has its number beside it or in the table below.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from orchestrator.report.drawing import (
    RIGHT,
    TOP,
    WIDTH,
    boxes,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.figures import diamonds
from orchestrator.report.kept import kept
from orchestrator.report.panels import ACCENT, INK, MUTED, SECOND, Picture, short, shorts

# The strongest shade on which text of the page's own colour stays legible, light or dark.
STRONGEST = 0.55
# Where the number of a point may stand, in points from its middle; the nearer, the sooner.
NEAR = tuple(
    (distance * x, distance * 0.9 * y)
    for distance in (9.0, 15.0, 21.0, 28.0)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))
)


@kept
def heat_map(values: pd.DataFrame) -> Picture:
    """Draw the AUC of each experiment (a row) against each source (a column).

    Args:
        values: float, indexed by experiment, a column a source; NaN where there is no mean. The lowest of a
            row is framed.
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
            on_top: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": 8, "va": "center"}
            axes.text(0.0, y - 0.3, shown[str(name)], color=INK, **on_top)
            if np.isfinite(row).sum() > 1:
                corner = (int(np.nanargmin(row)) + 0.04, y - 0.08)
                frame = Rectangle(corner, 0.92, 0.48, fill=False, edgecolor=SECOND, linewidth=1.4)
                axes.add_patch(frame)
            for x, value in enumerate(row):
                text = "–" if not np.isfinite(value) else f"{value:.3f}"
                axes.text(x + 0.5, y + 0.16, text, color=INK, fontsize=size, ha="center", va="center")
        axes.set_xlim(0, len(values.columns))
        axes.set_ylim(len(values) - 0.5, -0.5)
        _bare(axes)
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


@kept
def cost_against_score(points: pd.DataFrame, *, cost: str, metric: str) -> Picture:
    """Draw the score over what it costs, a numbered point an experiment.

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


@kept
def ranks(ranking: pd.DataFrame) -> Picture:
    """Draw mean ranks with the critical difference; `ranking` has the columns of ranking.csv."""
    with style("ranks"):
        figure, axes = panel(TOP + 36.0 + 24.0 * len(ranking), left=RIGHT, top=TOP + 16, bottom=20.0)
        title(figure, "Mean rank over the folds")
        mean = ranking["mean_rank"].to_numpy(dtype=float)
        critical = float(ranking["critical_difference"].iloc[0])
        diamonds(axes, mean, np.arange(len(mean)) + 0.22)
        shown = shorts(ranking["experiment"].astype(str), 38)
        for y, row in enumerate(ranking.to_dict("records")):
            on_top: dict[str, Any] = {
                "transform": axes.get_yaxis_transform(),
                "fontsize": 7.5,
                "va": "center",
            }
            axes.text(0.0, y - 0.22, shown[str(row["experiment"])], color=INK, **on_top)
            axes.text(1.0, y - 0.22, short(str(row["letters"]), 8), color=MUTED, ha="right", **on_top)
        # Who is as far right of the best one as this bar is long is told apart from it.
        axes.plot([mean[0], mean[0] + critical], [-0.62] * 2, color=SECOND, linewidth=2.2)
        axes.set_xlim(*limits(np.append(mean, mean[0] + critical)))
        axes.set_ylim(len(ranking) - 0.5, -0.8)
        axes.yaxis.set_visible(False)
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(RIGHT / WIDTH, top, f"— critical difference {critical:.2f}", color=SECOND, fontsize=7.5)
        figure.text(1 - RIGHT / WIDTH, top, "alike share a letter", color=MUTED, fontsize=7.5, ha="right")
        return picture(figure)


@kept
def all_pairs(differences: np.ndarray, is_sure: np.ndarray) -> Picture:
    """Draw the difference of every pair, the row's experiment minus the column's.

    Args:
        differences: float [N, N], in the order of the ranking.
        is_sure: whether the corrected p-value of the pair is below 0.05, bool [N, N].
    """
    count = len(differences)
    with style("all pairs"):
        side = WIDTH - 26.0 - RIGHT
        figure, axes = panel(side + TOP + 26.0, left=26.0, top=TOP + 22.0, bottom=4.0)
        title(figure, "Every pair: row minus column")
        top = float(np.nanmax(np.abs(differences))) or 1.0
        known = np.isfinite(differences) & ~np.eye(count, dtype=bool)
        rows, columns = np.nonzero(known)
        strengths = 0.05 + (STRONGEST - 0.05) * np.abs(differences[known]) / top
        colours = [
            to_rgba(ACCENT if value >= 0 else SECOND, strength)
            for value, strength in zip(differences[known], strengths, strict=True)
        ]
        boxes(axes, columns.astype(float), rows.astype(float), 0.94, 0.94, colours)
        rows, columns = np.nonzero(known & is_sure)
        axes.plot(columns + 0.47, rows + 0.47, ".", color=INK, markersize=3.0, linestyle="none")
        axes.set_xlim(0, count)
        axes.set_ylim(count, 0)
        _bare(axes)
        shown: dict[str, Any] = {"color": MUTED, "fontsize": 6.5}
        for place in range(0, count, 1 if count <= 20 else 5):
            axes.text(place + 0.47, -0.3, str(place + 1), ha="center", va="bottom", **shown)
            axes.text(-0.3, place + 0.47, str(place + 1), ha="right", va="center", **shown)
        return picture(figure)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


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
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
