"""Figure of confidence: how sure right and wrong predictions were, of two classes each class on its side."""

from collections.abc import Sequence

import numpy as np

from orchestrator.report.drawing.canvas import (
    TOP,
    below_title,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.picture import ACCENT, MUTED, SECOND, Picture
from orchestrator.report.kept import kept

NUM_BARS = 20
# What stands above the line and below it, where there are two classes.
SIDES = ("↑ fake", "↓ real")


@kept
def draw_confidence(sides: Sequence[tuple[np.ndarray, np.ndarray]], *, name: str, least: float) -> Picture:
    """Draw how sure the right and the wrong predictions were, as shares of all of them.

    Args:
        sides: confidence of the predictions that are right and of those that are wrong, float [N] and [M]: of
            two classes for the fake images, drawn upwards, and for the real ones, drawn downwards; of several
            classes for all images together.
        name: the experiment.
        least: the lowest confidence that there can be: 1 / number of classes.
    """
    with style(f"confidence {name}"):
        height = 165.0 if len(sides) == 1 else 205.0
        figure, axes = panel(height, top=TOP + 12)
        title(figure, name)
        edges = np.linspace(least, 1.0, NUM_BARS + 1)
        width, total = edges[1] - edges[0], max(sum(len(part) for side in sides for part in side), 1)
        highest = []
        for turn, side in zip((1.0, -1.0), sides, strict=False):
            right, wrong = (np.histogram(np.clip(part, least, 1.0), edges)[0] / total for part in side)
            axes.bar(edges[:-1], turn * right, width=width * 0.86, align="edge", color=ACCENT, alpha=0.55)
            axes.stairs(turn * wrong, edges, color=SECOND, linewidth=1.8)
            highest.append(1.08 * max(float(right.max()), float(wrong.max()), 1e-9))
        axes.set_xlim(least - 0.01, 1.01)
        axes.set_ylim(-highest[1] if len(sides) > 1 else 0.0, highest[0])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * abs(value):.3g}%")
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("confidence (the largest probability)")
        below_title(figure, "■ right", colour=ACCENT)
        figure.text(0.24, 1 - 28 / height, "— wrong", color=SECOND, fontsize=7.5, ha="left")
        if len(sides) > 1:
            axes.axhline(0.0, color=MUTED, linewidth=0.8)
            below_title(figure, "  ".join(SIDES), is_right=True)
        return picture(figure)
