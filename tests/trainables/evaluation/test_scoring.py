"""Metrics against scikit-learn called by hand; what does not exist is None, never a made-up number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from trainables.evaluation.scoring import compute_metrics, predicted_classes

ONE_CLASS = {"auc", "balanced_accuracy", "average_precision"}


@settings(max_examples=30)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=30).filter(
        lambda pairs: {label for label, _ in pairs} == {0, 1}
    )
)
def test_two_classes_are_scikit_learns_numbers_with_fake_as_the_positive_class(
    pairs: list[tuple[int, int]],
) -> None:
    """Few distinct scores, so that ties are common."""
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score / 20 for _, score in pairs])
    called = (scores >= 0.5).astype(int)
    found = compute_metrics(labels, scores)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert found["accuracy"] == pytest.approx((labels == called).mean())
    rates = [(called[labels == label] == label).mean() for label in (0, 1)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(rates))
    assert found["recall"] == pytest.approx(rates[1])
    if called.any():
        assert found["precision"] == pytest.approx(labels[called == 1].mean())
    else:
        assert found["precision"] is None
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, called, zero_division=0.0))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(labels, scores))
    both = np.stack([1 - scores, scores], axis=1)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, both, labels=[0, 1]))


def test_a_case_worked_out_by_hand() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.9])
    # Of the four pairs of a fake and a real one, three are in order.
    expected = {"auc": 0.75, "accuracy": 0.75, "recall": 1.0, "precision": 2 / 3, "f1": 0.8}
    found = compute_metrics(labels, scores)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.5, 0.9]).mean())


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_auc_and_no_rate_of_the_other_class(label: int) -> None:
    found = compute_metrics(np.full(4, label), np.array([0.2, 0.4, 0.6, 0.8]))
    missing = {name for name, value in found.items() if value is None}
    assert missing == (ONE_CLASS if label == 1 else ONE_CLASS | {"f1", "recall"})
    assert found["accuracy"] == 0.5


def test_precision_does_not_exist_when_nothing_is_called_fake() -> None:
    found = compute_metrics(np.array([0, 1]), np.array([0.1, 0.2]))
    assert found["precision"] is None and found["recall"] == 0.0 and found["f1"] == 0.0


def five_classes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = np.concatenate([np.arange(5), rng.integers(0, 5, 95)])
    raw = rng.random((100, 5)) + 0.7 * np.eye(5)[labels]
    return labels, raw / raw.sum(axis=1, keepdims=True)


def test_several_classes_are_scikit_learns_macro_averages() -> None:
    labels, scores = five_classes()
    called = scores.argmax(axis=1)
    found = compute_metrics(labels, scores)
    one_hot = np.eye(5)[labels]
    areas = [metrics.roc_auc_score(one_hot[:, index], scores[:, index]) for index in range(5)]
    precisions = [metrics.average_precision_score(one_hot[:, index], scores[:, index]) for index in range(5)]
    assert found == pytest.approx(
        {
            "auc": np.mean(areas),
            "accuracy": (labels == called).mean(),
            "balanced_accuracy": metrics.balanced_accuracy_score(labels, called),
            "f1": metrics.f1_score(labels, called, average="macro"),
            "precision": metrics.precision_score(labels, called, average="macro"),
            "recall": metrics.recall_score(labels, called, average="macro"),
            "average_precision": np.mean(precisions),
            "log_loss": -np.log(scores[np.arange(100), labels]).mean(),
        }
    )


def test_several_classes_of_which_one_is_missing_have_no_average_over_classes() -> None:
    """A perfect classifier must not be given a recall of 0.8 because one class has no rows in this slice."""
    labels = np.array([0, 1, 2, 3, 0, 1])
    scores = 0.9 * np.eye(5)[labels] + 0.02
    found = compute_metrics(labels, scores)
    assert found["accuracy"] == 1.0
    assert found["log_loss"] == pytest.approx(-np.log(0.92))
    assert found["auc"] is found["average_precision"] is found["balanced_accuracy"] is None
    assert {found[name] for name in ("recall", "precision", "f1")} <= {None, 1.0}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_an_error_never_a_metric(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        compute_metrics(np.array([0, 1]), np.array([0.5, bad]))
    with pytest.raises(ValueError, match="not finite"):
        compute_metrics(np.array([0, 1, 2]), np.array([[0.2, 0.2, 0.6], [0.2, bad, 0.2], [0.1, 0.1, 0.8]]))


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        compute_metrics(np.array([], dtype=int), np.array([]))


def test_a_half_is_fake_and_the_largest_of_several_wins() -> None:
    np.testing.assert_array_equal(predicted_classes(np.array([0.4999, 0.5, 1.0])), [0, 1, 1])
    found = predicted_classes(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]))
    np.testing.assert_array_equal(found, [1, 0])
    assert found.dtype == np.int64


def test_certain_and_wrong_is_a_large_finite_loss() -> None:
    loss = compute_metrics(np.array([0, 1]), np.array([1.0, 0.0]))["log_loss"]
    assert loss is not None and 30 < loss < 50
