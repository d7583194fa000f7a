"""Tables of learning curves: measured sizes, fitted laws with what they predict, and where curves cross.

scaling.csv: one row per experiment of a series; n_train are the images that weights are learned from.
scaling_fits.csv: one row per model: error = c + a * n_train^-b, the score predicted at n_twice (twice the
largest size), the gain up to there, and what was measured per doubling; `reason` says why there is no law.
scaling_crossings.csv: one row per pair of models with a law; share and bounds are those of drawn laws.
"""

import math

import pandas as pd

from orchestrator.analysis.scaling import Estimate, MeasuredSize, ModelScaling, Scaling

SIZES = [
    "model", "experiment", "metric", "subsample", "n_train", "n_folds", "mean", "ci_low", "ci_high",
]  # fmt: skip
FITS = [
    "model", "metric", "a", "b", "c", "n_twice", "predicted", "predicted_low", "predicted_high", "gain",
    "gain_low", "gain_high", "error_from", "per_doubling", "doubling_low", "doubling_high", "doubling_p",
    "doubling_p_holm", "reason",
]  # fmt: skip
CROSSINGS = ["first", "second", "ahead_before", "n_crossing", "share", "low", "high", "reason"]


def sizes_table(scaling: Scaling) -> pd.DataFrame:
    """Return scaling.csv."""
    rows = [
        (model.name, each.experiment, scaling.metric, each.subsample, each.images, each.folds, *_mean(each))
        for model in scaling.models
        for each in model.sizes
    ]
    return pd.DataFrame(rows, columns=SIZES)


def fits_table(scaling: Scaling) -> pd.DataFrame:
    """Return scaling_fits.csv."""
    rows = [(model.name, scaling.metric, *_law(model), *_doubling(model)) for model in scaling.models]
    return pd.DataFrame(rows, columns=FITS)


def crossings_table(scaling: Scaling) -> pd.DataFrame:
    """Return scaling_crossings.csv."""
    rows = [
        (each.one, each.other, each.ahead_first, each.images, each.share, each.low, each.high, each.reason)
        for each in scaling.crossings
    ]
    return pd.DataFrame(rows, columns=CROSSINGS)


def _mean(found: MeasuredSize) -> tuple[float, float, float]:
    return found.mean, found.low, found.high


def _law(model: ModelScaling) -> tuple[float | str, ...]:
    found = model.curve
    if found is None:
        return (*[math.nan] * 10, "")
    twice = found.images[-1]
    law = (found.a, found.b, found.c, twice)
    return (*law, *_numbers(found.predicted), *_numbers(found.gain), found.error_from)


def _numbers(found: Estimate) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def _doubling(model: ModelScaling) -> tuple[float | str, ...]:
    if model.doubling is None:
        return (*[math.nan] * 5, model.reason)
    found = model.doubling.difference
    return found.mean, found.low, found.high, model.doubling.p_value, model.p_holm, model.reason
