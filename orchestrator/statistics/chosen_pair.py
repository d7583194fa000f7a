"""Comparison of two of several that were chosen for their scores: the best and the next, or first and last.

Who looks first and tests then has made every comparison. So the p-value is that of Holm (1979) over all
pairs, of which the chosen one is a member whichever it is; the interval is that of the pair alone.
"""

import math

import numpy as np

from orchestrator.statistics.intervals import checked, corrected_interval
from orchestrator.statistics.paired import PairedTest
from orchestrator.statistics.ranking import all_pairs

# With two folds Student's t has one degree of freedom, and tells nobody apart.
MIN_FOLDS = 3


def chosen_pair(
    scores: np.ndarray, first: int, second: int, *, test_share: float, folds: int, floor: float = 0.0
) -> PairedTest:
    """Compare one row of scores with another, both chosen for what they are: first minus second.

    Args:
        scores: one row for each that could have been chosen, one column per fold, float [E, n], E >= 2.
        first: place of one row, 0 .. E - 1.
        second: place of the other.
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat.
        floor: what the standard error of a difference is at least.

    Returns:
        The difference with its corrected interval, and the p-value by Holm over all E (E - 1) / 2 pairs; NaN
        with fewer than 3 folds.

    Raises:
        ValueError: a score is not finite.
    """
    scores = checked(scores)
    difference = corrected_interval(
        scores[first] - scores[second], test_share=test_share, folds=folds, floor=floor
    )
    if folds < MIN_FOLDS:
        return PairedTest(difference, math.nan)
    shares = np.full(len(scores), test_share)
    pairs = all_pairs(scores, test_share=shares, folds=folds, floor=floor)
    is_chosen = (pairs.first == min(first, second)) & (pairs.second == max(first, second))
    return PairedTest(difference, float(pairs.p_holm[is_chosen].item()))
