"""Limits of what fold differences can say: the least standard error of one, and where no verdict is possible.

Equal differences on a few folds are no certainty, and scores at their ceiling tell nobody apart.
"""

import math
from collections.abc import Sequence

import numpy as np

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import ALL
from orchestrator.statistics.bootstrap import contrast_error
from orchestrator.statistics.chosen_pair import MIN_FOLDS
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate


def error_floor(
    sides: tuple[Gathered, Gathered], metric: str, source: str = ALL, *, has_same_rows: bool = True
) -> float:
    """Return what the standard error of a difference is at least: what other test images would change.

    The paired group bootstrap where the metric has one. Of a rate, not less than a half of what one group of
    the rarer class weighs, which is about what one group that the two call differently would make.
    """
    terms = [(-1.0, sides[0]), (1.0, sides[1])]
    return contrast_floor(terms, metric, source, has_same_rows=has_same_rows)


def contrast_floor(
    terms: Sequence[tuple[float, Gathered]], metric: str, source: str = ALL, *, has_same_rows: bool = True
) -> float:
    """Return what the standard error of a weighted sum of experiments is at least; see `error_floor`."""
    sides = [side for _, side in terms]
    is_drawn = source == ALL and has_same_rows and len({len(side.deviations) for side in sides}) == 1
    deviations = [(weight, side.deviations) for weight, side in terms]
    drawn = contrast_error(deviations, metric) if is_drawn else math.nan
    step = LEAST_OF_A_GROUP * sides[0].step(source) if is_rate(metric) else 0.0
    return step if math.isnan(drawn) else max(step, drawn)


def no_verdict(baseline: np.ndarray, treatment: np.ndarray, *, folds: int, metric: str, error: float) -> str:
    """Say why no verdict is possible on a metric by fold, float [n]; empty where one is.

    Args:
        baseline: one score per fold.
        treatment: those of the same folds.
        folds: folds of one repeat.
        metric: what is scored.
        error: standard error of the mean difference, NaN where there is none.
    """
    n = len(baseline)
    if n > 1 and folds < MIN_FOLDS:
        return (
            "two folds give no verdict: their spread says next to nothing; ask for cv_folds of 3 or more, of "
            "a holdout for cv_repeats of 3 or more"
        )
    best = 0.0 if metric in LOWER_IS_BETTER else 1.0
    if is_rate(metric) and bool(np.all(baseline == best) and np.all(treatment == best)):
        where = "the test images" if n == 1 else "every fold"
        return f"both are at {best:.3f} on {where}, so these images are too easy to tell them apart"
    if n > 1 and math.isnan(error):
        return "neither the folds nor draws of their test images vary, which gives no interval and no test"
    return ""
