"""The posterior of a mean difference: against numbers integrated by hand, and at its edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from orchestrator.equivalence import chances

DIFFERENCES = np.array([0.011, 0.032, -0.004, 0.021, 0.019])


def test_it_is_the_integral_of_the_posterior_of_the_paper() -> None:
    """Catches rho that is taken for rho / (1 - rho)."""
    n_test, n_train, rope = 40, 160, 0.01
    rho = n_test / (n_test + n_train)
    scale = math.sqrt((1 / 5 + rho / (1 - rho)) * DIFFERENCES.var(ddof=1))

    def density(value: float) -> float:
        return float(stats.t.pdf((value - DIFFERENCES.mean()) / scale, 4) / scale)

    found = chances(DIFFERENCES, test_share=n_test / n_train, rope=rope)
    assert found.below == pytest.approx(integrate.quad(density, -np.inf, -rope)[0], abs=1e-9)
    assert found.within == pytest.approx(integrate.quad(density, -rope, rope)[0], abs=1e-9)
    assert found.above == pytest.approx(integrate.quad(density, rope, np.inf)[0], abs=1e-9)


@given(
    st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=30),
    st.floats(0.01, 1.0),
    st.floats(0.0, 0.2),
)
def test_it_is_a_distribution_and_turning_the_sides_round_turns_it_round(
    differences: list[float], share: float, rope: float
) -> None:
    found = chances(np.array(differences), test_share=share, rope=rope)
    assert found.below + found.within + found.above == pytest.approx(1.0)
    turned = chances(-np.array(differences), test_share=share, rope=rope)
    assert (turned.below, turned.above) == pytest.approx((found.above, found.below))


@pytest.mark.parametrize(("value", "expected"), [(0.0, (0, 1, 0)), (0.02, (0, 0, 1)), (-0.02, (1, 0, 0))])
def test_folds_that_all_say_the_same_are_certain(value: float, expected: tuple[int, int, int]) -> None:
    found = chances(np.full(5, value), test_share=0.25, rope=0.01)
    assert (found.below, found.within, found.above) == expected


def test_one_fold_has_no_probability() -> None:
    found = chances(np.array([0.1]), test_share=0.25, rope=0.01)
    assert math.isnan(found.below) and math.isnan(found.within) and math.isnan(found.above)
