"""The Bayesian correlated t-test: how probable is it that a difference matters, and in which direction?

Benavoli, Corani, Demsar & Zaffalon (2017, "Time for a change: a tutorial for comparing multiple classifiers
through Bayesian analysis", JMLR 18), after Corani & Benavoli (2015). With a flat prior the posterior of the
mean difference is Student's t with n - 1 degrees, the mean of the folds' differences, and the corrected
standard error: their 1/n + rho / (1 - rho) with rho = n_test / (n_test + n_train) is 1/n + n_test / n_train.
Differences within +-rope are practically none.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from orchestrator.statistics.intervals import checked, standard_error


@dataclass(frozen=True, slots=True)
class Posterior:
    """Probabilities that the mean difference is below -rope, within, and above rope; NaN with one fold."""

    below: float
    within: float
    above: float


def correlated_t(differences: np.ndarray, *, test_share: float, rope: float) -> Posterior:
    """Return the posterior of a mean difference.

    Args:
        differences: treatment - baseline of each fold, float [n].
        test_share: n_test / n_train of a fold.
        rope: half the width of the region of practical equivalence, 0 or more.

    Raises:
        ValueError: no differences, one that is not finite, or a negative rope.
    """
    differences = checked(differences)
    if rope < 0.0:
        raise ValueError(f"a region of practical equivalence of {rope} has no inside")
    n, mean = len(differences), float(np.mean(differences))
    if n == 1:
        return Posterior(math.nan, math.nan, math.nan)
    error = standard_error(float(np.std(differences, ddof=1)), n, test_share)
    if error == 0.0:
        # Every fold says the same: all of the posterior is at one point.
        return Posterior(float(mean < -rope), float(-rope <= mean <= rope), float(mean > rope))
    below = float(stdtr(n - 1, (-rope - mean) / error))
    above = float(stdtr(n - 1, (mean - rope) / error))
    return Posterior(below, max(0.0, 1.0 - below - above), above)
