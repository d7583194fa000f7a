"""Figures of an evaluation on other images: scores beside home, what is lost, and differences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    below_title,
    beside_row,
    limits,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.differences import draw_differences
from orchestrator.report.drawing.marks import intervals
from orchestrator.report.drawing.picture import CARD, MUTED, SECOND, Picture, shorts
from orchestrator.report.kept import kept

ROW = 32.0
CHANCE = 0.5


@kept
def draw_elsewhere(rows: pd.DataFrame) -> Picture:
    """Draw the AUC of each detector with its interval, its ensemble, and what its models reach at home.

    Args:
        rows: columns detector, mean, ci_low, ci_high, ensemble, home; NaN where there is none.
    """
    with style("elsewhere"):
        count = len(rows)
        figure, axes = panel(TOP + 34.0 + ROW * count, left=RIGHT, top=TOP + 14, bottom=20.0)
        title(figure, "AUC on these images")
        places = np.arange(count, dtype=float)
        axes.vlines(np.full(count, CHANCE), places + 0.05, places + 0.43, color=MUTED, linewidth=0.9)
        home, ensemble = (rows[name].to_numpy(dtype=float) for name in ("home", "ensemble"))
        is_there = np.isfinite(ensemble)
        axes.vlines(
            ensemble[is_there], places[is_there] + 0.1, places[is_there] + 0.38, color=SECOND, linewidth=2
        )
        intervals(axes, places + 0.24, rows["mean"], rows["ci_low"], rows["ci_high"])
        axes.plot(
            home, places + 0.24, "o", markersize=5.0, markerfacecolor=CARD, markeredgecolor=MUTED,
            markeredgewidth=1.2,
        )  # fmt: skip
        shown = shorts(rows["detector"].astype(str), 46)
        for y, name in enumerate(rows["detector"].astype(str)):
            beside_row(axes, y - 0.2, shown[name], size=7.5)
        bounds = rows[["mean", "ci_low", "ci_high", "ensemble", "home"]].to_numpy(dtype=float).ravel()
        low, high = limits(np.append(bounds, CHANCE))
        axes.set_xlim(max(low, -0.02), min(high, 1.02))
        axes.set_ylim(count - 0.4, -0.6)
        axes.yaxis.set_visible(False)
        below_title(figure, "◆ models here  ❘ ensemble  ○ home", is_right=True)
        return picture(figure)


@kept
def draw_home_losses(values: np.ndarray, names: Sequence[str]) -> Picture:
    """Draw what each experiment loses against home: mean and ends of the interval, float [rows, 3]."""
    shown = shorts(names, 46)
    return draw_differences(
        values,
        key="elsewhere losses",
        heading="AUC lost against the home folds",
        names=[shown[name] for name in names],
        beside=(),
        towards="lost here →",
    )


@kept
def draw_detector_differences(
    values: np.ndarray, treatments: Sequence[str], baselines: Sequence[str]
) -> Picture:
    """Draw the difference of every two detectors: mean and ends of the interval, float [rows, 3]."""
    shown = shorts([*treatments, *baselines], 24)
    return draw_differences(
        values,
        key="elsewhere differences",
        heading="Difference in AUC on the same images",
        names=[shown[name] for name in treatments],
        beside=[f"against {shown[name]}" for name in baselines],
        towards="first is better →",
    )
