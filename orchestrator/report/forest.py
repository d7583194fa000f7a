"""Figures of differences: the forest of all comparisons, the folds of one, and what held-out sources cost."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.ticker import FixedFormatter, FixedLocator

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
from orchestrator.report.figures import MANY, intervals, points
from orchestrator.report.kept import kept
from orchestrator.report.panels import ACCENT, INK, MUTED, Picture, shorts

ROW = 46.0
HELD_OUT_ROW = 34.0
# Of the region of practical equivalence: visible on light and on dark paper, and text on it stays legible.
SHADE = 0.16


@kept
def forest(rows: pd.DataFrame, *, metric: str, lower_is_better: bool) -> Picture:
    """Draw the difference of each comparison, its interval, and the region of practical equivalence.

    Args:
        rows: columns treatment, baseline, mean_diff, ci_low, ci_high, rope, verdict; a row a comparison, in
            their order.
        metric: its name for people.
        lower_is_better: whether a negative difference speaks for the treatment.
    """
    with style(f"forest {metric}"):
        figure, axes = panel(TOP + 34.0 + ROW * len(rows), left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, f"Difference in {metric}")
        places, ropes = np.arange(len(rows), dtype=float), rows["rope"].to_numpy(dtype=float)
        boxes(axes, -ropes, places + 0.05, 2 * ropes, 0.36, to_rgba(ACCENT, SHADE))
        # In pieces: a line from top to bottom would cross the names.
        axes.vlines(np.zeros(len(rows)), places + 0.05, places + 0.41, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, rows["mean_diff"], rows["ci_low"], rows["ci_high"])
        shown = shorts([*rows["treatment"].astype(str), *rows["baseline"].astype(str)], 38)
        for y, row in enumerate(rows.to_dict("records")):
            above: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
            axes.text(0.0, y - 0.34, shown[str(row["treatment"])], color=INK, fontsize=8, **above)
            against = f"against {shown[str(row['baseline'])]}"
            axes.text(0.0, y - 0.10, against, color=MUTED, fontsize=7.5, **above)
            axes.text(1.0, y - 0.34, str(row["verdict"]), color=INK, fontsize=8, ha="right", **above)
        bounds = rows[["mean_diff", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.concatenate([bounds, ropes, -ropes])))
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.yaxis.set_visible(False)
        left, right = ("treatment", "baseline") if lower_is_better else ("baseline", "treatment")
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(RIGHT / WIDTH, top, f"← {left} better", color=MUTED, fontsize=7.5, ha="left")
        figure.text(1 - RIGHT / WIDTH, top, f"{right} better →", color=MUTED, fontsize=7.5, ha="right")
        return picture(figure)


@kept
def differences(
    pairs: pd.DataFrame,
    *,
    bounds: tuple[float, float, float],
    rope: float,
    metric: str,
    about: str,
    lower_is_better: bool,
) -> Picture:
    """Draw the paired differences of one comparison: a stem a fold, mean and interval below.

    Args:
        pairs: columns label (of the fold) and difference (treatment minus baseline).
        bounds: mean difference, and the lower and upper end of its interval; NaN where there is none.
        rope: half the width of the region of practical equivalence, which is shaded.
        metric: its name for people.
        about: which two are compared.
        lower_is_better: whether a negative difference speaks for the treatment.
    """
    step = 15.0 if len(pairs) <= MANY else 9.0
    rows = len(pairs) + 1.6
    with style(f"differences {metric} {about}"):
        figure, axes = panel(TOP + 44.0 + step * (rows + 0.9), left=44.0, top=TOP + 24, bottom=20.0)
        title(figure, f"Difference in {metric}")
        height = figure.get_figheight() * 72
        figure.text(RIGHT / WIDTH, 1 - 26 / height, about, color=MUTED, fontsize=7.5, ha="left")
        values = pairs["difference"].to_numpy(dtype=float)
        y = np.arange(len(pairs), dtype=float)
        axes.axvspan(-rope, rope, facecolor=ACCENT, alpha=SHADE, edgecolor="none")
        axes.hlines(y, 0.0, values, color=MUTED, linewidth=0.9)
        points(axes, values, y)
        axes.axvline(0.0, color=INK, linewidth=0.9)
        intervals(axes, np.array([len(pairs) + 0.6]), *(np.array([bound]) for bound in bounds))
        axes.set_ylim(rows - 0.1, -0.8)
        axes.set_xlim(*limits(np.array([*values, *bounds, rope, -rope])))
        axes.yaxis.set_major_locator(FixedLocator([*y, len(pairs) + 0.6]))
        axes.yaxis.set_major_formatter(FixedFormatter([*pairs["label"].astype(str), "mean"]))
        axes.grid(axis="y", visible=False)
        if step < 12:
            axes.tick_params(axis="y", labelsize=6)
        left, right = ("treatment", "baseline") if lower_is_better else ("baseline", "treatment")
        figure.text(44 / WIDTH, 1 - 40 / height, f"← {left} better", color=MUTED, fontsize=7.5, ha="left")
        figure.text(
            1 - RIGHT / WIDTH, 1 - 40 / height, f"{right} better →", color=MUTED, fontsize=7.5, ha="right"
        )
        return picture(figure)


@kept
def holdout_deltas(rows: pd.DataFrame) -> Picture:
    """Draw what each experiment loses on each held-out source, with its interval.

    Args:
        rows: columns experiment, source, delta (in-source minus held-out AUC), ci_low, ci_high.
    """
    with style("holdout"):
        figure, axes = panel(TOP + 34.0 + HELD_OUT_ROW * len(rows), left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, "AUC lost on a source never seen")
        places = np.arange(len(rows), dtype=float)
        axes.vlines(np.zeros(len(rows)), places + 0.03, places + 0.43, color=INK, linewidth=0.9)
        intervals(axes, places + 0.23, rows["delta"], rows["ci_low"], rows["ci_high"])
        names, sources = shorts(rows["experiment"].astype(str), 30), shorts(rows["source"].astype(str), 18)
        for y, row in enumerate(rows.to_dict("records")):
            above: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": 8, "va": "center"}
            axes.text(0.0, y - 0.23, names[str(row["experiment"])], color=INK, **above)
            axes.text(1.0, y - 0.23, sources[str(row["source"])], color=MUTED, ha="right", **above)
        values = rows[["delta", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.append(values, 0.0)))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.yaxis.set_visible(False)
        top = 1 - 28 / (figure.get_figheight() * 72)
        figure.text(1 - RIGHT / WIDTH, top, "loses more →", color=MUTED, fontsize=7.5, ha="right")
        return picture(figure)
