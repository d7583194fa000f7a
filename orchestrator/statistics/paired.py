"""Two experiments on the same folds: is the difference real, how large is it, what would it take to see it?

The corrected resampled t-test (Nadeau & Bengio 2003; for repeats Bouckaert & Frank 2004) uses the variance of
`intervals`, with its degrees of freedom and its floor. Wilcoxon's signed-rank test stands beside it from 6
pairs on: with 5, its two-sided p can't go below 0.0625. Holm (1979) corrects the p-values of a declared
family. Differences are treatment - baseline.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from orchestrator.statistics.intervals import (
    CONFIDENCE,
    ROUNDING,
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
    baseline: np.ndarray, treatment: np.ndarray, *, test_share: float, folds: int, floor: float = 0.0
) -> PairedTest:
    """Compare two experiments on the same folds.

    Args:
        baseline: one score per fold, float [n].
        treatment: the scores of the same folds in the same order, float [n].
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat; n is a multiple of it.
        floor: what the standard error of the mean difference is at least.

    Raises:
        ValueError: unequal lengths, no values, or one that is not finite.
    """
    if len(baseline) != len(treatment):
        raise ValueError(f"{len(baseline)} and {len(treatment)} scores can't be paired")
    differences = np.asarray(treatment) - np.asarray(baseline)
    return corrected_t_test(differences, test_share=test_share, folds=folds, floor=floor)


def corrected_t_test(
    differences: np.ndarray, *, test_share: float, folds: int, floor: float = 0.0
) -> PairedTest:
    """Test whether the mean of differences by fold, or of any contrast of scores, is 0.

    Args:
        differences: one per fold, float [n].
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat; n is a multiple of it.
        floor: what the standard error of the mean is at least.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    difference = corrected_interval(differences, test_share=test_share, folds=folds, floor=floor)
    found = p_values(np.array([difference.mean]), np.array([difference.error]), difference.degrees)
    return PairedTest(difference, found.item())


def p_values(means: np.ndarray, errors: np.ndarray, degrees: int) -> np.ndarray:
    """Return the two-sided p-values of mean differences, float [M].

    Args:
        means: mean differences over folds.
        errors: their standard errors, NaN with one fold.
        degrees: degrees of freedom.

    Returns:
        Without an error 1 where there is no difference, which is no evidence, and else NaN: no test.
    """
    is_flat = ~(errors > ROUNDING)
    if degrees == 0:
        return np.full(means.shape, math.nan)
    tails = 2.0 * stdtr(degrees, -np.abs(means) / np.where(is_flat, 1.0, errors))
    return np.asarray(np.where(is_flat, np.where(np.abs(means) < ROUNDING, 1.0, math.nan), tails))


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


def visible_difference(difference: Interval, *, confidence: float = CONFIDENCE) -> float:
    """Return the smallest mean difference that would have been significant with this error over these folds.

    A mean below it has p > 0.05, whatever it means in practice. NaN where there is no error.
    """
    if math.isnan(difference.error):
        return math.nan
    return t_quantile((1 + confidence) / 2, difference.degrees) * difference.error


def detectable_difference(
    difference: Interval, *, power: float = POWER, confidence: float = CONFIDENCE
) -> float:
    """Return the true difference that such an experiment would find with probability `power`.

    NaN where there is no error. The sum of both quantiles of Student's t, times the standard error.
    """
    if math.isnan(difference.error):
        return math.nan
    degrees = difference.degrees
    return (t_quantile((1 + confidence) / 2, degrees) + t_quantile(power, degrees)) * difference.error


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
    mean: float,
    std: float,
    *,
    folds: int,
    test_share: float,
    floor: float = 0.0,
    confidence: float = CONFIDENCE,
) -> int | None:
    """Return how many repeats of `folds`-fold cross-validation would make the seen difference significant.

    Mean and spread are taken to stay as they are. None where no number of repeats would do: what the folds
    share of their training sets is left however many there are, and so is what other test images would
    change. Repeats of a single split are other splits, and add degrees of freedom.

    Args:
        mean: the difference that was seen.
        std: standard deviation of the folds' differences.
        folds: folds of one repeat.
        test_share: n_test / n_train of a fold.
        floor: what the standard error is at least.
        confidence: 1 minus the level of the test.
    """
    for repeats in range(1, MOST_REPEATS + 1):
        n = repeats * folds
        degrees = folds - 1 if folds > 1 else n - 1
        if degrees == 0:
            continue
        error = max(standard_error(std, n, test_share), floor)
        if abs(mean) > t_quantile((1 + confidence) / 2, degrees) * error:
            return repeats
    return None
