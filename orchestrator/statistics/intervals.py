"""The interval around a mean over folds.

Fold scores are not independent: the training sets of two folds share most of their images. The naive
variance of a mean over folds is therefore too small. Nadeau and Bengio (2003, "Inference for the
generalization error", Machine Learning 52) replace its factor 1/n by 1/n + n_test/n_train; the interval
here uses that variance and Student's t with n - 1 degrees of freedom. Repeats of cross-validation are more
folds: n = folds x repeats with the same n_test/n_train (Bouckaert & Frank 2004), so that many repeats never
make the interval narrower than what the overlap of the training sets allows.

n_train is the whole outer training part: the inner validation images select the epoch, so the learner uses
them too.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

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


def corrected_interval(values: np.ndarray, *, test_share: float, confidence: float = CONFIDENCE) -> Interval:
    """Return mean, std and the Nadeau-Bengio t interval of fold scores.

    Args:
        values: one score per fold, float [n].
        test_share: n_test / n_train of a fold, for example 0.25 for five folds.
        confidence: coverage, in (0, 1).

    Raises:
        ValueError: no values, or one that is not finite.
    """
    (found,) = corrected_intervals(np.asarray(values)[None, :], test_share=test_share, confidence=confidence)
    return found


def corrected_intervals(
    values: np.ndarray, *, test_share: float, confidence: float = CONFIDENCE
) -> list[Interval]:
    """Return the interval of each row of fold scores, float [M, n]; see `corrected_interval`.

    Raises:
        ValueError: no folds, or a score that is not finite.
    """
    values = checked(values)
    n = values.shape[1]
    means = values.mean(axis=1)
    if n == 1:
        return [Interval(1, float(mean), math.nan, math.nan, math.nan) for mean in means]
    stds = values.std(axis=1, ddof=1)
    half = t_quantile((1 + confidence) / 2, n - 1) * standard_error(stds, n, test_share)
    columns = (column.tolist() for column in (means, stds, means - half, means + half))
    return [Interval(n, *numbers) for numbers in zip(*columns, strict=True)]


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
