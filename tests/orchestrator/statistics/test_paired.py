"""Tests of two experiments against scipy, statsmodels, baycomp, and closed forms."""

import math

import baycomp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from orchestrator.statistics import (
    Interval,
    corrected_interval,
    corrected_paired_t_test,
    correlated_t,
    detectable_difference,
    effect_size,
    holm,
    repeats_needed,
    visible_difference,
    wilcoxon,
)

DIFFERENCES = st.lists(
    st.floats(-0.1, 0.1).map(lambda value: round(value, 4)), min_size=2, max_size=20
).filter(lambda values: np.std(values) > 1e-6)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(values: list[float]) -> None:
    expected = multipletests(values, method="holm")[1]
    assert holm(values) == pytest.approx(expected, abs=1e-12)


def test_holm_counts_a_test_that_could_not_be_made() -> None:
    """Catches a family that is corrected less the more of it is missing."""
    found = holm([0.01, math.nan, 0.02])
    assert math.isnan(found[1])
    assert (found[0], found[2]) == pytest.approx((0.03, 0.04))
    assert holm([]) == []


@settings(max_examples=40)
@given(
    st.lists(st.floats(-0.1, 0.1).map(lambda v: round(v, 2)), min_size=1, max_size=12), st.floats(0.0, 0.05)
)
def test_the_posterior_is_baycomps(start: list[float], rope: float) -> None:
    """baycomp takes rho = 1 / folds, which is n_test / n_train = 1 / (folds - 1)."""
    values = np.array([*start, 0.011, -0.023])
    x, y = np.full(len(values), 0.5) + values, np.full(len(values), 0.5)
    left, within, right = baycomp.two_on_single(y, x, rope=rope) if rope else (0.0, 0.0, 0.0)
    found = correlated_t(x - y, test_share=1 / (len(values) - 1), rope=rope, folds=len(values))
    if rope:
        # baycomp's first probability is that its first argument is better.
        assert (found.below, found.within, found.above) == pytest.approx((left, within, right), abs=1e-9)
    else:
        p_left, p_right = baycomp.two_on_single(y, x, rope=0.0)
        assert (found.below, found.above) == pytest.approx((p_left, p_right), abs=1e-9)


def test_the_posterior_of_repeats_is_students_t_with_the_degrees_of_one_repeat() -> None:
    """baycomp takes n - 1 degrees; here they are k - 1, and the rest is the same."""
    rng = np.random.default_rng(2)
    values = rng.normal(0.01, 0.01, 15)
    found = correlated_t(values, test_share=0.25, rope=0.01, folds=5)
    posterior = stats.t(4, values.mean(), values.std(ddof=1) * math.sqrt(1 / 15 + 0.25))
    expected = (posterior.cdf(-0.01), posterior.cdf(0.01) - posterior.cdf(-0.01), posterior.sf(0.01))
    assert (found.below, found.within, found.above) == pytest.approx(expected)


@settings(max_examples=40)
@given(DIFFERENCES, st.floats(0, 1))
def test_without_a_rope_the_posterior_is_the_one_sided_t_test(values: list[float], share: float) -> None:
    differences = np.array(values)
    test = corrected_paired_t_test(np.zeros(len(values)), differences, test_share=share, folds=len(values))
    found = correlated_t(differences, test_share=share, rope=0.0, folds=len(values))
    assert 2 * min(found.below, found.above) == pytest.approx(test.p_value, abs=1e-9)


def test_without_spread_there_is_no_posterior_but_from_a_floor() -> None:
    """Catches equal fold differences that make a probability of 1."""
    flat = np.full(4, 0.005)
    assert math.isnan(correlated_t(flat, test_share=0.25, rope=0.01, folds=4).within)
    found = correlated_t(flat, test_share=0.25, rope=0.01, folds=4, floor=0.005)
    # One floor below the upper edge, and three above the lower one.
    expected = (stats.t.cdf(-3, 3), stats.t.cdf(1, 3) - stats.t.cdf(-3, 3), stats.t.sf(1, 3))
    assert (found.below, found.within, found.above) == pytest.approx(expected)
    assert math.isnan(correlated_t(np.array([0.1]), test_share=0.25, rope=0.01, folds=1).within)
    with pytest.raises(ValueError, match="region of practical equivalence"):
        correlated_t(np.array([0.1, 0.2]), test_share=0.25, rope=-0.01, folds=2)


@settings(max_examples=40)
@given(st.lists(st.floats(-1, 1).map(lambda v: round(v, 1)), min_size=6, max_size=30))
def test_wilcoxon_is_scipys(values: list[float]) -> None:
    """Few distinct values, so that ties and zeros are common."""
    kept = np.array([value for value in values if value])
    if not len(kept):
        assert wilcoxon(np.array(values)) == 1.0
        return
    method = "exact" if len(np.unique(np.abs(kept))) == len(kept) else "asymptotic"
    assert wilcoxon(np.array(values)) == pytest.approx(stats.wilcoxon(kept, method=method).pvalue, abs=1e-12)


def test_wilcoxon_starts_at_six_pairs() -> None:
    """Catches a test on five folds whose p can never be below 0.0625, whatever was found."""
    assert math.isnan(wilcoxon(np.arange(1.0, 6.0)))
    assert wilcoxon(np.arange(1.0, 7.0)) == pytest.approx(2 / 2**6)


@settings(max_examples=40)
@given(DIFFERENCES, st.floats(0, 1))
def test_a_difference_is_visible_just_where_it_is_significant(values: list[float], share: float) -> None:
    differences = np.array(values)
    test = corrected_paired_t_test(np.zeros(len(values)), differences, test_share=share, folds=len(values))
    bound = visible_difference(test.difference)
    assert bound == pytest.approx((test.difference.high - test.difference.low) / 2, abs=1e-12)
    if abs(test.p_value - 0.05) > 1e-6:
        assert (abs(test.difference.mean) > bound) == (test.p_value < 0.05)


def test_the_detectable_difference_has_the_power_that_it_promises() -> None:
    """20,000 experiments of independent folds with that true difference: 80 % are significant."""
    rng = np.random.default_rng(0)
    spread = Interval(10, 0.0, 1.0, 0.0, 0.0, error=1 / math.sqrt(10), degrees=9)
    true = detectable_difference(spread)
    draws = rng.normal(true, 1.0, (20_000, 10))
    p_values = stats.ttest_1samp(draws, 0.0, axis=1).pvalue
    # The sum of two t quantiles is a common approximation of the noncentral t's.
    assert (p_values < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_effect_size_is_mean_over_deviation() -> None:
    values = np.array([0.01, 0.03, 0.02, 0.04])
    found = effect_size(corrected_interval(values, test_share=0.25, folds=4))
    assert found == pytest.approx(values.mean() / values.std(ddof=1))
    assert effect_size(corrected_interval(np.zeros(3), test_share=0.25, folds=3)) == 0.0
    assert effect_size(corrected_interval(np.full(3, -0.5), test_share=0.25, folds=3)) == -math.inf
    assert math.isnan(effect_size(corrected_interval(np.array([0.5]), test_share=0.25, folds=1)))


@pytest.mark.parametrize("mean", [1.0, 1.38, 1.4, 1.5, 1.86, 1.87, 3.0])
def test_repeats_needed_is_where_the_p_value_crosses(mean: float) -> None:
    """Against a root search for the number of folds at which p is 0.05, with 4 degrees of freedom."""
    share, folds = 0.25, 5
    found = repeats_needed(mean, 1.0, folds=folds, test_share=share)

    def excess(n: float) -> float:
        return float(2 * stats.t.sf(mean / math.sqrt(1 / n + share), folds - 1) - 0.05)

    if mean < 1.388:
        # The limit: 2.776 * sqrt(share) = 1.388 for any number of folds.
        assert found is None and excess(1e9) > 0
    else:
        n = optimize.brentq(excess, 1.01, 1e6) if excess(5) > 0 else 5
        assert found == math.ceil(n / folds)
        assert found is not None and excess(found * folds) < 0


def test_nothing_seen_needs_no_number_of_repeats() -> None:
    assert repeats_needed(0.0, 1.0, folds=5, test_share=0.25) is None
    assert repeats_needed(0.1, math.nan, folds=1, test_share=0.25) is None
    assert repeats_needed(0.1, 0.0, folds=5, test_share=0.25) == 1


def test_repeats_of_a_single_split_are_other_splits() -> None:
    """Nadeau & Bengio's own setting: n splits have n - 1 degrees of freedom."""
    found = repeats_needed(1.2, 1.0, folds=1, test_share=0.25)

    def bound(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1) * math.sqrt(1 / n + 0.25))

    assert found is not None and bound(found) < 1.2 <= bound(found - 1)


def test_repeats_do_not_lift_a_floor() -> None:
    """Catches a promise that repeats of the same images keep: others would change more than was seen."""
    seen = 0.1
    assert repeats_needed(seen, 0.01, folds=5, test_share=0.25, floor=0.03) == 1
    assert repeats_needed(seen, 0.01, folds=5, test_share=0.25, floor=0.04) is None
