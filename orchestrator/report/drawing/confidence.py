"""Figure of confidence: how sure right and wrong predictions were."""

import numpy as np

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    WIDTH,
    panel,
    picture,
    style,
    title,
)
from orchestrator.report.drawing.picture import ACCENT, SECOND, Picture
from orchestrator.report.kept import kept

NUM_BARS = 20


@kept
def draw_confidence(right: np.ndarray, wrong: np.ndarray, *, name: str, least: float) -> Picture:
    """Draw how sure the right and the wrong predictions were, as shares of all of them.

    Args:
        right: confidence of predictions that are right, float [N].
        wrong: of those that are wrong, float [M].
        name: the experiment.
        least: the lowest confidence that there can be: 1 / number of classes.
    """
    with style(f"confidence {name}"):
        figure, axes = panel(165.0, top=TOP + 12)
        title(figure, name)
        edges = np.linspace(least, 1.0, NUM_BARS + 1)
        total = max(len(right) + len(wrong), 1)
        shares = [np.histogram(np.clip(part, least, 1.0), edges)[0] / total for part in (right, wrong)]
        width = edges[1] - edges[0]
        axes.bar(edges[:-1], shares[0], width=width * 0.86, align="edge", color=ACCENT, alpha=0.55)
        axes.stairs(shares[1], edges, color=SECOND, linewidth=1.8)
        axes.set_xlim(least - 0.01, 1.01)
        axes.set_ylim(0.0, 1.08 * max(float(np.max(shares)), 1e-9))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("confidence (the largest probability)")
        top = 1 - 28 / 165.0
        figure.text(RIGHT / WIDTH, top, "■ right", color=ACCENT, fontsize=7.5, ha="left")
        figure.text(0.24, top, "— wrong", color=SECOND, fontsize=7.5, ha="left")
        return picture(figure)
