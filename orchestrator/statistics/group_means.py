"""Means of numbers of images, whose groups are the units that could have been others.

Images of one group are not independent, so the error of a mean is that of a ratio of sums over groups: the
sum of values to the number of images (Cochran 1977, Sampling Techniques, section 9A; the same to first order
as a bootstrap over groups), with G / (G - 1) for few groups and G - 1 degrees of freedom. Where each group
holds one image it is the standard error of a mean, and the test Student's. With fewer than LEAST_GROUPS
groups, or where an interval would hold all of the scale, there are neither.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from orchestrator.statistics.intervals import CONFIDENCE, ROUNDING, rate_bounds, t_quantile
from orchestrator.statistics.paired import p_values

# Two groups have a spread of one degree of freedom, with which Student's t is 12.7: no interval, and no test.
LEAST_GROUPS = 3
# How near both ends of the scale an interval comes that says nothing.
ALL_OF_IT = 0.01


@dataclass(frozen=True, slots=True)
class GroupMean:
    """A mean over images, its interval, and the two-sided p-value of its being 0; NaN where there is none.

    `is_too_few` tells that there is no interval because the groups are too few for one.
    """

    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    num_images: int = 0
    num_groups: int = 0
    is_too_few: bool = False


def group_mean(values: np.ndarray, groups: np.ndarray, *, is_share: bool) -> GroupMean:
    """Return the mean of values of images with its interval.

    Args:
        values: float [N]; what is not finite is left out.
        groups: the name of each image's group, [N].
        is_share: whether values lie in 0 .. 1, and have no test; else they lie in -1 .. 1. So do intervals.
    """
    is_known = np.isfinite(values)
    known = values[is_known]
    if not len(known):
        return GroupMean()
    codes, _ = pd.factorize(groups[is_known])
    number = int(codes.max()) + 1
    mean = float(known.mean())
    without = GroupMean(mean, num_images=len(known), num_groups=number)
    if number < LEAST_GROUPS:
        return replace(without, is_too_few=True)
    sizes, sums = np.bincount(codes), np.bincount(codes, weights=known)
    rest = sums - mean * sizes
    error = math.sqrt(number / (number - 1) * float(rest @ rest)) / len(known)
    quantile = t_quantile((1 + CONFIDENCE) / 2, number - 1)
    if is_share:
        low, high = rate_bounds(min(max(mean, 0.0), 1.0), error, quantile=quantile, step=1.0 / number)
        return _narrowed(replace(without, low=low, high=high), 0.0)
    if error < ROUNDING:
        # Equal differences are no certainty.
        return without
    p_value = p_values(np.array([mean]), np.array([error]), number - 1).item()
    low, high = max(-1.0, mean - quantile * error), min(1.0, mean + quantile * error)
    return _narrowed(replace(without, low=low, high=high, p_value=p_value), -1.0)


def _narrowed(found: GroupMean, least: float) -> GroupMean:
    """Take the interval away that holds all of the scale from `least` to 1: it says nothing."""
    if found.low - least < ALL_OF_IT and 1.0 - found.high < ALL_OF_IT:
        return replace(found, low=math.nan, high=math.nan, p_value=math.nan, is_too_few=True)
    return found
