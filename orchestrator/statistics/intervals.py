"""The interval around a mean over folds.

Fold scores are not independent: the training sets of two folds share most of their images. The naive
variance of a mean over folds is therefore too small. Nadeau and Bengio (2003, "Inference for the
generalization error", Machine Learning 52) replace its factor 1/n by 1/n + n_test/n_train; the interval
here uses that variance and Student's t. Repeats of cross-validation are more folds, n = folds x repeats with
the same n_test/n_train, but no more degrees of freedom: all of them deal the same images, so there are
folds - 1 of one repeat, however many there are.

A rate (accuracy, AUC, ...) has its interval on the scale of its log odds, by the delta method, and so stays
within 0 to 1 (Agresti 2013, "Categorical data analysis", section 1.6). Where it is 0 or 1 on every fold there
are no log odds, and the interval is Wilson's (1927) for as many trials as there are groups.

No spread over folds is no certainty. A standard error has a floor, which the caller knows: what other test
images would change. Without spread and without floor there is no interval.

n_train is the whole outer training part: the inner validation images select the epoch, so the learner uses
them too.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95
NORMAL = float(ndtri((1 + CONFIDENCE) / 2))
# A spread below it is what rounding leaves of none.
ROUNDING = 1e-12
# Of the weight of one group: the least error of a difference of two rates. That none was seen to differ among
# G groups does not exclude 3 / G of them (rule of three, Hanley & Lippman-Hand 1983).
LEAST_OF_A_GROUP = 0.5


@dataclass(frozen=True, slots=True)
class Interval:
    """Mean over folds, standard deviation (ddof 1), and the corrected interval around the mean.

    `error` is the standard error of the mean, `degrees` those of Student's t. With one fold there is no
    spread: std, error and bounds are NaN. Without spread and without a floor, error and bounds are NaN.
    """

    n: int
    mean: float
    std: float
    low: float
    high: float
    error: float
    degrees: int


def corrected_interval(
    values: np.ndarray, *, test_share: float, folds: int, floor: float = 0.0, confidence: float = CONFIDENCE
) -> Interval:
    """Return mean, std and the Nadeau-Bengio t interval of fold scores.

    Args:
        values: one score per fold, float [n].
        test_share: n_test / n_train of a fold, for example 0.25 for five folds.
        folds: folds of one repeat; n is a multiple of it.
        floor: what the standard error is at least.
        confidence: coverage, in (0, 1).

    Raises:
        ValueError: no values, one that is not finite, or n is no multiple of `folds`.
    """
    values = checked(values)
    n, mean = len(values), float(np.mean(values))
    if n % folds:
        raise ValueError(f"{n} scores are no whole repeats of {folds} folds")
    std = float(np.std(values, ddof=1)) if n > 1 else math.nan
    error = standard_error(std, n, test_share)
    return _interval(n, mean, std, max(error, floor), folds - 1, (1 + confidence) / 2, step=None)


def corrected_rate(values: np.ndarray, *, test_share: float, folds: int, step: float) -> Interval:
    """Return the interval of rates by fold, which stays within 0 to 1; see `corrected_interval`.

    Args:
        values: one rate per fold, float [n], each in 0 .. 1.
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat.
        step: how much one group of test images weighs, 1 over the number of groups; 0 where it is not known.

    Raises:
        ValueError: as `corrected_interval`.
    """
    (found,) = corrected_intervals(
        np.asarray(values)[None, :], test_share=test_share, folds=folds, steps=[step]
    )
    return found


def corrected_intervals(
    values: np.ndarray, *, test_share: float, folds: int, steps: Sequence[float | None]
) -> list[Interval]:
    """Return the interval of each row of fold scores, float [M, n].

    Args:
        values: one row per score, one column per fold.
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat.
        steps: of each row, its step if it is a rate (see `corrected_rate`), None if it is not.

    Raises:
        ValueError: as `corrected_interval`.
    """
    values = checked(values)
    n = values.shape[1]
    if n % folds:
        raise ValueError(f"{n} scores are no whole repeats of {folds} folds")
    means = values.mean(axis=1)
    stds = values.std(axis=1, ddof=1) if n > 1 else np.full(len(values), math.nan)
    rows = zip(means.tolist(), stds.tolist(), steps, strict=True)
    return [
        _interval(
            n, mean, std, standard_error(std, n, test_share), folds - 1, (1 + CONFIDENCE) / 2, step=step
        )
        for mean, std, step in rows
    ]


def _interval(
    n: int, mean: float, std: float, error: float, degrees: int, probability: float, *, step: float | None
) -> Interval:
    if error < ROUNDING:
        error = 0.0
    if n == 1 or degrees == 0 or (error == 0.0 and step is None):
        return Interval(n, mean, std, math.nan, math.nan, math.nan, degrees)
    quantile = t_quantile(probability, degrees)
    if step is not None:
        low, high = rate_bounds(mean, error, quantile=quantile, step=step)
    else:
        low, high = mean - quantile * error, mean + quantile * error
    return Interval(n, mean, std, low, high, error, degrees)


def rate_bounds(mean: float, error: float, *, quantile: float, step: float) -> tuple[float, float]:
    """Return the bounds of a rate, within 0 to 1; NaN where there is neither an error nor a step.

    Args:
        mean: the rate, in 0 .. 1.
        error: its standard error, 0 where nothing varied.
        quantile: of Student's t.
        step: how much one group weighs. Where nothing varied, one group is taken to have been able to.
    """
    if min(mean, 1.0 - mean) < ROUNDING:
        if step == 0.0:
            return math.nan, math.nan
        # Wilson's interval with no failure in 1 / step trials. No spread was estimated, so that it takes the
        # quantile of the normal distribution: Student's of two folds is 12.7.
        reach = 1.0 / (1.0 + NORMAL**2 * step)
        return (reach, 1.0) if mean > 0.5 else (0.0, 1.0 - reach)
    spread = mean * (1.0 - mean)
    error = error or min(step, spread)
    if error == 0.0:
        return math.nan, math.nan
    # Beyond 700 the exponential of a half has no number; the bounds are 0 and 1 long before.
    odds, half = mean / (1.0 - mean), min(quantile * error / spread, 700.0)
    low, high = odds * math.exp(-half), odds * math.exp(half)
    return low / (1.0 + low), 1.0 - 1.0 / (1.0 + high)


def standard_error(std: Any, n: float, test_share: float) -> Any:
    """Return the corrected standard error of a mean over n folds with standard deviation `std`."""
    return std * math.sqrt(1.0 / n + test_share)


@functools.cache
def t_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t."""
    return float(stdtrit(degrees, probability))


def checked(values: np.ndarray) -> np.ndarray:
    """Return scores as float64; ValueError where there are none, or one is not finite."""
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("statistics need at least one score, and finite ones")
    return values
