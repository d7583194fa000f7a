"""Intervals and tests against scipy, a closed form, and what simulation says."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.proportion import proportion_confint

from orchestrator.statistics import corrected_interval, corrected_paired_t_test, corrected_rate

SCORES = st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=2, max_size=12)
SHARES = st.floats(0, 1)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_without_overlap_it_is_scipys_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    """With test_share = 0 the correction vanishes: p-value and interval are scipy's."""
    baseline, treatment = np.array(pairs).round(3).T
    found = corrected_paired_t_test(baseline, treatment, test_share=0.0, folds=len(baseline))
    if np.std(treatment - baseline) < 1e-9:
        return
    expected = stats.ttest_rel(treatment, baseline)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))


@settings(max_examples=30)
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
    found = corrected_paired_t_test(np.zeros(n), sample, test_share=share, folds=n)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(corrected), n - 1), rel=1e-6, abs=1e-12)


def test_a_case_by_hand() -> None:
    """Five folds, differences 1 to 5 points, n_test / n_train = 1/4.

    Mean 0.03, variance 0.00025; (1/5 + 1/4) * 0.00025 = 0.0001125, so t = 0.03 / 0.010606602 = sqrt(8).
    Student's t with 4 degrees has a closed form: F(t) = 1/2 + 3/8 * u * (1 - u^2 / 12), u = t / sqrt(1 +
    t^2/4).
    """
    found = corrected_paired_t_test(
        np.array([0.8, 0.7, 0.6, 0.7, 0.8]),
        np.array([0.81, 0.72, 0.63, 0.74, 0.85]),
        test_share=0.25,
        folds=5,
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
        found = [corrected_interval(row, test_share=test_share, folds=n) for row in scores]
        return float(np.mean([interval.low <= 0.0 <= interval.high for interval in found]))

    # The standard error of a coverage of 95 % in 2000 runs is 0.005.
    assert coverage(share) == pytest.approx(0.95, abs=0.015)
    assert coverage(0.0) < 0.88


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_the_confidence_is_the_one_asked_for(confidence: float) -> None:
    values = np.array([0.7, 0.8, 0.75, 0.9])
    found = corrected_interval(values, test_share=0.0, folds=4, confidence=confidence)
    expected = stats.t.interval(confidence, 3, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)


def test_the_standard_deviation_is_the_samples() -> None:
    """Catches ddof 0, which makes five folds look 11 % less spread than they are."""
    values = [0.7, 0.8, 0.9]
    found = corrected_interval(np.array(values), test_share=0.25, folds=3)
    assert (found.n, found.mean, found.std) == (3, pytest.approx(0.8), pytest.approx(0.1))


def test_one_fold_has_a_mean_and_nothing_else() -> None:
    found = corrected_paired_t_test(np.array([0.5]), np.array([0.75]), test_share=0.25, folds=1)
    assert (found.difference.n, found.difference.mean) == (1, 0.25)
    assert all(math.isnan(value) for value in (found.p_value, found.difference.std))
    assert all(math.isnan(value) for value in (found.difference.low, found.difference.high))


def test_without_spread_and_without_a_floor_nothing_is_certain() -> None:
    """Catches the same difference on each fold that is taken for certain, and a division by zero."""
    scores = np.array([0.5, 0.75, 0.25])
    same = corrected_paired_t_test(scores, scores, test_share=0.25, folds=3)
    assert (same.p_value, same.difference.mean) == (1.0, 0.0) and math.isnan(same.difference.low)
    # A tenth has no exact number, so that the differences differ in their last bit.
    shifted = corrected_paired_t_test(scores, scores + 0.1, test_share=0.25, folds=3)
    assert math.isnan(shifted.p_value) and math.isnan(shifted.difference.low)


def test_a_floor_replaces_a_spread_that_is_smaller_and_no_other() -> None:
    """Five folds that are each one image of 60 better, against the floor of one image a fold: by hand.

    The error is (1 / 60) / sqrt(5), t = sqrt(5), and F(t) as above with u = sqrt(5) / 1.5.
    """
    floor, gain = 1 / 60 / math.sqrt(5), np.full(5, 1 / 60)
    found = corrected_paired_t_test(np.zeros(5), gain, test_share=0.25, folds=5, floor=floor)
    u = math.sqrt(5) / math.sqrt(1 + 5 / 4)
    assert found.p_value == pytest.approx(2 * (1 - (0.5 + 3 / 8 * u * (1 - u * u / 12))), abs=1e-9)
    assert found.p_value == pytest.approx(0.0890, abs=1e-4)
    assert found.difference.low == pytest.approx(1 / 60 - 2.776445 * floor, abs=1e-8)
    wide = np.array([0.1, -0.1, 0.2, 0.0, 0.1])
    plain, floored = (corrected_interval(wide, test_share=0.25, folds=5, floor=each) for each in (0.0, floor))
    assert plain == floored


@pytest.mark.parametrize("repeats", [1, 3, 10])
def test_repeats_add_no_degrees_of_freedom(repeats: int) -> None:
    """Catches 14 degrees of freedom of three repeats of five folds, whose interval is a fourth too short."""
    values = np.random.default_rng(repeats).normal(0.8, 0.05, 5 * repeats)
    found = corrected_paired_t_test(np.full(5 * repeats, 0.7), values, test_share=0.25, folds=5)
    error = values.std(ddof=1) * math.sqrt(1 / (5 * repeats) + 0.25)
    assert found.difference.degrees == 4 and found.difference.error == pytest.approx(error)
    half = stats.t.ppf(0.975, 4) * error
    assert found.difference.high - found.difference.mean == pytest.approx(half)
    assert found.p_value == pytest.approx(2 * stats.t.sf(found.difference.mean / error, 4))


def test_folds_and_scores_must_fit() -> None:
    with pytest.raises(ValueError, match="7 scores are no whole repeats of 5 folds"):
        corrected_interval(np.ones(7), test_share=0.25, folds=5)


def test_the_interval_of_a_rate_is_that_of_its_log_odds() -> None:
    """Delta method by hand: the standard error of log(p / (1 - p)) is that of p over p (1 - p)."""
    values = np.array([0.97, 0.99, 1.0, 0.98, 1.0])
    found = corrected_rate(values, test_share=0.25, folds=5, step=0.0)
    mean, error = values.mean(), values.std(ddof=1) * math.sqrt(1 / 5 + 0.25)
    half = stats.t.ppf(0.975, 4) * error / (mean * (1 - mean))
    expected = special.expit(special.logit(mean) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert corrected_interval(values, test_share=0.25, folds=5).high > 1.0 > found.high


def test_a_rate_of_one_on_every_fold_has_wilsons_interval() -> None:
    """100 groups without a failure: statsmodels' Wilson interval, however few the folds are."""
    low, high = proportion_confint(100, 100, alpha=0.05, method="wilson")
    two = corrected_rate(np.ones(2), test_share=1.0, folds=2, step=0.01)
    assert (two.low, two.high) == pytest.approx((low, high))
    found = corrected_rate(np.ones(5), test_share=0.25, folds=5, step=0.01)
    assert (found.low, found.high) == pytest.approx((low, high))
    other = corrected_rate(np.zeros(5), test_share=0.25, folds=5, step=0.01)
    assert (other.low, other.high) == pytest.approx((1 - high, 1 - low))
    assert math.isnan(corrected_rate(np.ones(5), test_share=0.25, folds=5, step=0.0).low)


@settings(max_examples=30)
@given(SCORES.map(np.abs), SHARES, st.floats(0.001, 0.5))
def test_the_interval_of_a_rate_holds_its_mean_and_stays_within(
    values: np.ndarray, share: float, step: float
) -> None:
    found = corrected_rate(values, test_share=share, folds=len(values), step=step)
    assert 0.0 <= found.low <= found.mean + 1e-12 and found.mean - 1e-12 <= found.high <= 1.0
    mirrored = corrected_rate(1.0 - values, test_share=share, folds=len(values), step=step)
    assert (mirrored.low, mirrored.high) == pytest.approx((1.0 - found.high, 1.0 - found.low), abs=1e-6)


@pytest.mark.parametrize("values", [[], [0.5, math.nan], [0.5, math.inf]])
def test_what_is_no_score_is_refused(values: list[float]) -> None:
    """Catches a NaN that becomes a NaN interval, or one that is dropped in silence."""
    with pytest.raises(ValueError, match="score"):
        corrected_interval(np.array(values), test_share=0.25, folds=1)
    with pytest.raises(ValueError, match="score"):
        corrected_paired_t_test(np.zeros(len(values)), np.array(values), test_share=0.25, folds=1)


def test_scores_of_unequal_length_can_t_be_paired() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        corrected_paired_t_test(np.zeros(2), np.zeros(3), test_share=0.25, folds=3)


@settings(max_examples=30)
@given(SCORES, SHARES, st.floats(-10, 10), st.floats(0.1, 10))
def test_shift_and_scale_carry_over_to_the_interval(
    values: list[float], share: float, shift: float, scale: float
) -> None:
    assume(np.std(values) > 1e-9)
    plain = corrected_interval(np.array(values), test_share=share, folds=len(values))
    moved = corrected_interval(scale * np.array(values) + shift, test_share=share, folds=len(values))
    for name in ("mean", "low", "high"):
        assert getattr(moved, name) == pytest.approx(scale * getattr(plain, name) + shift, abs=1e-9)
    assert moved.std == pytest.approx(scale * plain.std, abs=1e-9)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(*[st.floats(0, 1).map(lambda v: round(v, 3))] * 2), min_size=2, max_size=10), SHARES
)
def test_swapping_the_sides_changes_the_sign_alone(pairs: Any, share: float) -> None:
    one, other = np.array(pairs).T
    assume(np.std(other - one) > 1e-9)
    there = corrected_paired_t_test(one, other, test_share=share, folds=len(one))
    back = corrected_paired_t_test(other, one, test_share=share, folds=len(one))
    assert back.p_value == pytest.approx(there.p_value)
    assert back.difference.mean == pytest.approx(-there.difference.mean)
    bounds = (-there.difference.high, -there.difference.low)
    assert (back.difference.low, back.difference.high) == pytest.approx(bounds)


@settings(max_examples=30)
@given(SCORES, SHARES, SHARES)
def test_more_overlap_never_makes_the_interval_narrower(
    values: list[float], share: float, other: float
) -> None:
    assume(np.std(values) > 1e-9)
    small, large = sorted((share, other))
    widths = [
        corrected_interval(np.array(values), test_share=each, folds=len(values)).high
        - corrected_interval(np.array(values), test_share=each, folds=len(values)).low
        for each in (small, large)
    ]
    assert widths[0] <= widths[1] + 1e-12


@settings(max_examples=30)
@given(SCORES, SHARES)
def test_p_is_below_5_percent_just_where_the_interval_leaves_zero_out(
    values: list[float], share: float
) -> None:
    """Catches a test and an interval that contradict each other on one page."""
    found = corrected_paired_t_test(
        np.zeros(len(values)), np.array(values), test_share=share, folds=len(values)
    )
    if math.isnan(found.p_value):
        assert found.difference.std < 1e-9
        return
    assert 0.0 <= found.p_value <= 1.0
    if abs(found.p_value - 0.05) > 1e-9 and found.difference.std > 1e-9:
        assert (found.p_value < 0.05) == (not found.difference.low <= 0.0 <= found.difference.high)
