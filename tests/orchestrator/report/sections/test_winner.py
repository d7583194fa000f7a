"""The table of what a winner gains and costs."""

import math

import pytest

from orchestrator.analysis.pareto import MEASURES
from orchestrator.analysis.winner_gains import GainOver, WinnerGains
from orchestrator.report.sections.winner import winner_grid


def over(*, gain: float = 0.02, p_holm: float = 0.03, factor: float = 12.0) -> GainOver:
    factors = dict.fromkeys(MEASURES, factor)
    return GainOver("base", gain, gain - 0.01, gain + 0.01, p_holm, p_holm, "declared", factors)


@pytest.mark.parametrize(
    ("found", "cells"),
    [
        (over(), ["base", "+0.020", "0.030", "yes", "× 12"]),
        (over(gain=-0.02), ["base", "−0.020", "0.030", "no", "× 12"]),
        (over(p_holm=0.2, factor=math.nan), ["base", "+0.020", "0.200", "no", "–"]),
        (over(gain=math.nan, p_holm=math.nan), ["base", "–", "–", "–", "× 12"]),
    ],
)
def test_a_gain_is_shown_where_it_is_significant_and_a_gain(found: GainOver, cells: list[str]) -> None:
    """Catches a significant loss that is called shown, and a missing number that is read as none."""
    grid = winner_grid(WinnerGains("wins", True, 0, False, "auc", (found,), 1, ()))
    assert [cell.text for cell in grid.rows[0]][:5] == cells
    assert grid.columns[1] == "Gain in AUC" and len(grid.columns) == 4 + len(MEASURES)
