"""Intervals and tests for cross-validation: pure functions on arrays.

Fold scores are not independent: the training sets of two folds share most of their images. The naive variance
of a mean over folds is therefore too small. Nadeau and Bengio (2003, "Inference for the generalization
error", Machine Learning 52) replace its factor 1/n by 1/n + n_test/n_train; interval and test here use that
variance and Student's t with n - 1 degrees of freedom.

n_train is the whole outer training part: the inner validation images select the epoch, so the learner uses
them too.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Mean over folds, standard deviation (ddof 1), and the corrected interval around the mean.

    With one fold there is no spread: std and the bounds are NaN.
    """

    n: int
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Treatment minus baseline, paired by fold; two-sided p-value of the corrected resampled t-test."""

    difference: Interval
    p_value: float


def corrected_interval(values: np.ndarray, *, test_share: float, confidence: float = CONFIDENCE) -> Interval:
    """Return mean, std and the Nadeau-Bengio t interval of fold scores.

    Args:
        values: one score a fold, float [n].
        test_share: n_test / n_train of a fold, for example 0.25 for five folds.
        confidence: coverage, in (0, 1).

    Raises:
        ValueError: no values, or one that is not finite.
    """
    values = _checked(values)
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return Interval(1, mean, math.nan, math.nan, math.nan)
    std = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * _standard_error(std, n, test_share)
    return Interval(n, mean, std, mean - half, mean + half)


def corrected_paired_t_test(
    baseline: np.ndarray, treatment: np.ndarray, *, test_share: float, confidence: float = CONFIDENCE
) -> PairedTest:
    """Compare two experiments on the same folds.

    Args:
        baseline: one score a fold, float [n].
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
    return PairedTest(difference, _p_value(difference, test_share))


def _p_value(difference: Interval, test_share: float) -> float:
    if difference.n == 1:
        return math.nan
    error = _standard_error(difference.std, difference.n, test_share)
    if error == 0.0:
        # Every fold shows the same difference: certain if there is one, no evidence if there is none.
        return 1.0 if difference.mean == 0.0 else 0.0
    return float(2.0 * stats.t.sf(abs(difference.mean) / error, difference.n - 1))


def _standard_error(std: float, n: int, test_share: float) -> float:
    return std * math.sqrt(1.0 / n + test_share)


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("statistics need at least one score, and finite ones")
    return values
