"""More than two experiments on the same folds: every pair, and mean ranks with a critical difference.

Every pair is tested with the corrected resampled t-test, and Holm's correction runs over all pairs. Ranks are
averaged over folds, the best being 1, with Friedman's test and Nemenyi's critical difference (Demsar 2006,
"Statistical comparisons of classifiers over multiple data sets", JMLR 7). Demsar's blocks, data sets,
are independent; folds of one data set are not, so here ranks describe and the pairs' tests decide.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from orchestrator.statistics.intervals import checked
from orchestrator.statistics.paired import holm, p_values

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every pair (first < second): mean and std of second - first over folds, p-values; arrays [M]."""

    first: np.ndarray
    second: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    p_value: np.ndarray
    p_holm: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Mean rank of each experiment (float [E]), Friedman's p, Nemenyi's critical difference, and letters.

    Two experiments that share a letter have mean ranks closer than the critical difference.
    """

    mean_rank: np.ndarray
    friedman_p: float
    critical_difference: float
    letters: tuple[str, ...]


def all_pairs(scores: np.ndarray, *, test_share: float) -> Pairs:
    """Test every pair of experiments.

    Args:
        scores: a row an experiment, a column a fold, float [E, n], n >= 2.
        test_share: n_test / n_train of a fold.

    Raises:
        ValueError: a score is not finite.
    """
    scores = checked(scores)
    first, second = np.triu_indices(len(scores), k=1)
    differences = scores[second] - scores[first]
    means, stds = differences.mean(axis=1), differences.std(axis=1, ddof=1)
    tests = p_values(means, stds, scores.shape[1], test_share)
    return Pairs(first, second, means, stds, tests, np.array(holm(tests.tolist())))


def rank(scores: np.ndarray, *, lower_is_better: bool, confidence: float = 0.95) -> Ranking:
    """Rank three experiments or more by their mean rank over two folds or more.

    Args:
        scores: a row an experiment, a column a fold, float [E, n].
        lower_is_better: whether the lowest score gets rank 1.
        confidence: of the critical difference.

    Raises:
        ValueError: a score is not finite.
    """
    scores = checked(scores)
    count, folds = scores.shape
    ranks = stats.rankdata(scores if lower_is_better else -scores, axis=0)
    mean_rank = ranks.mean(axis=1)
    difference = (
        _studentized(confidence, count) / math.sqrt(2.0) * math.sqrt(count * (count + 1) / (6.0 * folds))
    )
    # All equal in every fold: Friedman's statistic is 0 / 0.
    is_flat = bool((ranks == ranks[0]).all())
    friedman = 1.0 if is_flat else float(stats.friedmanchisquare(*scores).pvalue)
    return Ranking(mean_rank, friedman, difference, _letters(mean_rank, difference))


def _letters(mean_rank: np.ndarray, difference: float) -> tuple[str, ...]:
    """Give a letter to each longest run of neighbours within the critical difference."""
    order = np.argsort(mean_rank, kind="stable")
    ordered = mean_rank[order]
    names: list[list[str]] = [[] for _ in ordered]
    reached, number = -1, 0
    for start in range(len(ordered)):
        end = int(np.searchsorted(ordered, ordered[start] + difference, side="right")) - 1
        if end > reached:
            for place in range(start, end + 1):
                names[place].append(_letter(number))
            reached, number = end, number + 1
    found = [""] * len(ordered)
    for place, letters in zip(order, names, strict=True):
        found[place] = " ".join(letters)
    return tuple(found)


def _letter(number: int) -> str:
    return LETTERS[number] if number < len(LETTERS) else f"{_letter(number // 26 - 1)}{LETTERS[number % 26]}"


@functools.cache
def _studentized(confidence: float, count: int) -> float:
    """The studentized range's quantile with infinite degrees, by which Nemenyi's test is defined."""
    return float(stats.studentized_range.ppf(confidence, count, np.inf))
