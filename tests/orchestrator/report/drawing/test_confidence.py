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
    drawn = draw_confidence(right, right[:0], name="a", least=0.5)
    shares = sorted(float(said[:-1]) for said in texts(drawn.svg) if said.endswith("%"))
    assert len(shares) > 2 and np.diff(shares) == pytest.approx(shares[1] - shares[0])
