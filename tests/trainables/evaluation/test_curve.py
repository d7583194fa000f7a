"""AUC, average precision and EER from one sort, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from trainables.evaluation.curve import Curve, roc_auc

# Few distinct scores, so that ties are common; both classes are there.
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=60).filter(
    lambda rows: {label for label, _ in rows} == {0, 1}
)


@settings(max_examples=60)
@given(ROWS)
def test_areas_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    """Catches a wrong treatment of ties."""
    labels, scores = (np.array(part) for part in zip(*rows, strict=True))
    curve = Curve.of(labels, scores)
    assert curve.auc() == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    assert roc_auc(labels, scores) == curve.auc()
    expected = metrics.average_precision_score(labels, scores)
    assert curve.average_precision() == pytest.approx(expected, abs=1e-12)


def test_the_auc_of_several_classes_is_one_against_the_rest() -> None:
    rng = np.random.default_rng(3)
    labels = np.concatenate([np.arange(4), rng.integers(0, 4, 60)])
    raw = rng.random((64, 4)) + 0.4 * np.eye(4)[labels]
    values = raw / raw.sum(axis=1, keepdims=True)
    expected = metrics.roc_auc_score(labels, values, multi_class="ovr", average="macro")
    assert roc_auc(labels, values) == pytest.approx(expected, abs=1e-12)
    assert roc_auc(labels[labels != 2], values[labels != 2]) is None


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_auc(label: int) -> None:
    assert roc_auc(np.full(3, label), np.array([0.2, 0.4, 0.6])) is None
