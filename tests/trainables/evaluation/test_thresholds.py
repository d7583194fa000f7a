"""The best threshold, against trying every one of them with scikit-learn's metrics."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from trainables.evaluation.metrics import ThresholdMetric
from trainables.evaluation.thresholds import best_threshold

SCORERS = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": metrics.f1_score,
}


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), metric=st.sampled_from(get_args(ThresholdMetric)))
def test_no_other_threshold_is_better(seed: int, metric: ThresholdMetric) -> None:
    rng = np.random.default_rng(seed)
    labels = np.array([0, 1, *rng.integers(0, 2, 18)])
    # Rounded, so that scores tie.
    scores = np.clip(rng.normal(0.35 + 0.2 * labels, 0.2), 0, 1).round(1)
    chosen = best_threshold(labels, scores, metric=metric)
    assert chosen is not None and 0 <= chosen < 1.001
    quality = SCORERS[metric](labels, scores >= chosen)
    # Scores are tenths: two thresholds between the same two of them decide alike.
    assert all(SCORERS[metric](labels, scores >= t) <= quality + 1e-12 for t in np.linspace(0, 1.05, 22))


def test_of_several_best_ones_the_nearest_to_a_half_is_taken() -> None:
    labels = np.array([0, 0, 1, 1])
    assert best_threshold(labels, np.array([0.1, 0.4, 0.6, 0.9]), metric="accuracy") == pytest.approx(0.5)
    assert best_threshold(labels, np.array([0.1, 0.2, 0.3, 0.9]), metric="accuracy") == pytest.approx(0.25)


def test_one_class_has_no_threshold() -> None:
    assert best_threshold(np.array([1, 1]), np.array([0.2, 0.4]), metric="f1") is None
