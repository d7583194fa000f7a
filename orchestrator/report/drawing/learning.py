"""Figures of one training: losses and one validation metric by epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from orchestrator.report.drawing.canvas import (
    RIGHT,
    WIDTH,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import faint
from orchestrator.report.drawing.picture import ACCENT, CARD, SECOND, Picture
from orchestrator.report.kept import kept


@kept
def draw_losses(history: pd.DataFrame, *, name: str, is_whole: bool) -> Picture:
    """Draw losses by epoch: thin lines for folds, a thick one for the mean, dots at the best epochs.

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
def draw_validation_scores(
    history: pd.DataFrame, column: str, *, metric: str, name: str, is_whole: bool
) -> Picture:
    """Draw one validation metric by epoch; arguments as for `draw_losses`, with `column` in the history."""
    with style(f"validation {column} {name}"):
        figure, axes = panel(185.0)
        title(figure, f"Validation {metric}")
        _curves(axes, history, column, ACCENT, "-", is_whole=is_whole)
        _best_epochs(axes, history, column)
        _epochs(axes, history)
        return picture(figure)


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
