"""More than two experiments on the same folds: every pair, intervals of ranks, and mean ranks.

Every pair is tested with the corrected resampled t-test, and Holm's correction runs over all pairs. The
interval of a rank follows from them: whoever is surely better stands before, whoever is surely worse behind
(Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for ranks with applications to mobility across
neighbourhoods and academic achievement across countries", Review of Economic Studies 91). All intervals hold
at once with the confidence of the corrected tests, so that those that may have rank 1 hold the best one.

Mean ranks over folds, the best being 1, have Friedman's test and Nemenyi's critical difference (Demsar 2006,
"Statistical comparisons of classifiers over multiple data sets", JMLR 7). Demsar's blocks, data sets,
are independent; folds of one data set are not, so here mean ranks describe and the pairs' tests decide.

scipy.stats has both (`friedmanchisquare`, `studentized_range`), and importing it takes 0.35 s of processor
time, a third of what collecting 1,000 known trials takes in all; so they are computed by scipy.special.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtr

from orchestrator.statistics.intervals import CONFIDENCE, ROUNDING, checked, t_quantile
from orchestrator.statistics.paired import holm, p_values

# Beyond it a standard normal variable has a probability below 1e-23.
LIMIT = 10.0
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every pair (first < second): second - first over folds, with its 95 % interval and p-values.

    Arrays [M]: mean, std (ddof 1), bounds of the corrected interval, NaN without an error.
    """

    first: np.ndarray
    second: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
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


def all_pairs(
    scores: np.ndarray, *, test_share: np.ndarray, folds: int, floor: float | np.ndarray = 0.0
) -> Pairs:
    """Test every pair of experiments.

    Args:
        scores: one row per experiment, one column per fold, float [E, n], n >= 2.
        test_share: n_test / n_train of a fold, of each experiment, float [E]; of a pair it is the mean.
        folds: folds of one repeat, 2 or more.
        floor: what the standard error of a difference is at least: one number, or one per pair, float [E, E].

    Raises:
        ValueError: a score is not finite.
    """
    scores = checked(scores)
    first, second = np.triu_indices(len(scores), k=1)
    differences = scores[second] - scores[first]
    means, stds = differences.mean(axis=1), differences.std(axis=1, ddof=1)
    shares = (test_share[first] + test_share[second]) / 2.0
    floors = np.broadcast_to(floor, (len(scores),) * 2)[first, second]
    errors = np.maximum(stds * np.sqrt(1.0 / scores.shape[1] + shares), floors)
    # As in `intervals`: what rounding leaves of no spread is none, and gives no interval.
    errors = np.where(errors < ROUNDING, math.nan, errors)
    reach = t_quantile((1 + CONFIDENCE) / 2, folds - 1) * errors
    tests = p_values(means, errors, folds - 1)
    corrected = np.array(holm(tests.tolist()))
    return Pairs(first, second, means, stds, means - reach, means + reach, tests, corrected)


def rank_bounds(is_better: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best and the worst rank that each experiment may have, int [E] each, 1 being the best.

    Args:
        is_better: whether the row's experiment is surely better than the column's, bool [E, E].
    """
    return 1 + is_better.sum(axis=0), len(is_better) - is_better.sum(axis=1)


def rank(scores: np.ndarray, *, lower_is_better: bool, confidence: float = 0.95) -> Ranking:
    """Rank three experiments or more by their mean rank over two folds or more.

    Args:
        scores: one row per experiment, one column per fold, float [E, n].
        lower_is_better: whether the lowest score gets rank 1.
        confidence: of the critical difference.

    Raises:
        ValueError: a score is not finite.
    """
    scores = checked(scores)
    count, folds = scores.shape
    ranks = pd.DataFrame(scores).rank(axis=0, ascending=lower_is_better).to_numpy()
    mean_rank = ranks.mean(axis=1)
    difference = (
        _studentized(confidence, count) / math.sqrt(2.0) * math.sqrt(count * (count + 1) / (6.0 * folds))
    )
    return Ranking(mean_rank, _friedman_p(ranks), difference, _letters(mean_rank, difference))


def _friedman_p(ranks: np.ndarray) -> float:
    """Return the p-value of Friedman's test with its correction for ties; ranks by fold, float [E, n]."""
    count, folds = ranks.shape
    sizes = np.concatenate([np.unique(column, return_counts=True)[1] for column in ranks.T]).astype(float)
    untied = 1.0 - float(np.sum(sizes**3 - sizes)) / (folds * count * (count**2 - 1))
    # All equal in every fold: the statistic is 0 / 0.
    if untied == 0.0:
        return 1.0
    spread = float(np.sum((ranks.sum(axis=1) - folds * (count + 1) / 2) ** 2))
    return float(chdtrc(count - 1, 12.0 * spread / (folds * count * (count + 1)) / untied))


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
    """Return a quantile of the range of `count` standard normal variables, which Nemenyi's test is made of.

    Of k variables it is below q with probability k * integral of phi(z) * (Phi(z + q) - Phi(z)) ** (k - 1),
    where z is the least of them.
    """

    def excess(q: float) -> float:
        def density(z: float) -> float:
            return math.exp(-z * z / 2.0) * (ndtr(z + q) - ndtr(z)) ** (count - 1)

        area, _ = quad(density, -LIMIT, LIMIT, points=(-q / 2.0, 0.0), epsabs=1e-13, epsrel=1e-12, limit=200)
        return count * area / math.sqrt(2.0 * math.pi) - confidence

    return float(brentq(excess, 0.0, 2.0 * LIMIT, xtol=1e-12))
