"""The figures of a phase's page: data frames in, SVG text out; how they are drawn is `drawing`'s business."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from orchestrator.report.drawing import (
    ACCENT,
    BOTTOM,
    CARD,
    INK,
    LEFT,
    MUTED,
    RIGHT,
    SECOND,
    TOP,
    WIDTH,
    limits,
    panel,
    short,
    style,
    svg,
    title,
)

MANY = 10  # folds; more are drawn fainter
GRID = np.linspace(0.0, 1.0, 101)


def differences(
    pairs: pd.DataFrame, *, mean: float, low: float, high: float, metric: str, lower_is_better: bool
) -> str:
    """Draw the paired differences of one comparison: a stem a fold, mean and interval below.

    Args:
        pairs: columns label (of the fold) and difference (treatment minus baseline).
        mean: mean difference; NaN when there is none yet, as are `low` and `high`, its interval.
        low: lower end.
        high: upper end.
        metric: its name for people.
        lower_is_better: whether a negative difference speaks for the treatment.
    """
    step = 15.0 if len(pairs) <= MANY else 9.0
    rows = len(pairs) + 1.6
    with style(f"differences {metric}"):
        figure, axes = panel(TOP + 32.0 + step * (rows + 0.9), left=44.0, top=TOP + 12, bottom=20.0)
        title(figure, f"Difference in {metric}")
        values = pairs["difference"].to_numpy(dtype=float)
        y = np.arange(len(pairs), dtype=float)
        axes.hlines(y, 0.0, values, color=MUTED, linewidth=0.9)
        axes.plot(values, y, "o", color=MUTED, markersize=4.2, markeredgecolor=CARD, markeredgewidth=0.5)
        axes.axvline(0.0, color=INK, linewidth=0.9)
        _interval(axes, len(pairs) + 0.6, mean, low, high)
        axes.set_ylim(rows - 0.1, -0.8)
        axes.set_xlim(*limits(np.array([*values, 0.0, mean, low, high])))
        axes.set_yticks([*y, len(pairs) + 0.6], [*pairs["label"].astype(str), "mean"])
        if step < 12:
            axes.tick_params(axis="y", labelsize=6)
        sides = ("treatment better", "baseline better") if lower_is_better else ()
        left, right = sides or ("baseline better", "treatment better")
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(44 / WIDTH, top, f"← {left}", color=MUTED, fontsize=7.5, ha="left")
        figure.text(1 - RIGHT / WIDTH, top, f"{right} →", color=MUTED, fontsize=7.5, ha="right")
        return svg(figure)


def fold_scores(scores: pd.DataFrame, summary: pd.DataFrame, *, metric: str) -> str:
    """Draw each experiment's fold scores with mean and interval, one row an experiment.

    Args:
        scores: columns experiment and value.
        summary: columns experiment, n, n_expected, mean, ci_low, ci_high; a row an experiment, in the
            order to draw. The mean of an incomplete experiment is NaN and is not drawn.
        metric: its name for people.
    """
    with style(f"scores {metric}"):
        figure, axes = panel(TOP + 20.0 + 38.0 * len(summary), left=RIGHT, bottom=20.0)
        title(figure, f"{metric[:1].upper()}{metric[1:]} on the test folds")
        for y, row in enumerate(summary.itertuples()):
            values = scores.loc[scores["experiment"] == row.experiment, "value"].to_numpy(dtype=float)
            # Three lanes: equal scores stay visible as two points.
            lanes = y + 0.06 + 0.08 * (np.arange(len(values)) % 3 - 1)
            axes.plot(
                values, lanes, "o", color=MUTED, markersize=4.2, markeredgecolor=CARD, markeredgewidth=0.5
            )
            _interval(axes, y + 0.31, *(float(str(x)) for x in (row.mean, row.ci_low, row.ci_high)))
            found, expected = str(row.n), str(row.n_expected)
            missing = "" if found == expected else f"  ({found} of {expected} folds)"
            name = short(str(row.experiment), 42 - len(missing)) + missing
            axes.text(0.0, y - 0.2, name, transform=axes.get_yaxis_transform(), fontsize=8.5, color=INK)
        bounds = summary[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.concatenate([scores["value"].to_numpy(dtype=float), bounds])))
        axes.set_ylim(len(summary) - 0.4, -0.62)
        axes.set_yticks([])
        return svg(figure)


def losses(history: pd.DataFrame, *, name: str) -> str:
    """Draw training and validation loss by epoch: thin a fold, thick the mean, a dot at the best epoch.

    Args:
        history: columns trial, epoch, train_loss, val_loss, best_epoch (the same in all rows of a trial).
        name: the experiment.
    """
    with style(f"losses {name}"):
        figure, axes = panel(185.0)
        title(figure, "Loss")
        _curves(axes, history, "train_loss", SECOND, "--")
        _curves(axes, history, "val_loss", ACCENT, "-")
        _best_epochs(axes, history, "val_loss")
        _epochs(axes, history)
        top = 1 - 14 / 185.0
        figure.text(0.62, top, "- - training", color=SECOND, fontsize=8, ha="right")
        figure.text(1 - RIGHT / WIDTH, top, "— validation", color=ACCENT, fontsize=8, ha="right")
        return svg(figure)


def validation_scores(history: pd.DataFrame, column: str, *, metric: str, name: str) -> str:
    """Draw one validation metric by epoch; `history` as for `losses`, with `column` in it."""
    with style(f"validation {column} {name}"):
        figure, axes = panel(185.0)
        title(figure, f"Validation {metric}")
        _curves(axes, history, column, ACCENT, "-")
        _best_epochs(axes, history, column)
        _epochs(axes, history)
        return svg(figure)


def roc(curves: pd.DataFrame, *, name: str) -> str:
    """Draw ROC curves: thin a fold, thick their vertical average (Fawcett 2006).

    Args:
        curves: columns trial, fpr and tpr, each trial's points in rising order of fpr.
        name: the experiment.
    """
    with style(f"roc {name}"):
        height = TOP + BOTTOM + WIDTH - LEFT - RIGHT
        figure, axes = panel(height)
        title(figure, short(name, 38))
        groups = [part for _, part in curves.groupby("trial", sort=False)]
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        for part in groups:
            axes.plot(part["fpr"], part["tpr"], color=ACCENT, linewidth=0.7, alpha=_alpha(len(groups)))
        if groups:
            rates = np.array([np.interp(GRID, part["fpr"], part["tpr"]) for part in groups])
            mean = rates.mean(axis=0)
            axes.plot([0.0, *GRID], [0.0, *mean], color=ACCENT, linewidth=2.0)
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        axes.set_xlabel("false alarm rate (real images called fake)")
        axes.set_ylabel("detection rate (fakes found)", labelpad=3)
        return svg(figure)


def _interval(axes: Axes, y: float, mean: float, low: float, high: float) -> None:
    if np.isfinite([low, high]).all():
        axes.plot([low, high], [y, y], color=ACCENT, linewidth=1.8, solid_capstyle="butt")
    if np.isfinite(mean):
        axes.plot([mean], [y], "D", color=ACCENT, markersize=5.0, markeredgecolor=CARD, markeredgewidth=0.6)


def _curves(axes: Axes, history: pd.DataFrame, column: str, colour: str, line: str) -> None:
    groups = [part for _, part in history.groupby("trial", sort=False)]
    for part in groups:
        axes.plot(part["epoch"], part[column], line, color=colour, linewidth=0.7, alpha=_alpha(len(groups)))
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


def _alpha(count: int) -> float:
    return 0.55 if count <= MANY else 0.3
