"""Two that were chosen for their scores: the interval of the pair, and Holm's p-value over all pairs."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from orchestrator.statistics.chosen_pair import chosen_pair


def test_a_chosen_pair_pays_for_all_pairs() -> None:
    """Catches a p-value of the greatest difference that is taken for that of a single comparison."""
    scores = np.random.default_rng(0).normal(0.8, 0.05, size=(4, 5)) + np.array([[0.0], [0.1], [0.2], [0.0]])
    share = 0.25
    pairs = list(itertools.combinations(range(4), 2))
    p_values = []
    for one, other in pairs:
        difference = scores[one] - scores[other]
        error = difference.std(ddof=1) * math.sqrt(1 / 5 + share)
        p_values.append(2 * stats.t.sf(abs(difference.mean()) / error, 4))
    corrected = multipletests(p_values, method="holm")[1]
    for (one, other), expected in zip(pairs, corrected, strict=True):
        found = chosen_pair(scores, other, one, test_share=share, folds=5)
        assert found.p_value == pytest.approx(expected)
        difference = scores[other] - scores[one]
        half = stats.t.ppf(0.975, 4) * difference.std(ddof=1) * math.sqrt(1 / 5 + share)
        assert (found.difference.low, found.difference.high) == pytest.approx(
            (difference.mean() - half, difference.mean() + half)
        )


def test_two_folds_tell_nobody_apart() -> None:
    found = chosen_pair(np.array([[0.9, 0.91], [0.5, 0.52]]), 0, 1, test_share=1.0, folds=2)
    assert found.difference.mean == pytest.approx(0.395) and math.isnan(found.p_value)


def test_equal_differences_are_no_certainty() -> None:
    scores = np.array([[0.9] * 5, [0.8] * 5])
    found = chosen_pair(scores, 0, 1, test_share=0.25, folds=5, floor=0.05)
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.1 / 0.05, 4))
