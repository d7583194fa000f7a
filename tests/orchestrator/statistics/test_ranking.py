"""Every pair and mean ranks, against scipy and published critical values."""

import numpy as np
import pytest
from scipy import stats

from orchestrator.statistics import corrected_paired_t_test, holm
from orchestrator.statistics.ranking import all_pairs, rank


def scores(experiments: int = 7, folds: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.asarray(
        0.8 + 0.02 * np.arange(experiments)[:, None] + 0.02 * rng.normal(size=(experiments, folds))
    )


def test_every_pair_is_the_paired_test_of_the_two() -> None:
    values = scores()
    found = all_pairs(values, test_share=0.25, folds=5)
    assert len(found.mean) == 21
    tests = [
        corrected_paired_t_test(values[one], values[other], test_share=0.25, folds=5)
        for one, other in zip(found.first, found.second, strict=True)
    ]
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
    assert (all_pairs(np.full((6, 5), 0.5), test_share=0.25, folds=5).p_value == 1.0).all()


def test_pairs_have_the_floor_of_every_other_difference() -> None:
    """Catches folds that agree to the last bit, and are told apart with certainty."""
    values = np.array([[0.90] * 5, [0.91] * 5, [0.90, 0.90, 0.90, 0.90, 0.9001]])
    found = all_pairs(values, test_share=0.25, folds=5, floor=0.01)
    assert found.p_value == pytest.approx([2 * stats.t.sf(abs(mean) / 0.01, 4) for mean in found.mean])
