"""The Bayesian correlated t-test: how probable is it that a difference matters, and in which direction?

Benavoli, Corani, Demsar & Zaffalon (2017, "Time for a change: a tutorial for comparing multiple classifiers
through Bayesian analysis", JMLR 18), after Corani & Benavoli (2015). With a flat prior the posterior of the
mean difference is Student's t around the mean of the folds' differences, with the corrected standard error:
their 1/n + rho / (1 - rho) with rho = n_test / (n_test + n_train) is 1/n + n_test / n_train. Degrees of
freedom and the floor of the error are those of `intervals`. Differences within +-rope are practically none.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from orchestrator.statistics.intervals import Interval, corrected_interval


@dataclass(frozen=True, slots=True)
class Posterior:
    """Probabilities that the mean difference is below -rope, within, and above rope.

    NaN with one fold, or where there is neither a spread nor a floor.
    """

    below: float
    within: float
    above: float


def correlated_t(
    differences: np.ndarray, *, test_share: float, rope: float, folds: int, floor: float = 0.0
) -> Posterior:
    """Return the posterior of a mean difference.

    Args:
        differences: treatment - baseline of each fold, float [n].
        test_share: n_test / n_train of a fold.
        rope: half the width of the region of practical equivalence, 0 or more.
        folds: folds of one repeat; n is a multiple of it.
        floor: what the standard error is at least.

    Raises:
        ValueError: no differences, one that is not finite, or a negative rope.
    """
    return posterior_of(
        corrected_interval(differences, test_share=test_share, folds=folds, floor=floor), rope=rope
    )


def posterior_of(difference: Interval, *, rope: float) -> Posterior:
    """Return the posterior of a mean difference from its interval.

    Raises:
        ValueError: a negative rope.
    """
    if rope < 0.0:
        raise ValueError(f"a region of practical equivalence of {rope} has no inside")
    mean, error, degrees = difference.mean, difference.error, difference.degrees
    if math.isnan(error):
        return Posterior(math.nan, math.nan, math.nan)
    below = float(stdtr(degrees, (-rope - mean) / error))
    above = float(stdtr(degrees, (mean - rope) / error))
    return Posterior(below, max(0.0, 1.0 - below - above), above)
