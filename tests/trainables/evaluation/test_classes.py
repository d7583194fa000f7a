"""Metrics of several classes against scikit-learn; a class without rows gives reasons."""

import numpy as np
import pytest
from sklearn import metrics

from trainables.evaluation.classes import class_metrics, confusion
from trainables.evaluation.scoring import compute_metrics


def five(seed: int = 3, size: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(5), rng.integers(0, 5, size - 5)])
    raw = rng.random((size, 5)) + 0.5 * np.eye(5)[labels]
    values = raw / raw.sum(axis=1, keepdims=True)
    return labels, values, values.argmax(axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_scikit_learns(seed: int) -> None:
    labels, values, called = five(seed)
    found = class_metrics(labels, values, called).values
    for name, value in compute_metrics(labels, values, predicted=called).items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
    auc = metrics.roc_auc_score(labels, values, multi_class="ovr", average="macro")
    assert found["auc_ovr"] == pytest.approx(auc, abs=1e-9)
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(labels, called, average="macro"), abs=1e-9)
    one_hot = np.eye(5)[labels]
    assert found["brier"] == pytest.approx(((values - one_hot) ** 2).sum(axis=1).mean(), abs=1e-12)
    each = metrics.precision_recall_fscore_support(labels, called, zero_division=0.0)
    for name, numbers in zip(("precision", "recall", "f1", "support"), each, strict=True):
        for index, value in enumerate(numbers):
            assert found[f"{name}[{index}]"] == pytest.approx(value, abs=1e-12)


def test_confusion_is_scikit_learns() -> None:
    labels, _, called = five()
    expected = metrics.confusion_matrix(labels, called, labels=range(6))
    np.testing.assert_array_equal(confusion(labels, called, num_classes=6), expected)


def test_a_class_without_rows_leaves_no_mean_over_classes() -> None:
    labels, values, _ = five()
    kept = labels != 2
    found = class_metrics(labels[kept], values[kept], np.where(labels[kept] == 0, 1, labels[kept]))
    for name in ("auc", "auc_ovr", "f1", "macro_f1", "recall", "precision", "balanced_accuracy"):
        assert found.reasons[name] == "no image of class 2 in these rows", name
    assert found.reasons["recall[2]"] == "no image of class 2 in these rows"
    assert found.reasons["precision[0]"] == "no image was called class 0"
    assert found.values["support[2]"] == 0
    assert {"accuracy", "log_loss", "brier", "ece"} <= set(found.values)
