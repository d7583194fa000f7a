"""Two AUCs on the same rows: DeLong's test, by ranks.

DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44): an AUC is a mean of placement values, the share of the
other class that a row is on the right side of, and their covariances give that of two AUCs. Sorting gives all
of them in O(n log n) (Sun & Xu 2014, IEEE Signal Processing Letters 21). It asks whether these two trained
models differ on such images; that another training run gives another model is not in it, so beside the tests
over folds its p-value is the optimistic one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from trainables.evaluation.curve import Curve


@dataclass(frozen=True, slots=True)
class DeLong:
    """AUCs of the two, the variance of (second - first), and the two-sided p-value of no difference."""

    first: float
    second: float
    variance: float
    p_value: float


def placements(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return placement values: of each fake, float [n_fake], and each real row, float [n_real], in order.

    A fake's is the share of real rows below it, a real row's the share of fakes above it; ties count half.
    Either mean is the AUC. Both classes must be there.
    """
    fake, curve = labels == 1, Curve.of(labels, scores)
    num_fake, num_real = int(curve.fakes.sum()), int(curve.reals.sum())
    of_fakes = (curve.twice_below() / (2 * num_real))[curve.place[fake]]
    of_reals = (curve.twice_above() / (2 * num_fake))[curve.place[~fake]]
    return of_fakes, of_reals


def delong_test(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> DeLong:
    """Compare two sets of scores of the same rows.

    Args:
        labels: int [N], 1 = fake; at least two of each class.
        first: P(fake), float [N].
        second: P(fake) of the same rows, float [N].

    Raises:
        ValueError: a class has fewer than two rows.
    """
    if min(np.count_nonzero(labels == 1), np.count_nonzero(labels != 1)) < 2:
        raise ValueError("DeLong's variance needs two rows of each class")
    parts = [placements(labels, scores) for scores in (first, second)]
    aucs = [float(np.mean(of_fakes)) for of_fakes, _ in parts]
    variance = sum(float(np.var(other - one, ddof=1)) / len(one) for one, other in zip(*parts, strict=True))
    return DeLong(aucs[0], aucs[1], variance, _p_value(aucs[1] - aucs[0], variance))


def combined_p(tests: Sequence[DeLong]) -> float:
    """Return the p-value of the mean difference over folds whose test rows are disjoint."""
    differences = [test.second - test.first for test in tests]
    variance = math.fsum(test.variance for test in tests) / len(tests) ** 2
    return _p_value(math.fsum(differences) / len(tests), variance)


def _p_value(difference: float, variance: float) -> float:
    if variance == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return float(2.0 * ndtr(-abs(difference) / math.sqrt(variance)))
