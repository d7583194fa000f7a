"""Intervals and tests against scipy, a closed form, and what simulation says."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from orchestrator.statistics import corrected_interval, corrected_paired_t_test

SCORES = st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=2, max_size=12)
SHARES = st.floats(0, 1)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_without_overlap_it_is_scipys_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    """With test_share = 0 the correction vanishes: p-value and interval are scipy's."""
    baseline, treatment = np.array(pairs).round(3).T
    found = corrected_paired_t_test(baseline, treatment, test_share=0.0)
    if np.std(treatment - baseline) < 1e-9:
        return
    expected = stats.ttest_rel(treatment, baseline)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))


@settings(deadline=None, max_examples=30)
@given(SCORES, SHARES)
def test_the_correction_scales_scipys_statistic_by_its_known_factor(
    values: list[float], share: float
) -> None:
    """Nadeau & Bengio: t = mean / sqrt((1/n + n_test/n_train) * variance), against t with n - 1 degrees."""
    n, sample = len(values), np.array(values)
    if np.std(sample) < 1e-9:
        return
    plain = stats.ttest_1samp(sample, 0.0).statistic
    corrected = plain * math.sqrt((1 / n) / (1 / n + share))
    found = corrected_paired_t_test(np.zeros(n), sample, test_share=share)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(corrected), n - 1), rel=1e-6, abs=1e-12)


def test_a_case_by_hand() -> None:
    """Five folds, differences 1 to 5 points, n_test / n_train = 1/4.

    Mean 0.03, variance 0.00025; (1/5 + 1/4) * 0.00025 = 0.0001125, so t = 0.03 / 0.010606602 = sqrt(8).
    Student's t with 4 degrees has a closed form: F(t) = 1/2 + 3/8 * u * (1 - u^2 / 12), u = t / sqrt(1 +
    t^2/4).
    """
    found = corrected_paired_t_test(
        np.array([0.8, 0.7, 0.6, 0.7, 0.8]), np.array([0.81, 0.72, 0.63, 0.74, 0.85]), test_share=0.25
    )
    u = math.sqrt(8) / math.sqrt(1 + 8 / 4)
    p_value = 2 * (1 - (0.5 + 3 / 8 * u * (1 - u * u / 12)))
    assert p_value == pytest.approx(0.047421, abs=1e-6)
    assert found.p_value == pytest.approx(p_value, abs=1e-9)
    assert found.difference.mean == pytest.approx(0.03)
    assert found.difference.std == pytest.approx(math.sqrt(0.00025))
    # 2.776445 is the 97.5 % point of t with 4 degrees, from the printed table.
    half = 2.776445 * 0.010606602
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (0.03 - half, 0.03 + half), abs=1e-8
    )


def test_the_corrected_interval_covers_where_the_plain_one_does_not() -> None:
    """Catches a correction in the wrong direction or of the wrong size.

    Scores that share a correlation of share / (1 + share) are what Nadeau and Bengio's factor is exact for.
    """
    share, n, runs = 0.25, 5, 2000
    correlation = share / (1 + share)
    rng = np.random.default_rng(0)
    together, alone = rng.normal(size=(runs, 1)), rng.normal(size=(runs, n))
    scores = math.sqrt(correlation) * together + math.sqrt(1 - correlation) * alone

    def coverage(test_share: float) -> float:
        found = [corrected_interval(row, test_share=test_share) for row in scores]
        return float(np.mean([interval.low <= 0.0 <= interval.high for interval in found]))

    # The standard error of a coverage of 95 % in 2000 runs is 0.005.
    assert coverage(share) == pytest.approx(0.95, abs=0.015)
    assert coverage(0.0) < 0.88


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_the_confidence_is_the_one_asked_for(confidence: float) -> None:
    values = np.array([0.7, 0.8, 0.75, 0.9])
    found = corrected_interval(values, test_share=0.0, confidence=confidence)
    expected = stats.t.interval(confidence, 3, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)


def test_the_standard_deviation_is_the_samples() -> None:
    """Catches ddof 0, which makes five folds look 11 % less spread than they are."""
    values = [0.7, 0.8, 0.9]
    found = corrected_interval(np.array(values), test_share=0.25)
    assert (found.n, found.mean, found.std) == (3, pytest.approx(0.8), pytest.approx(0.1))


def test_one_fold_has_a_mean_and_nothing_else() -> None:
    found = corrected_paired_t_test(np.array([0.5]), np.array([0.75]), test_share=0.25)
    assert (found.difference.n, found.difference.mean) == (1, 0.25)
    assert all(math.isnan(value) for value in (found.p_value, found.difference.std))
    assert all(math.isnan(value) for value in (found.difference.low, found.difference.high))


def test_no_spread_at_all() -> None:
    """Catches a division by zero: the same difference in each fold is certain, none is no evidence."""
    scores = np.array([0.5, 0.75, 0.25])
    same = corrected_paired_t_test(scores, scores, test_share=0.25)
    assert (same.p_value, same.difference.mean, same.difference.low, same.difference.high) == (1.0, 0, 0, 0)
    shifted = corrected_paired_t_test(scores, scores + 0.125, test_share=0.25)
    assert (shifted.p_value, shifted.difference.low, shifted.difference.high) == (0.0, 0.125, 0.125)


@pytest.mark.parametrize("values", [[], [0.5, math.nan], [0.5, math.inf]])
def test_what_is_no_score_is_refused(values: list[float]) -> None:
    """Catches a NaN that becomes a NaN interval, or one that is dropped in silence."""
    with pytest.raises(ValueError, match="score"):
        corrected_interval(np.array(values), test_share=0.25)
    with pytest.raises(ValueError, match="score"):
        corrected_paired_t_test(np.zeros(len(values)), np.array(values), test_share=0.25)


def test_scores_of_unequal_length_can_t_be_paired() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        corrected_paired_t_test(np.zeros(2), np.zeros(3), test_share=0.25)


@settings(deadline=None, max_examples=30)
@given(SCORES, SHARES, st.floats(-10, 10), st.floats(0.1, 10))
def test_shift_and_scale_carry_over_to_the_interval(
    values: list[float], share: float, shift: float, scale: float
) -> None:
    plain = corrected_interval(np.array(values), test_share=share)
    moved = corrected_interval(scale * np.array(values) + shift, test_share=share)
    for name in ("mean", "low", "high"):
        assert getattr(moved, name) == pytest.approx(scale * getattr(plain, name) + shift, abs=1e-9)
    assert moved.std == pytest.approx(scale * plain.std, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(*[st.floats(0, 1).map(lambda v: round(v, 3))] * 2), min_size=2, max_size=10), SHARES
)
def test_swapping_the_sides_changes_the_sign_alone(pairs: Any, share: float) -> None:
    one, other = np.array(pairs).T
    there = corrected_paired_t_test(one, other, test_share=share)
    back = corrected_paired_t_test(other, one, test_share=share)
    assert back.p_value == pytest.approx(there.p_value)
    assert back.difference.mean == pytest.approx(-there.difference.mean)
    bounds = (-there.difference.high, -there.difference.low)
    assert (back.difference.low, back.difference.high) == pytest.approx(bounds)


@settings(deadline=None, max_examples=30)
@given(SCORES, SHARES, SHARES)
def test_more_overlap_never_makes_the_interval_narrower(
    values: list[float], share: float, other: float
) -> None:
    small, large = sorted((share, other))
    widths = [
        corrected_interval(np.array(values), test_share=each).high
        - corrected_interval(np.array(values), test_share=each).low
        for each in (small, large)
    ]
    assert widths[0] <= widths[1] + 1e-12


@settings(deadline=None, max_examples=30)
@given(SCORES, SHARES)
def test_p_is_below_5_percent_just_where_the_interval_leaves_zero_out(
    values: list[float], share: float
) -> None:
    """Catches a test and an interval that contradict each other on one page."""
    found = corrected_paired_t_test(np.zeros(len(values)), np.array(values), test_share=share)
    assert 0.0 <= found.p_value <= 1.0
    if abs(found.p_value - 0.05) > 1e-9 and found.difference.std > 1e-9:
        assert (found.p_value < 0.05) == (not found.difference.low <= 0.0 <= found.difference.high)
