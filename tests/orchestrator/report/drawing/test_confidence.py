"""Shares of predictions by how sure they were."""

from collections.abc import Callable

import numpy as np
import pytest

from orchestrator.report.drawing.confidence import draw_confidence


def test_a_share_is_not_rounded_to_a_number_that_stands_elsewhere(
    texts: Callable[[str], dict[str, tuple[float, float]]],
) -> None:
    """Catches 2.5 % written as 2 % on an even scale."""
    right = np.concatenate([np.full(50, 0.72), np.linspace(0.5, 1.0, 950)])
    drawn = draw_confidence([(right, right[:0])], name="a", least=0.5)
    shares = sorted(float(said[:-1]) for said in texts(drawn.svg) if said.endswith("%"))
    assert len(shares) > 2 and np.diff(shares) == pytest.approx(shares[1] - shares[0])


def test_two_classes_stand_on_two_sides(texts: Callable[[str], dict[str, tuple[float, float]]]) -> None:
    """Catches real images drawn above the line, and shares written with a minus."""
    few, many = np.full(10, 0.9), np.full(90, 0.9)
    drawn = draw_confidence([(few, few[:0]), (many, few[:5])], name="a", least=0.5)
    said = texts(drawn.svg)
    assert {"↑ fake  ↓ real", "■ right", "— wrong"} <= set(said)
    shares = {text: y for text, (_, y) in said.items() if text.endswith("%")}
    # Of 105 images 10 are above and 90 below: most of the marks are below 0.
    assert not any(text.startswith(("-", "−")) for text in shares)
    assert sum(y > shares["0%"] for y in shares.values()) > sum(y < shares["0%"] for y in shares.values())
