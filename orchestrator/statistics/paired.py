"""Two experiments on the same folds: is the difference real, how large is it, what would it take to see it?

The corrected resampled t-test (Nadeau & Bengio 2003; for repeats Bouckaert & Frank 2004) uses the variance of
`intervals`. Wilcoxon's signed-rank test stands beside it from 6 pairs on: with 5, its two-sided p can't go
below 0.0625. Holm (1979) corrects the p-values of a declared family. Differences are treatment - baseline.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from orchestrator.statistics.intervals import (
    CONFIDENCE,
    Interval,
    checked,
    corrected_interval,
    standard_error,
    t_quantile,
)

MIN_WILCOXON = 6
POWER = 0.8
MOST_REPEATS = 1000


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Treatment minus baseline, paired by fold; two-sided p-value of the corrected resampled t-test."""

    difference: Interval
    p_value: float


def corrected_paired_t_test(
    baseline: np.ndarray, treatment: np.ndarray, *, test_share: float, confidence: float = CONFIDENCE
) -> PairedTest:
    """Compare two experiments on the same folds.

    Args:
        baseline: one score per fold, float [n].
        treatment: the scores of the same folds in the same order, float [n].
        test_share: n_test / n_train of a fold.
        confidence: coverage of the interval.

    Raises:
        ValueError: unequal lengths, no values, or one that is not finite.
    """
    if len(baseline) != len(treatment):
        raise ValueError(f"{len(baseline)} and {len(treatment)} scores can't be paired")
    difference = corrected_interval(
        np.asarray(treatment) - np.asarray(baseline), test_share=test_share, confidence=confidence
    )
    return PairedTest(difference, p_values(difference.mean, difference.std, difference.n, test_share).item())


def p_values(means: float | np.ndarray, stds: float | np.ndarray, n: int, test_share: float) -> np.ndarray:
    """Return the two-sided p-values of mean differences over n folds; NaN with one fold.

    Where every fold shows the same difference, it is certain (0) if there is one, and no evidence (1) if not.
    """
    means, errors = (
        np.asarray(means, dtype=float),
        np.asarray(standard_error(np.asarray(stds), n, test_share)),
    )
    if n == 1:
        return np.full(means.shape, math.nan)
    is_flat = errors == 0.0
    tails = 2.0 * stdtr(n - 1, -np.abs(means) / np.where(is_flat, 1.0, errors))
    return np.asarray(np.where(is_flat, np.where(means == 0.0, 1.0, 0.0), tails))


def wilcoxon(differences: np.ndarray) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; NaN with fewer than 6 pairs.

    Pairs without a difference are left out; when none is left there is no evidence (1).

    Raises:
        ValueError: a difference is not finite.
    """
    differences = checked(differences)
    if len(differences) < MIN_WILCOXON:
        return math.nan
    if not differences.any():
        return 1.0
    from scipy import stats

    kept = differences[differences != 0.0]
    # Exact where it is possible: the normal approximation is off for so few pairs.
    is_tied = len(np.unique(np.abs(kept))) < len(kept)
    is_exact = len(kept) <= 50 and not is_tied
    return float(stats.wilcoxon(kept, method="exact" if is_exact else "approx").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values of a family, in the order given.

    A test that could not be made (NaN) stays NaN and counts as one of the family all the same: what is
    declared decides how strict the correction is, not how much of it has run.
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
    factors = len(values) - np.arange(len(values))
    stepped = np.maximum.accumulate(np.where(np.isnan(values[order]), -np.inf, values[order] * factors))
    adjusted = np.full(len(values), math.nan)
    adjusted[order] = np.where(np.isnan(values[order]), math.nan, np.minimum(stepped, 1.0))
    return [float(value) for value in adjusted]


def visible_difference(difference: Interval, *, test_share: float, confidence: float = CONFIDENCE) -> float:
    """Return the smallest mean difference that would have been significant with this spread over these folds.

    A mean below it has p > 0.05, whatever it means in practice. NaN with one fold.
    """
    if difference.n == 1:
        return math.nan
    quantile = t_quantile((1 + confidence) / 2, difference.n - 1)
    return float(quantile * standard_error(difference.std, difference.n, test_share))


def detectable_difference(
    difference: Interval, *, test_share: float, power: float = POWER, confidence: float = CONFIDENCE
) -> float:
    """Return the true difference that such an experiment would find with probability `power`.

    NaN with one fold. The sum of both quantiles of Student's t, times the corrected standard error.
    """
    if difference.n == 1:
        return math.nan
    quantiles = t_quantile((1 + confidence) / 2, difference.n - 1) + t_quantile(power, difference.n - 1)
    return float(quantiles * standard_error(difference.std, difference.n, test_share))


def effect_size(difference: Interval) -> float:
    """Return mean over standard deviation of the fold differences (Cohen's d for pairs).

    NaN with one fold; without any spread 0 for no difference, else infinite with the difference's sign.
    """
    if difference.n == 1:
        return math.nan
    if difference.std == 0.0:
        return 0.0 if difference.mean == 0.0 else math.copysign(math.inf, difference.mean)
    return difference.mean / difference.std


def repeats_needed(
    difference: Interval, *, folds: int, test_share: float, confidence: float = CONFIDENCE
) -> int | None:
    """Return how many repeats of `folds`-fold cross-validation would make the seen difference significant.

    Mean and spread are taken to stay as they are. None where no number of repeats would do: what the folds
    share of their training sets is left however many there are.

    Args:
        difference: what was seen, over two folds or more.
        folds: folds of one repeat.
        test_share: n_test / n_train of a fold.
        confidence: 1 minus the level of the test.
    """
    if difference.n == 1 or difference.mean == 0.0:
        return None
    for repeats in range(1, MOST_REPEATS + 1):
        n = repeats * folds
        if n > 1:
            bound = t_quantile((1 + confidence) / 2, n - 1) * standard_error(difference.std, n, test_share)
            if abs(difference.mean) > bound:
                return repeats
    return None
