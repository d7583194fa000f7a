"""Intervals of a mean over models that were all tested on the same images.

Fold scores of cross-validation have test images of their own; scores of several models on one other data set
share theirs, and what these images do to one model they do to all. So the spread over models says nothing of
other images, and a bootstrap of images nothing of other models. Here both vary: the variance of the mean is
that over models plus that of resampled groups of images with the models as they are. These are the two parts
of the analysis of several readers on the same cases (Obuchowski & Rockette 1995, "Hypothesis testing of
diagnostic accuracy for multiple readers and multiple tests", Communications in Statistics 24), models being
the readers. The spread over models holds some of what images add to each model alone, which is not taken off:
the interval errs on the wide side. Models of cross-validation share most of their training images, so that
their part has Nadeau & Bengio's factor (see `intervals`). Degrees of freedom of the sum are Satterthwaite's
(1946, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.statistics.intervals import (
    CONFIDENCE,
    ROUNDING,
    Interval,
    checked,
    rate_bounds,
    standard_error,
    t_quantile,
)
from orchestrator.statistics.paired import p_values


@dataclass(frozen=True, slots=True)
class ErrorPart:
    """A standard error that is independent of the others, and its degrees of freedom, 1 or more."""

    error: float
    degrees: int


def models_part(values: np.ndarray, *, test_share: float, folds: int) -> ErrorPart | None:
    """Return the part of other models in the error of a mean; None with one model, whose spread is unknown.

    Args:
        values: one score, or difference of scores, per model, float [n].
        test_share: n_test / n_train of the folds that the models were trained on.
        folds: folds of one repeat.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    values = checked(values)
    if len(values) < 2 or folds < 2:
        return None
    return ErrorPart(standard_error(float(np.std(values, ddof=1)), len(values), test_share), folds - 1)


def crossed_interval(
    values: np.ndarray, parts: Sequence[ErrorPart | None], *, step: float | None = None
) -> Interval:
    """Return the interval of a mean over models whose error is the sum of independent parts.

    Args:
        values: one score, or difference of scores, per model, float [n].
        parts: of models, and of images; None = there is no such part.
        step: of a rate, how much one group of images weighs; its interval stays within 0 to 1. None = it is
            no rate, or a difference.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    values = checked(values)
    n, mean = len(values), float(np.mean(values))
    std = float(np.std(values, ddof=1)) if n > 1 else math.nan
    known = [part for part in parts if part is not None]
    error = math.sqrt(math.fsum(part.error**2 for part in known)) if known else math.nan
    degrees = _satterthwaite(known)
    if math.isnan(error) or (error < ROUNDING and step is None):
        return Interval(n, mean, std, math.nan, math.nan, math.nan, degrees)
    quantile = t_quantile((1 + CONFIDENCE) / 2, degrees)
    if step is None:
        return Interval(n, mean, std, mean - quantile * error, mean + quantile * error, error, degrees)
    low, high = rate_bounds(mean, 0.0 if error < ROUNDING else error, quantile=quantile, step=step)
    return Interval(n, mean, std, low, high, error, degrees)


def crossed_p_value(interval: Interval) -> float:
    """Return the two-sided p-value that the mean difference of an interval is 0; NaN without an error."""
    return float(p_values(np.array([interval.mean]), np.array([interval.error]), interval.degrees).item())


def _satterthwaite(parts: Sequence[ErrorPart]) -> int:
    """Degrees of freedom of a sum of variances, rounded down, 1 or more."""
    total = math.fsum(part.error**2 for part in parts)
    below = math.fsum(part.error**4 / part.degrees for part in parts)
    if not math.isfinite(total) or below == 0.0:
        return min((part.degrees for part in parts), default=1)
    return max(1, int(total**2 / below * (1 + 1e-12)))
