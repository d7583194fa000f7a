"""How probable is it that a difference matters, and in which direction?

The Bayesian correlated t-test (Corani & Benavoli 2015; Benavoli, Corani, Demsar & Zaffalon 2017, "Time for a
change: a tutorial for comparing multiple classifiers through Bayesian analysis", JMLR 18). With a flat prior
the posterior of the mean difference over folds is Student's t with n - 1 degrees of freedom, located at the
mean, with scale^2 = (1/n + rho / (1 - rho)) variance and rho = n_test / (n_test + n_train). Differences up to
`rope` on either side of 0 are practically none.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Chances:
    """Probabilities that the mean difference is below -rope, within +-rope, above rope; NaN with one fold."""

    below: float
    within: float
    above: float


def chances(differences: np.ndarray, *, test_share: float, rope: float) -> Chances:
    """Return the posterior of a mean difference, cut at +-rope.

    Args:
        differences: one a fold, float [n], finite.
        test_share: n_test / n_train of a fold, which is rho / (1 - rho).
        rope: half the width of the region of practical equivalence, 0 or more.
    """
    n, mean = len(differences), float(np.mean(differences))
    if n == 1:
        return Chances(math.nan, math.nan, math.nan)
    scale = float(np.std(differences, ddof=1)) * math.sqrt(1.0 / n + test_share)
    if scale == 0.0:
        # Every fold says the same: all of the posterior is at one point.
        return Chances(float(mean < -rope), float(-rope <= mean <= rope), float(mean > rope))
    below = float(stats.t.cdf((-rope - mean) / scale, n - 1))
    above = float(stats.t.sf((rope - mean) / scale, n - 1))
    return Chances(below, max(0.0, 1.0 - below - above), above)
