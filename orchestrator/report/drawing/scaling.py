"""Figure of learning curves over the amount of data: means at each size, and the fitted laws through them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from orchestrator.report.drawing.canvas import (
    TOP,
    below_title,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.picture import ACCENT, CARD, INK, SECOND, Picture
from orchestrator.report.kept import kept

# Models of one panel differ in colour and in mark, and carry their numbers: they can be told apart in grey.
LOOKS = ((ACCENT, "o"), (SECOND, "s"), (INK, "^"), (ACCENT, "v"), (SECOND, "D"), (INK, "P"))
# Points of different models at the same size stand beside each other: each this factor of images further.
APART = 1.03
SHADE = 0.16
MOST_TICKS = 5


@kept
def draw_scaling(points: pd.DataFrame, curves: pd.DataFrame, *, name: str, metric: str) -> Picture:
    """Draw mean scores over training images, and fitted laws: solid over the data, dashed beyond it.

    Args:
        points: columns model (a number, from 1), images, mean, low, high; bounds may be NaN.
        curves: columns model, images, score, low, high of the laws, in order; may have no rows.
        name: what the panel shows.
        metric: its name for people.
    """
    with style(f"scaling {name}"):
        figure, axes = panel(215.0, left=40.0, top=TOP + 12)
        title(figure, name)
        models = list(dict.fromkeys(points["model"]))
        for place, model in enumerate(models):
            mine, law = points[points["model"] == model], curves[curves["model"] == model]
            colour, mark = LOOKS[(int(model) - 1) % len(LOOKS)] if len(models) > 1 else LOOKS[0]
            _curve(axes, law, colour, most=float(mine["images"].max()), has_band=len(models) == 1)
            _points(axes, mine, colour, mark, beside=APART ** (place - (len(models) - 1) / 2))
            if len(models) > 1:
                _number(axes, mine, law, str(model), colour)
        values = [points[["mean", "low", "high"]].to_numpy(dtype=float).ravel()]
        values.append(
            curves[["score"] if len(models) > 1 else ["score", "low", "high"]].to_numpy(float).ravel()
        )
        axes.set_ylim(*limits(np.concatenate(values)))
        _images(axes, np.unique(points["images"].to_numpy(dtype=float)), curves["images"])
        axes.set_ylabel(metric)
        has_band = len(models) == 1 and len(curves) > 0
        below_title(figure, "bar, band: 95 % interval" if has_band else "bar: 95 % interval")
        if len(curves):
            below_title(figure, "- - predicted", is_right=True)
        return picture(figure)


def _curve(axes: Axes, law: pd.DataFrame, colour: str, *, most: float, has_band: bool) -> None:
    if law.empty:
        return
    x, y = law["images"].to_numpy(dtype=float), law["score"].to_numpy(dtype=float)
    if has_band:
        low, high = law["low"].to_numpy(dtype=float), law["high"].to_numpy(dtype=float)
        axes.fill_between(x, low, high, color=colour, alpha=SHADE, linewidth=0.0)
    inside = x <= most * (1 + 1e-9)
    axes.plot(x[inside], y[inside], "-", color=colour, linewidth=1.6)
    # From the last point of the solid line on, so that the two meet.
    beyond = np.flatnonzero(~inside)
    if len(beyond):
        axes.plot(x[beyond[0] - 1 :], y[beyond[0] - 1 :], color=colour, linewidth=1.6, linestyle=(0, (3, 2)))


def _points(axes: Axes, points: pd.DataFrame, colour: str, mark: str, *, beside: float) -> None:
    x, mean, low, high = (points[name].to_numpy(dtype=float) for name in ("images", "mean", "low", "high"))
    is_whole = np.isfinite(low) & np.isfinite(high)
    axes.vlines(x[is_whole] * beside, low[is_whole], high[is_whole], color=colour, linewidth=1.2)
    axes.plot(x * beside, mean, mark, color=colour, markersize=5.0, markeredgecolor=CARD, markeredgewidth=0.6)


def _number(axes: Axes, points: pd.DataFrame, law: pd.DataFrame, text: str, colour: str) -> None:
    """Write a model's number at the end of what is drawn of it."""
    shown = law.rename(columns={"score": "mean"}) if len(law) else points.dropna(subset=["mean"])
    # Beside the end of a line, or beside and above a point.
    away = (4.0, 0.0) if len(law) else (7.0, 6.0)
    if len(shown):
        end = shown.iloc[-1]
        axes.annotate(
            text, (float(end["images"]), float(end["mean"])), xytext=away, textcoords="offset points",
            fontsize=8.0, color=colour, va="center", fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def _images(axes: Axes, sizes: np.ndarray, reached: "pd.Series[float]") -> None:
    """Scale the axis of images by their logarithm, with a mark at each size where these are few."""
    every = np.append(sizes, reached.max()) if len(reached) else sizes
    axes.set_xscale("log")
    axes.set_xlim(float(every.min()) / 1.15, float(every.max()) * 1.15)
    axes.xaxis.set_major_locator(FixedLocator(every.tolist()) if len(every) <= MOST_TICKS else LogLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: _count(value))
    axes.set_xlabel("training images, logarithmic")


def _count(value: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"
