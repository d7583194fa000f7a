"""Figure of fold scores: each experiment's folds, their mean and both intervals."""

import numpy as np
import pandas as pd

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    beside_row,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.marks import intervals, points
from orchestrator.report.drawing.picture import SECOND, Picture, shorts
from orchestrator.report.kept import kept


@kept
def draw_fold_scores(scores: pd.DataFrame, summary: pd.DataFrame, *, metric: str) -> Picture:
    """Draw each experiment's fold scores with mean and both intervals, one row per experiment.

    Args:
        scores: columns experiment and value.
        summary: columns experiment, n, n_expected, mean, ci_low, ci_high, boot_low, boot_high; one row
            per experiment, in the order to draw. The mean of an incomplete experiment is NaN and not drawn.
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
        axes.hlines(
            rows[is_whole] + 0.45,
            low[is_whole],
            high[is_whole],
            color=SECOND,
            linewidth=1.2,
            linestyle=(0, (3, 1)),
        )
        intervals(axes, rows + 0.30, summary["mean"], summary["ci_low"], summary["ci_high"])
        # Room for what is missing.
        shown = shorts(summary["experiment"].astype(str), 26)
        for y, row in enumerate(summary.to_dict("records")):
            found, expected = row["n"], row["n_expected"]
            missing = "" if found == expected else f"  ({found} of {expected} folds)"
            name = shown[str(row["experiment"])] + missing
            beside_row(axes, y - 0.25, name, size=8.5, va="baseline")
        names = ["mean", "ci_low", "ci_high", "boot_low", "boot_high"]
        bounds = summary[names].to_numpy(dtype=float).ravel()
        axes.set_xlim(*limits(np.concatenate([values, bounds])))
        axes.set_ylim(len(summary) - 0.35, -0.62)
        axes.yaxis.set_visible(False)
        return picture(figure)
