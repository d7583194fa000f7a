"""Intervals and tests for cross-validation: pure functions on arrays, without files, frames or names.

intervals: the corrected t interval of a mean over folds. paired: two experiments on the same folds:
corrected resampled t-test, Wilcoxon, Holm, what these folds could have shown, repeats that would be needed.
bayesian: the same question with a region of practical equivalence. bootstrap: intervals from resampled
groups. delong: two AUCs on the same rows. ranking: more than two experiments at once.
"""

from orchestrator.statistics.bayesian import Posterior, correlated_t, posterior_of
from orchestrator.statistics.intervals import (
    Interval,
    corrected_interval,
    corrected_intervals,
    corrected_rate,
)
from orchestrator.statistics.paired import (
    PairedTest,
    corrected_paired_t_test,
    corrected_t_test,
    detectable_difference,
    effect_size,
    holm,
    repeats_needed,
    visible_difference,
    wilcoxon,
)

__all__ = [
    "Interval",
    "PairedTest",
    "Posterior",
    "corrected_interval",
    "corrected_intervals",
    "corrected_paired_t_test",
    "corrected_rate",
    "corrected_t_test",
    "correlated_t",
    "detectable_difference",
    "effect_size",
    "holm",
    "posterior_of",
    "repeats_needed",
    "visible_difference",
    "wilcoxon",
]
