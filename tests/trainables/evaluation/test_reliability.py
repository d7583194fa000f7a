"""Reliability bins and calibration error: by hand, by a plain loop, and by scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from trainables.evaluation.reliability import calibration_error, confidence_curve, reliability_bins

shares = st.floats(0.0, 1.0, allow_subnormal=False)
some_rows = st.lists(st.tuples(shares, st.integers(0, 1)), min_size=1, max_size=60)


def plain_error(confidence: list[float], is_right: list[int], num_bins: int) -> float:
    """The definition, a row at a time: tied rows get the mean of their outcomes first."""
    rows = sorted(zip(confidence, is_right, strict=True))
    mean = {value: np.mean([true for other, true in rows if other == value]) for value, _ in rows}
    parts = np.array_split(np.arange(len(rows)), min(num_bins, len(rows)))
    gaps = [
        len(part) * abs(np.mean([rows[i][0] for i in part]) - np.mean([mean[rows[i][0]] for i in part]))
        for part in parts
    ]
    return float(sum(gaps) / len(rows))


def test_bins_of_a_case_done_by_hand() -> None:
    """Catches bins of equal width, and the mean of something else than the confidence."""
    rows = confidence_curve(np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.1, 0.2, 0.8, 0.5]))
    bins = reliability_bins(rows, num_bins=2)
    assert bins.counts.tolist() == [3, 2]
    assert bins.mean_confidence == pytest.approx([0.8 / 3, 0.85])
    assert bins.accuracy == pytest.approx([1 / 3, 1.0])
    assert (bins.low.tolist(), bins.high.tolist()) == ([0.1, 0.8], [0.5, 0.9])
    assert bins.error() == pytest.approx((3 * (1 / 3 - 0.8 / 3) + 2 * 0.15) / 5)


def test_the_error_is_scikit_learns_mean_distance_of_equally_large_bins() -> None:
    """Against scikit-learn's bins by quantile: 150 distinct scores, ten in each of 15 bins."""
    rng = np.random.default_rng(2)
    scores = rng.permutation(np.linspace(0.01, 0.99, 150)) ** 2
    labels = (rng.random(150) < scores**0.5).astype(int)
    truth, confidence = calibration_curve(labels, scores, n_bins=15, strategy="quantile")
    assert len(truth) == 15
    assert calibration_error(labels, scores) == pytest.approx(np.abs(truth - confidence).mean(), abs=1e-12)


def test_the_error_of_a_case_done_by_hand() -> None:
    """Two bins: confidence 0.2 and 0.9 on average, true 0.5 and 1."""
    scores, labels = np.array([0.1, 0.3, 0.8, 1.0]), np.array([0, 1, 1, 1])
    assert calibration_error(labels, scores, num_bins=2) == pytest.approx((0.3 + 0.1) / 2)


@given(some_rows, st.integers(1, 20))
def test_the_error_is_that_of_the_definition(rows: list[tuple[float, int]], num_bins: int) -> None:
    confidence, is_right = (list(part) for part in zip(*rows, strict=True))
    found = calibration_error(np.array(is_right), np.array(confidence), num_bins=num_bins)
    assert found == pytest.approx(plain_error(confidence, is_right, num_bins), abs=1e-12)
    assert 0.0 <= found <= 1.0


@given(some_rows, st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[float, int]], seed: int) -> None:
    """Catches an error that hangs on how tied scores happen to lie in the file."""
    confidence, is_right = (np.array(part) for part in zip(*rows, strict=True))
    order = np.random.default_rng(seed).permutation(len(rows))
    found = calibration_error(is_right[order], confidence[order])
    assert found == pytest.approx(calibration_error(is_right, confidence), abs=1e-12)


def test_scores_that_come_true_have_no_error_and_bold_ones_have() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=20_000)
    labels = (rng.uniform(size=20_000) < scores).astype(int)
    assert calibration_error(labels, scores) < 0.015
    assert calibration_error(labels, (scores > 0.5).astype(float)) == pytest.approx(0.25, abs=0.02)


def test_of_several_classes_the_confidence_is_that_of_the_likeliest() -> None:
    values = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
    curve = confidence_curve(np.array([0, 2]), values)
    assert (curve.scores.tolist(), curve.fakes.tolist()) == ([0.4, 0.7], [0, 1])
    assert calibration_error(np.array([0, 2]), values, num_bins=1) == pytest.approx(0.05)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        confidence_curve(np.array([], dtype=int), np.array([]))
