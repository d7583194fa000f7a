"""Levels of looks and who is beaten: against hand-computed cases, scipy, and analysis of variance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestrator.statistics.sequential import beaten_rows, look_levels, pooled_spread, spent_alpha

# Far from each other, and never the same difference twice.
SCORES = np.array([[0.90, 0.93, 0.91], [0.88, 0.92, 0.90], [0.60, 0.66, 0.62]])


def beaten(scores: np.ndarray = SCORES, **given: object) -> dict[int, float]:
    usual: dict[str, object] = {"num_folds": 5, "level": 0.01, "test_share": 0.1, "folds": 3, "rope": 0.01}
    found = beaten_rows(scores, **{**usual, **given})  # type: ignore[arg-type]
    return {each.row: each.p_value for each in found}


def test_the_spending_function_is_that_of_lan_and_demets() -> None:
    """By hand: 0.05 ln(1 + (e - 1) / 5) = 0.0148, and 0.0310 at a half of the information."""
    assert spent_alpha(0.0, alpha=0.05) == 0.0
    assert spent_alpha(0.2, alpha=0.05) == pytest.approx(0.0148, abs=1e-4)
    assert spent_alpha(0.5, alpha=0.05) == pytest.approx(0.0310, abs=1e-4)
    assert spent_alpha(1.0, alpha=0.05) == pytest.approx(0.05)


@given(st.integers(3, 50), st.floats(0.0, 1.0))
def test_levels_add_up_before_the_last_fold(num_folds: int, test_share: float) -> None:
    levels = look_levels(num_folds, alpha=0.02, test_share=test_share)
    assert list(levels) == list(range(2, num_folds))
    assert sum(levels.values()) == pytest.approx(0.02)
    assert all(level > 0.0 for level in levels.values())


def test_what_folds_share_is_information_that_they_do_not_add() -> None:
    """By hand: 1 / (1/n + 0.1) for n of 2, 3, 4 is 1.6667, 2.3077 and 2.8571."""
    levels = look_levels(5, alpha=0.02, test_share=0.1)
    shares = np.array([1 / 0.6, 1 / (1 / 3 + 0.1), 1 / 0.35]) * 0.35
    spent = 0.02 * np.log(1 + (math.e - 1) * shares)
    assert list(levels.values()) == pytest.approx([spent[0], spent[1] - spent[0], spent[2] - spent[1]])


def test_the_spread_is_the_residual_of_two_ways() -> None:
    """Against least squares: the residual mean square of a two-way layout."""
    rows, columns = SCORES.shape
    design = np.zeros((SCORES.size, rows + columns))
    for number in range(SCORES.size):
        design[number, number // columns] = design[number, rows + number % columns] = 1.0
    effects, _, rank, _ = np.linalg.lstsq(design, SCORES.ravel(), rcond=None)
    rest = SCORES.ravel() - design @ effects
    assert rank == rows + columns - 1
    assert pooled_spread(SCORES) ** 2 == pytest.approx(rest @ rest / ((rows - 1) * (columns - 1)))
    assert math.isnan(pooled_spread(SCORES[:, :1]))


def test_the_p_value_is_that_of_students_t_with_the_larger_spread() -> None:
    differences = SCORES[0] - SCORES[2]
    spread = max(differences.std(ddof=1), math.sqrt(2) * pooled_spread(SCORES))
    error = spread * math.sqrt(1 / 3 + 0.1)
    assert beaten() == {2: pytest.approx(stats.t(4).sf((differences.mean() - 0.01) / error))}


def test_twins_count_once() -> None:
    """Catches degrees of freedom that grow with every copy of an experiment."""
    once = beaten()
    assert beaten(np.concatenate([SCORES, SCORES[1:]])) == {2: once[2], 4: once[2]}
    assert beaten(SCORES[[0, 0]]) == {}


def test_a_floor_of_the_error_counts_where_it_is_larger() -> None:
    gap = (SCORES[0] - SCORES[2]).mean() - 0.01
    found = beaten(level=0.5, floors=np.full((3, 3), 0.2))
    assert found[2] == pytest.approx(stats.t(4).sf(gap / 0.2))
    assert beaten(floors=np.full((3, 3), 0.2)) == beaten(floors=np.full((3, 3), math.nan)) == {}
    assert beaten(floors=np.zeros((3, 3))) == beaten()


def test_what_is_worse_by_rope_or_less_stays() -> None:
    """Catches a test against no difference at all: a tie goes to the cheaper, which may be the worse."""
    rng = np.random.default_rng(0)
    near = np.stack([np.full(9, 0.9), np.full(9, 0.891)]) + rng.normal(size=(2, 9)) * 1e-4
    asked = {"num_folds": 10, "folds": 9}
    assert set(beaten(near, rope=0.001, **asked)) == {1}
    assert beaten(near, rope=0.01, **asked) == {}


def test_equal_differences_are_no_certainty() -> None:
    flat = np.array([[0.9, 0.91], [0.5, 0.51]])
    assert beaten(flat, folds=2) == {}
    assert set(beaten(flat, folds=2, floors=np.full((2, 2), 0.001))) == {1}


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_as_many_as_are_to_be_left_never_leave(seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((5, 3))
    found = beaten(scores, level=0.4, top=top)
    best = np.argsort(-scores.mean(axis=1), kind="stable")[:top]
    assert not set(found) & set(best.tolist())


def test_each_of_the_top_has_to_be_better() -> None:
    scores = np.array([[0.90, 0.91, 0.90], [0.61, 0.66, 0.60], [0.60, 0.64, 0.63]])
    assert set(beaten(scores)) == {1, 2}
    assert beaten(scores, top=2) == {}


@given(st.integers(0, 2**32 - 1))
def test_the_bound_is_sound(seed: int) -> None:
    """Whatever the other folds are, who leaves by the bound ends more than rope below the leader."""
    rng = np.random.default_rng(seed)
    scores = rng.random((4, 5)) * np.array([1.0, 1.0, 0.1, 0.02])[:, None]
    found = beaten_rows(
        scores[:, :4], num_folds=5, level=0.0, test_share=0.1, folds=4, rope=0.01, limits=(0.0, 1.0)
    )
    for each in found:
        final = scores[:, :4].sum(axis=1)
        assert each.by_bound and (final[each.row] + 1.0) / 5 < final[each.leader] / 5 - 0.01


def test_the_bound_needs_limits_on_both_sides() -> None:
    scores = np.array([[0.99, 0.98, 0.99, 0.98], [0.50, 0.52, 0.51, 0.50]])
    asked = {"level": 0.0, "folds": 4}
    (found,) = beaten_rows(scores, num_folds=5, test_share=0.1, rope=0.01, level=0.0, folds=4)
    # By hand: 0.50 + 0.52 + 0.51 + 0.50 + 1 = 3.03 is below 3.94.
    assert (found.row, found.leader, found.by_bound) == (1, 0, True)
    assert beaten(scores, limits=(-math.inf, 1.0), **asked) == {}
    assert beaten(scores, num_folds=10, **asked) == {}


def test_a_score_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        beaten(np.array([[0.5, math.nan], [0.5, 0.6]]))
