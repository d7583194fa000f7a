"""Figures of scores and training: data frames in, pictures out; how they are drawn is in `drawing`."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from orchestrator.report.drawing import (
    RIGHT,
    TOP,
    WIDTH,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.kept import kept
from orchestrator.report.panels import ACCENT, CARD, INK, MUTED, SECOND, Picture, shorts

Columns = np.ndarray | pd.Series
MANY = 10  # folds; more are drawn fainter


@kept
def fold_scores(scores: pd.DataFrame, summary: pd.DataFrame, *, metric: str) -> Picture:
    """Draw each experiment's fold scores with mean and both intervals, one row an experiment.

    Args:
        scores: columns experiment and value.
        summary: columns experiment, n, n_expected, mean, ci_low, ci_high, boot_low, boot_high; a row an
            experiment, in the order to draw. The mean of an incomplete experiment is NaN and is not drawn.
        metric: its name for people.
    """
    with style(f"scores {metric}"):
        figure, axes = panel(TOP + 20.0 + 46.0 * len(summary), left=RIGHT, bottom=20.0)
        title(figure, f"{metric[:1].upper()}{metric[1:]} on the test folds")
        rows = np.arange(len(summary), dtype=float)
        place = dict(zip(summary["experiment"], rows, strict=True))
        # Three lanes: equal scores stay visible as two points.
        turn = scores.groupby("experiment").cumcount().to_numpy() % 3 - 1
        values = scores["value"].to_numpy(dtype=float)
        points(axes, values, scores["experiment"].map(place).to_numpy(dtype=float) + 0.07 + 0.08 * turn)
        low, high = (summary[name].to_numpy(dtype=float) for name in ("boot_low", "boot_high"))
        is_whole = np.isfinite(low) & np.isfinite(high)
        drawn: dict[str, Any] = {"color": SECOND, "linewidth": 1.2, "linestyle": (0, (3, 1))}
        axes.hlines(rows[is_whole] + 0.45, low[is_whole], high[is_whole], **drawn)
        intervals(axes, rows + 0.30, summary["mean"], summary["ci_low"], summary["ci_high"])
        # Room for what is missing.
        shown = shorts(summary["experiment"].astype(str), 26)
        for y, row in enumerate(summary.to_dict("records")):
            found, expected = row["n"], row["n_expected"]
            missing = "" if found == expected else f"  ({found} of {expected} folds)"
            name = shown[str(row["experiment"])] + missing
            axes.text(0.0, y - 0.25, name, transform=axes.get_yaxis_transform(), fontsize=8.5, color=INK)
        names = ["mean", "ci_low", "ci_high", "boot_low", "boot_high"]
        bounds = summary[names].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.concatenate([values, bounds])))
        axes.set_ylim(len(summary) - 0.35, -0.62)
        axes.yaxis.set_visible(False)
        return picture(figure)


@kept
def losses(history: pd.DataFrame, *, name: str, is_whole: bool) -> Picture:
    """Draw training and validation loss by epoch: thin a fold, thick the mean, a dot at the best epoch.

    Args:
        history: columns trial, epoch, train_loss, val_loss, best_epoch (the same in all rows of a trial).
        name: the experiment.
        is_whole: whether no fold is missing; else there is no mean.
    """
    with style(f"losses {name}"):
        figure, axes = panel(185.0)
        title(figure, "Loss")
        _curves(axes, history, "train_loss", SECOND, "--", is_whole=is_whole)
        _curves(axes, history, "val_loss", ACCENT, "-", is_whole=is_whole)
        _best_epochs(axes, history, "val_loss")
        _epochs(axes, history)
        top = 1 - 14 / 185.0
        figure.text(0.62, top, "- - training", color=SECOND, fontsize=8, ha="right")
        figure.text(1 - RIGHT / WIDTH, top, "— validation", color=ACCENT, fontsize=8, ha="right")
        return picture(figure)


@kept
def validation_scores(
    history: pd.DataFrame, column: str, *, metric: str, name: str, is_whole: bool
) -> Picture:
    """Draw one validation metric by epoch; arguments as for `losses`, with `column` in the history."""
    with style(f"validation {column} {name}"):
        figure, axes = panel(185.0)
        title(figure, f"Validation {metric}")
        _curves(axes, history, column, ACCENT, "-", is_whole=is_whole)
        _best_epochs(axes, history, column)
        _epochs(axes, history)
        return picture(figure)


def intervals(axes: Axes, places: np.ndarray, means: Columns, lows: Columns, highs: Columns) -> None:
    """Draw each mean as a diamond and its interval as a bar, at the heights `places`; all are [rows].

    What is not finite is left out.
    """
    mean, low, high = (np.asarray(values, dtype=float) for values in (means, lows, highs))
    is_whole = np.isfinite(low) & np.isfinite(high)
    axes.hlines(places[is_whole], low[is_whole], high[is_whole], color=ACCENT, linewidth=1.8)
    diamonds(axes, mean, places)


def diamonds(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw means; what is not finite is left out."""
    axes.plot(x, y, "D", color=ACCENT, markersize=5.0, markeredgecolor=CARD, markeredgewidth=0.6)


def points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw single folds."""
    axes.plot(x, y, "o", color=MUTED, markersize=4.2, markeredgecolor=CARD, markeredgewidth=0.5)


def faint(count: int) -> float:
    """Return how opaque each of `count` thin lines is."""
    return 0.55 if count <= MANY else 0.3


def _curves(
    axes: Axes, history: pd.DataFrame, column: str, colour: str, line: str, *, is_whole: bool
) -> None:
    groups = [part for _, part in history.groupby("trial", sort=False)]
    for part in groups:
        axes.plot(part["epoch"], part[column], line, color=colour, linewidth=0.7, alpha=faint(len(groups)))
    if not is_whole:
        return
    by_epoch = history.groupby("epoch")[column].agg(["mean", "count"])
    # Folds stop early at different epochs; a mean over those that are left would jump for that reason alone.
    mean = by_epoch.loc[by_epoch["count"] == len(groups), "mean"]
    axes.plot(mean.index, mean, line, color=colour, linewidth=2.0)


def _best_epochs(axes: Axes, history: pd.DataFrame, column: str) -> None:
    best = history[history["epoch"] == history["best_epoch"]]
    axes.plot(best["epoch"], best[column], "o", color=ACCENT, markersize=4.6, markeredgecolor=CARD, zorder=4)


def _epochs(axes: Axes, history: pd.DataFrame) -> None:
    axes.set_xlim(0.6, float(history["epoch"].max()) + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
