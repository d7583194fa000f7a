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


@settings(deadline=None, max_examples=40)
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


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(-0.1, 0.1).map(lambda v: round(v, 2)), min_size=1, max_size=12), st.floats(0.0, 0.05)
)
def test_the_posterior_is_baycomps(start: list[float], rope: float) -> None:
    """baycomp takes rho = 1 / folds, which is n_test / n_train = 1 / (folds - 1)."""
    values = np.array([*start, 0.011, -0.023])
    x, y = np.full(len(values), 0.5) + values, np.full(len(values), 0.5)
    left, within, right = baycomp.two_on_single(y, x, rope=rope) if rope else (0.0, 0.0, 0.0)
    found = correlated_t(x - y, test_share=1 / (len(values) - 1), rope=rope)
    if rope:
        # baycomp's first probability is that its first argument is better.
        assert (found.below, found.within, found.above) == pytest.approx((left, within, right), abs=1e-9)
    else:
        p_left, p_right = baycomp.two_on_single(y, x, rope=0.0)
        assert (found.below, found.above) == pytest.approx((p_left, p_right), abs=1e-9)


@pytest.mark.parametrize("runs", [2, 10])
def test_the_posterior_is_baycomps_for_repeats_too(runs: int) -> None:
    rng = np.random.default_rng(runs)
    y = rng.normal(0.8, 0.02, 5 * runs)
    x = y + rng.normal(0.01, 0.01, 5 * runs)
    left, within, right = baycomp.two_on_single(y, x, rope=0.01, runs=runs)
    found = correlated_t(x - y, test_share=0.25, rope=0.01)
    assert (found.below, found.within, found.above) == pytest.approx((left, within, right), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(DIFFERENCES, st.floats(0, 1))
def test_without_a_rope_the_posterior_is_the_one_sided_t_test(values: list[float], share: float) -> None:
    differences = np.array(values)
    test = corrected_paired_t_test(np.zeros(len(values)), differences, test_share=share)
    found = correlated_t(differences, test_share=share, rope=0.0)
    assert 2 * min(found.below, found.above) == pytest.approx(test.p_value, abs=1e-9)


def test_a_flat_or_single_difference_has_a_stated_posterior() -> None:
    for difference, expected in ((0.0, (0, 1, 0)), (0.02, (0, 0, 1)), (-0.02, (1, 0, 0)), (0.01, (0, 1, 0))):
        found = correlated_t(np.full(4, difference), test_share=0.25, rope=0.01)
        assert (found.below, found.within, found.above) == expected
    assert math.isnan(correlated_t(np.array([0.1]), test_share=0.25, rope=0.01).within)
    with pytest.raises(ValueError, match="region of practical equivalence"):
        correlated_t(np.array([0.1, 0.2]), test_share=0.25, rope=-0.01)


@settings(deadline=None, max_examples=40)
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


@settings(deadline=None, max_examples=40)
@given(DIFFERENCES, st.floats(0, 1))
def test_a_difference_is_visible_just_where_it_is_significant(values: list[float], share: float) -> None:
    differences = np.array(values)
    test = corrected_paired_t_test(np.zeros(len(values)), differences, test_share=share)
    bound = visible_difference(test.difference, test_share=share)
    assert bound == pytest.approx((test.difference.high - test.difference.low) / 2, abs=1e-12)
    if abs(test.p_value - 0.05) > 1e-6:
        assert (abs(test.difference.mean) > bound) == (test.p_value < 0.05)


def test_the_detectable_difference_has_the_power_that_it_promises() -> None:
    """20,000 experiments of independent folds with that true difference: 80 % are significant."""
    rng = np.random.default_rng(0)
    spread = Interval(10, 0.0, 1.0, 0.0, 0.0)
    true = detectable_difference(spread, test_share=0.0)
    draws = rng.normal(true, 1.0, (20_000, 10))
    p_values = stats.ttest_1samp(draws, 0.0, axis=1).pvalue
    # The sum of two t quantiles is a common approximation of the noncentral t's.
    assert (p_values < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_effect_size_is_mean_over_deviation() -> None:
    values = np.array([0.01, 0.03, 0.02, 0.04])
    found = effect_size(corrected_interval(values, test_share=0.25))
    assert found == pytest.approx(values.mean() / values.std(ddof=1))
    assert effect_size(corrected_interval(np.zeros(3), test_share=0.25)) == 0.0
    assert effect_size(corrected_interval(np.full(3, -0.5), test_share=0.25)) == -math.inf
    assert math.isnan(effect_size(corrected_interval(np.array([0.5]), test_share=0.25)))


@pytest.mark.parametrize("mean", [0.5, 0.9, 1.2, 1.5, 3.0])
def test_repeats_needed_is_where_the_p_value_crosses(mean: float) -> None:
    """Against a root search for the number of folds at which p is 0.05."""
    share, folds = 0.25, 5
    found = repeats_needed(Interval(5, mean, 1.0, 0, 0), folds=folds, test_share=share)

    def excess(n: float) -> float:
        return float(2 * stats.t.sf(mean / math.sqrt(1 / n + share), n - 1) - 0.05)

    if mean < 1.0:
        # The limit: 1.96 * sqrt(share) = 0.98 for any number of folds.
        assert found is None and excess(1e9) > 0
    else:
        n = optimize.brentq(excess, 1.01, 1e6) if excess(5) > 0 else 5
        assert found == math.ceil(n / folds)
        assert found is not None and excess(found * folds) < 0


def test_nothing_seen_needs_no_number_of_repeats() -> None:
    assert repeats_needed(Interval(5, 0.0, 1.0, 0, 0), folds=5, test_share=0.25) is None
    assert repeats_needed(Interval(1, 0.1, math.nan, 0, 0), folds=1, test_share=0.25) is None
    assert repeats_needed(Interval(5, 0.1, 0.0, 0, 0), folds=5, test_share=0.25) == 1
