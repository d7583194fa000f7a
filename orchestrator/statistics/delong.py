"""Two AUCs on the same rows: DeLong's test, by ranks, for rows that come in groups.

DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44): an AUC is a mean of placement values, the share of the
other class that a row is on the right side of, and their covariances give that of two AUCs. Sorting gives all
of them in O(n log n) (Sun & Xu 2014, IEEE Signal Processing Letters 21). Rows of a group are not independent:
placement values are summed over each group first, and the groups are what varies (Obuchowski 1997,
"Nonparametric analysis of clustered ROC curve data", Biometrics 53). With a group for each row that is
DeLong's variance. It asks whether these two trained models differ on such images; that another training run
gives another model is not in it, so beside the tests over folds its p-value is the optimistic one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from trainables.evaluation.curve import Curve


@dataclass(frozen=True, slots=True)
class DeLong:
    """AUCs of the two, the variance of (second - first), and the two-sided p-value of no difference.

    Without a variance the p-value is 1 where they are equal, which is no evidence, and else NaN: no test.
    """

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


def delong_test(labels: np.ndarray, first: np.ndarray, second: np.ndarray, *, groups: np.ndarray) -> DeLong:
    """Compare two sets of scores of the same rows.

    Args:
        labels: int [N], 1 = fake; at least two groups that have each class.
        first: P(fake), float [N].
        second: P(fake) of the same rows, float [N].
        groups: the group of each row as a number, int [N].

    Raises:
        ValueError: a class has fewer than two groups.
    """
    fake, codes = labels == 1, np.unique(groups, return_inverse=True)[1]
    # How many rows of either class each group has, [G].
    sizes = [np.bincount(codes[side], minlength=codes.max() + 1) for side in (fake, ~fake)]
    holding = [int(np.count_nonzero(each)) for each in sizes]
    if min(holding) < 2:
        raise ValueError("DeLong's variance needs two groups of each class")
    parts = [placements(labels, scores) for scores in (first, second)]
    aucs = [float(np.mean(of_fakes)) for of_fakes, _ in parts]
    difference = aucs[1] - aucs[0]
    # What each group adds to the difference beyond its share, for its fakes and for its real rows.
    of_groups = [
        (np.bincount(codes[side], weights=other - one, minlength=len(each)) - each * difference) / each.sum()
        for side, each, one, other in zip((fake, ~fake), sizes, *parts, strict=True)
    ]
    variance = math.fsum(
        number / (number - 1) * float(np.sum(each**2))
        for number, each in zip(holding, of_groups, strict=True)
    )
    number = len(sizes[0])
    variance += 2.0 * number / (number - 1) * float(np.sum(of_groups[0] * of_groups[1]))
    # Groups of both classes with opposite parts can cancel out, up to the last bit.
    variance = max(0.0, variance)
    return DeLong(aucs[0], aucs[1], variance, _p_value(difference, variance))


def combined_p(tests: Sequence[DeLong]) -> float:
    """Return the p-value of the mean difference over the folds of a repeat, whose groups are disjoint."""
    differences = [test.second - test.first for test in tests]
    variance = math.fsum(test.variance for test in tests) / len(tests) ** 2
    return _p_value(math.fsum(differences) / len(tests), variance)


def combined_repeats(p_values: Sequence[float]) -> float:
    """Return one p-value of repeats that test the same images: twice the mean, however they depend.

    Rüschendorf (1982, Advances in Applied Probability 14); Vovk & Wang (2020, "Combining p-values via
    averaging", Biometrika 107). A single one stays as it is; NaN where one is.
    """
    mean = math.fsum(p_values) / len(p_values)
    if len(p_values) == 1 or math.isnan(mean):
        return mean
    return min(1.0, 2.0 * mean)


def _p_value(difference: float, variance: float) -> float:
    if variance == 0.0:
        return 1.0 if difference == 0.0 else math.nan
    return float(2.0 * ndtr(-abs(difference) / math.sqrt(variance)))
