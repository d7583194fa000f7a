"""Means over models that all scored the same images: intervals for other images and other models alike.

Images and models are both samples: another set of images, and another training run, would give another mean.
Its variance is about the sum of the two, each taken with the other held fixed (Owen 2007, "The pigeonhole
bootstrap", Annals of Applied Statistics 1, of a mean over two crossed samples); what images and models do
together is in both, so that the sum is rather too large than too small. The images' part is that of draws of
their groups (`bootstrap`). The models' part is their spread, with the factor of Nadeau and Bengio (2003) for
training sets that share most of their images (see `intervals`). Degrees of freedom are Satterthwaite's (1946,
"An approximate distribution of estimates of variance components", Biometrics Bulletin 2), rounded down. Of a
single model there is no spread: its interval is for other images alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.statistics.intervals import CONFIDENCE, ROUNDING, Interval, checked, rate_bounds, t_quantile
from orchestrator.statistics.paired import PairedTest, p_values

EDGE = (1 + CONFIDENCE) / 2


@dataclass(frozen=True, slots=True, eq=False)
class OverModels:
    """A statistic of each of T models on the same images, float [T], and its draws less their mean, [T, D].

    Draws are of groups of images, the same for all models, scaled for few groups. `folds` is how many
    training folds a repeat has, 1 where all models were trained on the same images.
    """

    values: np.ndarray
    draws: np.ndarray
    folds: int

    def times(self, weight: float) -> "OverModels":
        """Return the statistic times a number."""
        return OverModels(weight * self.values, weight * self.draws, self.folds)

    def plus(self, other: "OverModels") -> "OverModels":
        """Return the sum of two statistics, paired by model and by image.

        Raises:
            ValueError: they are not of equally many models.
        """
        if self.values.shape != other.values.shape:
            raise ValueError(f"{len(self.values)} and {len(other.values)} models can't be paired")
        return OverModels(self.values + other.values, self.draws + other.draws, self.folds)


def two_way_rate(found: OverModels, *, free: int, step: float) -> Interval:
    """Return the interval of a mean rate, which stays within 0 to 1.

    Args:
        found: the rate of each model, in 0 to 1.
        free: how many more groups of images there are than strata, at least 1.
        step: how much one group weighs, 1 over the number of groups.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    mean, std, error, degrees = _parts([found], free=free, floor=0.0)
    low, high = rate_bounds(mean, error, quantile=t_quantile(EDGE, degrees), step=step)
    return Interval(len(found.values), mean, std, low, high, error, degrees)


def two_way_test(terms: Sequence[OverModels], *, free: int, floor: float) -> PairedTest:
    """Test whether a sum of means over models is 0; see `two_way_rate`.

    Args:
        terms: one, a difference that is paired by model; or several, each of models of its own: they are
            paired by image alone.
        free: how many more groups of images there are than strata, at least 1.
        floor: what the standard error is at least, above 0.

    Returns:
        Its interval has the standard deviation over models of a single term, NaN of several.
    """
    mean, std, error, degrees = _parts(terms, free=free, floor=floor)
    reach = t_quantile(EDGE, degrees) * error
    number = min(len(each.values) for each in terms)
    interval = Interval(number, mean, std, mean - reach, mean + reach, error, degrees)
    return PairedTest(interval, p_values(np.array([mean]), np.array([error]), degrees).item())


def _parts(terms: Sequence[OverModels], *, free: int, floor: float) -> tuple[float, float, float, int]:
    """Return mean, standard deviation over models, standard error and degrees of freedom."""
    mean = math.fsum(float(checked(each.values).mean()) for each in terms)
    drawn = sum(each.draws.mean(axis=0, dtype=np.float64) for each in terms)
    kept = np.asarray(drawn)[np.isfinite(drawn)]
    variances, degrees = [float(np.var(kept, ddof=1))], [max(1, free // 2)]
    stds = [float(np.std(each.values, ddof=1)) if len(each.values) > 1 else math.nan for each in terms]
    for each, std in zip(terms, stds, strict=True):
        if not math.isnan(std):
            number, folds = len(each.values), each.folds
            variances.append(std**2 * (1.0 / number + (1.0 / (folds - 1) if folds > 1 else 0.0)))
            degrees.append(folds - 1 if folds > 1 else number - 1)
    total, std = math.fsum(variances), stds[0] if len(terms) == 1 else math.nan
    if total < ROUNDING**2:
        return mean, std, floor, degrees[0]
    spent = math.fsum(variance**2 / free for variance, free in zip(variances, degrees, strict=True))
    # What rounding takes from a whole number is given back.
    return mean, std, max(math.sqrt(total), floor), max(1, math.floor(total**2 / spent + 1e-9))
