"""Every pair and mean ranks, against scipy and published critical values."""

import numpy as np
import pytest
from scipy import stats

from orchestrator.statistics import corrected_paired_t_test, holm
from orchestrator.statistics.ranking import Pairs, all_pairs, rank, rank_bounds


def scores(experiments: int = 7, folds: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.asarray(
        0.8 + 0.02 * np.arange(experiments)[:, None] + 0.02 * rng.normal(size=(experiments, folds))
    )


def pairs_of(values: np.ndarray, floor: float | np.ndarray = 0.0) -> Pairs:
    return all_pairs(values, test_share=np.full(len(values), 0.25), folds=5, floor=floor)


def test_every_pair_is_the_paired_test_of_the_two() -> None:
    """Catches one share, or one floor, for pairs that have others."""
    values, shares = scores(), np.linspace(0.1, 0.4, 7)
    floor = np.arange(49.0).reshape(7, 7) / 1000.0
    found = all_pairs(values, test_share=shares, folds=5, floor=floor)
    assert len(found.mean) == 21
    tests = [
        corrected_paired_t_test(
            values[one], values[other], test_share=(shares[one] + shares[other]) / 2, folds=5,
            floor=floor[one, other],
        )
        for one, other in zip(found.first, found.second, strict=True)
    ]  # fmt: skip
    assert found.low == pytest.approx([test.difference.low for test in tests], abs=1e-12)
    assert found.high == pytest.approx([test.difference.high for test in tests], abs=1e-12)
    assert found.p_value == pytest.approx([test.p_value for test in tests], abs=1e-12)
    assert found.mean == pytest.approx([test.difference.mean for test in tests], abs=1e-12)
    assert found.std == pytest.approx([test.difference.std for test in tests], abs=1e-12)
    assert found.p_holm == pytest.approx(holm([test.p_value for test in tests]))


def test_ranks_and_friedman_are_scipys() -> None:
    values = scores()
    found = rank(values, lower_is_better=False)
    expected = np.mean([stats.rankdata(-fold) for fold in values.T], axis=0)
    assert found.mean_rank == pytest.approx(expected)
    assert found.friedman_p == pytest.approx(stats.friedmanchisquare(*values).pvalue)
    assert rank(-values, lower_is_better=True).mean_rank == pytest.approx(expected)


def test_friedman_by_hand() -> None:
    """Four folds agree on three experiments: chi-squared is 8 with 2 degrees of freedom."""
    agreed = np.arange(3)[:, None] + np.zeros((3, 4))
    assert rank(agreed, lower_is_better=False).friedman_p == pytest.approx(np.exp(-4.0))


@pytest.mark.parametrize("experiments", [3, 6, 50, 200])
def test_the_critical_difference_is_scipys_studentized_range(experiments: int) -> None:
    found = rank(scores(experiments), lower_is_better=False)
    quantile = stats.studentized_range.ppf(0.95, experiments, np.inf) / np.sqrt(2.0)
    expected = quantile * np.sqrt(experiments * (experiments + 1) / (6 * 5))
    assert found.critical_difference == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("experiments", "q"), [(6, 2.850), (7, 2.949), (8, 3.031), (10, 3.164)])
def test_the_critical_difference_is_demsars(experiments: int, q: float) -> None:
    """Table 5 (a) of Demsar (2006), alpha = 0.05."""
    found = rank(scores(experiments), lower_is_better=False)
    expected = q * np.sqrt(experiments * (experiments + 1) / (6 * 5))
    assert found.critical_difference == pytest.approx(expected, rel=3e-4)


def test_a_letter_is_shared_just_by_those_within_the_critical_difference() -> None:
    found = rank(scores(12, 30), lower_is_better=False)
    letters = [set(each.split()) for each in found.letters]
    for one in range(12):
        for other in range(12):
            gap = abs(found.mean_rank[one] - found.mean_rank[other])
            assert bool(letters[one] & letters[other]) == (gap <= found.critical_difference)
    assert any(len(each) > 1 for each in letters)


def test_equal_experiments_share_one_letter_and_have_no_evidence() -> None:
    found = rank(np.full((6, 5), 0.5), lower_is_better=False)
    assert found.friedman_p == 1.0 and set(found.letters) == {"a"}
    assert (pairs_of(np.full((6, 5), 0.5)).p_value == 1.0).all()


def test_pairs_have_the_floor_of_every_other_difference() -> None:
    """Catches folds that agree to the last bit, and are told apart with certainty."""
    values = np.array([[0.90] * 5, [0.91] * 5, [0.90, 0.90, 0.90, 0.90, 0.9001]])
    found = pairs_of(values, 0.01)
    assert found.p_value == pytest.approx([2 * stats.t.sf(abs(mean) / 0.01, 4) for mean in found.mean])


def test_bounds_of_ranks_by_hand() -> None:
    """Of four, a is surely better than c and d, b than d: c may still be the second, and b the first."""
    is_better = np.zeros((4, 4), dtype=bool)
    is_better[0, [2, 3]] = is_better[1, 3] = True
    low, high = rank_bounds(is_better)
    assert low.tolist() == [1, 1, 2, 3] and high.tolist() == [2, 3, 4, 4]


def test_nobody_told_apart_may_have_any_rank_and_all_told_apart_have_one() -> None:
    nobody = rank_bounds(np.zeros((3, 3), dtype=bool))
    assert [bounds.tolist() for bounds in nobody] == [[1, 1, 1], [3, 3, 3]]
    everybody = rank_bounds(np.triu(np.ones((3, 3), dtype=bool), k=1))
    assert [bounds.tolist() for bounds in everybody] == [[1, 2, 3], [1, 2, 3]]


def test_all_intervals_of_ranks_hold_the_true_ranks_at_once() -> None:
    """Catches tests that are not corrected over all pairs: of 300 studies 95 % hold every true rank.

    Folds are independent here, as the share of 0 says. Three of six experiments are equal: each of them may
    have rank 2, 3 or 4. Without Holm's correction 75 % of the studies would hold all.
    """
    rng, truth, held, plain = np.random.default_rng(5), np.array([3.0, 1.0, 1.0, 1.0, 0.5, 0.0]), 0, 0
    least, most = np.array([1, 2, 2, 2, 5, 6]), np.array([1, 4, 4, 4, 5, 6])
    for _ in range(300):
        values = truth[:, None] + rng.normal(size=(6, 10))
        found = all_pairs(values, test_share=np.zeros(6), folds=10)
        for name, p in (("holm", found.p_holm), ("plain", found.p_value)):
            is_better = np.zeros((6, 6), dtype=bool)
            is_better[found.first, found.second] = (p < 0.05) & (found.mean < 0)
            is_better[found.second, found.first] = (p < 0.05) & (found.mean > 0)
            low, high = rank_bounds(is_better)
            holds = bool(np.all(low <= least) and np.all(high >= most))
            held, plain = held + (holds and name == "holm"), plain + (holds and name == "plain")
    assert held >= 0.93 * 300 > plain
