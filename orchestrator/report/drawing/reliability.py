"""Figure of reliability: how often a probability came true, over the probability."""

import pandas as pd

from orchestrator.report.drawing.canvas import (
    SQUARE,
    TOP,
    below_title,
    panel,
    picture,
    style,
    title,
    unit_square,
)
from orchestrator.report.drawing.picture import ACCENT, MUTED, SECOND, Picture
from orchestrator.report.kept import kept


@kept
def draw_reliability(bins: pd.DataFrame, *, name: str, method: str | None, num_classes: int) -> Picture:
    """Draw accuracy over mean confidence, before and after calibration.

    Of two classes the confidence is P(fake), and the accuracy the share of fakes: they are called that.

    Args:
        bins: columns method, mean_confidence, accuracy; rows of `none` (as predicted) and of `method`.
        name: the experiment.
        method: the calibration that is drawn beside it; None where none was fitted in every fold.
        num_classes: how many classes the experiment has.
    """
    with style(f"reliability {name}"):
        figure, axes = panel(SQUARE, top=TOP + 12)
        title(figure, name)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        raw = bins[bins["method"] == "none"]
        axes.plot(raw["mean_confidence"], raw["accuracy"], "s--", color=SECOND, linewidth=1.2, markersize=3.4)
        below_title(figure, "- ■ - as predicted", colour=SECOND)
        if method is not None:
            after = bins[bins["method"] == method]
            axes.plot(
                after["mean_confidence"], after["accuracy"], "o-", color=ACCENT, linewidth=1.6, markersize=3.8
            )
            below_title(figure, f"—●— after {method}", colour=ACCENT, is_right=True)
        unit_square(axes)
        axes.set_xlabel("mean P(fake)" if num_classes == 2 else "mean confidence")
        axes.set_ylabel("share of fakes" if num_classes == 2 else "accuracy")
        return picture(figure)
