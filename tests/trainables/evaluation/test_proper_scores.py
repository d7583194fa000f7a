"""Brier score and log loss against scikit-learn, and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from trainables.evaluation.proper_scores import brier_score, log_loss, log_losses, squared_errors


def test_brier_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 50), rng.uniform(size=50)
    assert brier_score(labels, scores) == pytest.approx(metrics.brier_score_loss(labels, scores), abs=1e-12)


def test_brier_of_several_classes_is_summed_over_them() -> None:
    values = np.array([[0.7, 0.2, 0.1]])
    assert brier_score(np.array([1]), values) == pytest.approx(0.49 + 0.64 + 0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_is_scikit_learns(dtype: type) -> None:
    """Catches another clipping of what is certain and wrong: finite, and by the scores' own precision."""
    labels, scores = np.array([0, 1, 1, 0]), np.array([1.0, 0.0, 0.7, 0.2], dtype=dtype)
    assert log_loss(labels, scores) == pytest.approx(metrics.log_loss(labels, scores), rel=1e-6)


def test_rows_by_hand() -> None:
    labels, scores = np.array([1, 0]), np.array([0.8, 0.5])
    assert squared_errors(labels, scores) == pytest.approx([0.04, 0.25])
    assert log_losses(labels, scores) == pytest.approx(-np.log([0.8, 0.5]))
    assert log_losses(np.array([2]), np.array([[0.7, 0.2, 0.1]])) == pytest.approx([-np.log(0.1)])
