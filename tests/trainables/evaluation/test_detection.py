"""Metrics of two classes against scikit-learn, and against loops where scikit-learn has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn import metrics

from trainables.evaluation.curve import Curve
from trainables.evaluation.detection import (
    NO_FAKE,
    NO_REAL,
    NOTHING_CALLED,
    auc_variance,
    binary_metrics,
    source_metrics,
    threshold_metrics,
)

# Few distinct scores, so that ties are common; both classes are there.
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=60).filter(
    lambda rows: {label for label, _ in rows} == {0, 1}
)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores = np.array([label for label, _ in rows]), np.array([score / 12 for _, score in rows])
    return labels, scores, (scores >= 0.5).astype(np.int64)


def continuous(seed: int = 0, size: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], rng.integers(0, 2, size - 2)])
    scores = 1 / (1 + np.exp(-(rng.normal(size=size) + labels - 0.5)))
    return labels, scores, (scores >= 0.5).astype(np.int64)


@settings(max_examples=60)
@given(ROWS)
def test_numbers_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    """Catches a wrong treatment of ties, of empty bins and of the positive class."""
    labels, scores, called = arrays(rows)
    found = binary_metrics(labels, scores, called).values
    expected = {
        "auc": metrics.roc_auc_score(labels, scores),
        "accuracy": metrics.accuracy_score(labels, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, called),
        "f1": metrics.f1_score(labels, called, zero_division=0.0),
        "recall": metrics.recall_score(labels, called),
        "average_precision": metrics.average_precision_score(labels, scores),
        "log_loss": metrics.log_loss(labels, scores, labels=[0, 1]),
        "brier": metrics.brier_score_loss(labels, scores),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
    if called.any():
        assert found["precision"] == pytest.approx(metrics.precision_score(labels, called), abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_and_wrong_is_scikit_learns_large_finite_loss(dtype: type) -> None:
    labels, scores = np.array([0, 1, 1]), np.array([1.0, 0.0, 0.7], dtype=dtype)
    found = binary_metrics(labels, scores, (scores >= 0.5).astype(int)).values["log_loss"]
    assert found == pytest.approx(metrics.log_loss(labels, scores), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_eer_is_where_the_interpolated_curve_meets_the_diagonal(seed: int) -> None:
    """Against a root search on scikit-learn's ROC curve."""
    labels, scores, called = continuous(seed)
    alarms, found, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    expected = brentq(lambda x: 1.0 - x - np.interp(x, alarms, found), 0.0, 1.0, xtol=1e-14)
    assert binary_metrics(labels, scores, called).values["eer"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("scores", "eer"),
    [([0.1, 0.2, 0.8, 0.9], 0.0), ([0.9, 0.8, 0.2, 0.1], 1.0), ([0.5] * 4, 0.5), ([0.1, 0.6, 0.4, 0.9], 0.5)],
)
def test_eer_by_hand(scores: list[float], eer: float) -> None:
    """Perfect, upside down, all tied (the diagonal), and one real one above one fake."""
    labels, values = np.array([0, 0, 1, 1]), np.array(scores)
    assert binary_metrics(labels, values, labels).values["eer"] == pytest.approx(eer)


@pytest.mark.parametrize(("label", "reason"), [(0, NO_FAKE), (1, NO_REAL)])
def test_one_class_has_reasons_instead_of_numbers(label: int, reason: str) -> None:
    """Catches a made-up 0 or 0.5."""
    scores = np.array([0.2, 0.4, 0.6, 0.8])
    found = binary_metrics(np.full(4, label), scores, (scores >= 0.5).astype(int))
    for name in ("auc", "average_precision", "eer", "balanced_accuracy"):
        assert name not in found.values and found.reasons[name] == reason
    assert {"accuracy", "brier", "ece", "log_loss"} <= set(found.values)
    assert ("recall" in found.values) == ("f1" in found.values) == (label == 1)


def test_precision_needs_something_that_was_called_fake() -> None:
    found = threshold_metrics(np.array([0, 1]), np.array([0, 0]))
    assert found.reasons == {"precision": NOTHING_CALLED}
    assert found.values["recall"] == found.values["f1"] == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_an_error(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        binary_metrics(np.array([0, 1]), np.array([0.5, bad]), np.array([0, 1]))
    with pytest.raises(ValueError, match="no rows"):
        binary_metrics(np.array([], dtype=int), np.array([]), np.array([], dtype=int))


def test_sources_are_scored_against_all_real_rows() -> None:
    labels, scores, called = continuous(4)
    rng = np.random.default_rng(1)
    names = ["a", "b", "w"]
    source = np.where(labels == 1, rng.integers(0, 2, len(labels)), 2)
    found = source_metrics(labels, Curve.of(labels, scores), called, source, names)
    aucs = []
    for index in (0, 1):
        both = (source == index) | (labels == 0)
        aucs.append(metrics.roc_auc_score(labels[both], scores[both]))
        values = found[names[index]].values
        assert values["auc"] == pytest.approx(aucs[-1], abs=1e-12)
        assert values["detection_rate"] == pytest.approx(called[source == index].mean())
    assert found["w"].values == {"false_alarm_rate": pytest.approx(called[labels == 0].mean())}
    assert auc_variance(found) == (pytest.approx(np.var(aucs, ddof=1)), "")


def test_a_source_of_both_classes_has_all_rates() -> None:
    labels, called = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    curve = Curve.of(labels, np.array([0.1, 0.7, 0.6, 0.9]))
    found = source_metrics(labels, curve, called, np.zeros(4, dtype=int), ["x"])
    assert found["x"].values == {"detection_rate": 1.0, "auc": 0.75, "false_alarm_rate": 0.5}


def test_without_real_rows_a_source_has_no_auc_and_sources_no_variance() -> None:
    labels = np.array([1, 1])
    curve = Curve.of(labels, np.array([0.2, 0.9]))
    found = source_metrics(labels, curve, np.array([0, 1]), np.array([0, 1]), ["a", "b"])
    assert found["a"].reasons == {"auc": NO_REAL} and found["b"].values == {"detection_rate": 1.0}
    value, reason = auc_variance(found)
    assert value is None and "0 sources" in reason
