"""Power laws with a floor: planted laws are found again, against scipy's own fit, and draws are of folds."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from orchestrator.statistics import corrected_interval
from orchestrator.statistics.power_law import (
    LEAST_B,
    fit_power_laws,
    fold_draws,
    moved_errors,
    size_weights,
)

SIZES = np.array([700.0, 1750.0, 3500.0])


def planted(a: float, b: float, c: float, sizes: np.ndarray = SIZES) -> np.ndarray:
    """Errors of a law whose error above the floor is `a` at the largest size."""
    return np.asarray(c + a * (sizes / sizes[-1]) ** -b)


@settings(max_examples=60)
@given(
    a=st.floats(0.01, 0.2),
    b=st.floats(0.1, 1.9),
    c=st.floats(0.0, 0.3),
    sizes=st.sampled_from([SIZES, np.array([10.0, 20.0, 35.0, 90.0]), np.geomspace(200.0, 3200.0, 5)]),
)
def test_a_planted_law_is_found_again(a: float, b: float, c: float, sizes: np.ndarray) -> None:
    errors = planted(a, b, c, sizes)
    assume(errors[0] <= 1.0)
    found = fit_power_laws(sizes, errors[None, :], weights=np.ones(len(sizes)))
    twice = c + a * 2.0**-b
    assert found.at(np.array([2 * sizes[-1]]))[0, 0] == pytest.approx(twice, abs=2e-6)
    # b is loose where the law is nearly a straight line, and a and c follow it.
    assert found.b[0] == pytest.approx(b, rel=1e-2)
    assert found.c[0] == pytest.approx(c, abs=2e-3)
    assert found.a[0] * sizes[0] ** -found.b[0] == pytest.approx(
        a * (sizes[-1] / sizes[0]) ** b, rel=0.02, abs=2e-3
    )


def test_it_is_the_weighted_fit_of_scipy() -> None:
    """Catches weights that are not used, or used as their roots."""
    sizes = np.array([500.0, 1000.0, 2000.0, 4000.0, 8000.0])
    errors = planted(0.03, 0.6, 0.02, sizes) * np.array([1.05, 0.9, 1.1, 0.97, 1.02])
    weights = np.array([1.0, 4.0, 0.5, 2.0, 8.0])
    found = fit_power_laws(sizes, errors[None, :], weights=weights)
    theirs, _ = curve_fit(
        lambda x, a, b, c: c + a * (x / 8000.0) ** -b,
        sizes,
        errors,
        p0=(0.03, 0.5, 0.02),
        sigma=weights**-0.5,
        bounds=((0.0, LEAST_B, 0.0), (1.0, 2.0, 1.0)),
        ftol=1e-14,
        xtol=1e-14,
        gtol=1e-14,
    )
    assert [found.above[0], found.b[0], found.c[0]] == pytest.approx(theirs.tolist(), rel=1e-4)


def test_bounds_hold_and_draws_may_pass_them() -> None:
    """Catches a floor below 0, and laws of rising errors that fall all the same."""
    bent, rising = np.array([0.2, 0.12, 0.01]), np.array([0.1, 0.12, 0.15])
    both = fit_power_laws(SIZES, np.stack([bent, rising]), weights=np.ones(3))
    assert both.c[0] == 0.0 and both.above[0] > 0.0
    assert both.above[1] == 0.0 and both.c[1] == pytest.approx(rising.mean())
    free = fit_power_laws(SIZES, np.stack([bent, rising]), weights=np.ones(3), is_bounded=False)
    assert free.c[0] < 0.0 and free.above[1] < 0.0
    assert free.at(2 * SIZES[-1:])[1, 0] > rising[-1]


@pytest.mark.parametrize("sizes", [[1.0, 2.0], [1.0, 1.0, 2.0], [3.0, 2.0, 1.0], [0.0, 1.0, 2.0]])
def test_what_is_no_series_of_sizes_is_refused(sizes: list[float]) -> None:
    with pytest.raises(ValueError, match="three sizes"):
        fit_power_laws(np.array(sizes), np.ones((1, len(sizes))), weights=np.ones(len(sizes)))


@pytest.mark.parametrize(("folds", "repeats"), [(5, 1), (5, 3), (3, 1)])
def test_every_linear_function_of_a_draw_has_the_corrected_interval(folds: int, repeats: int) -> None:
    """Catches draws that are not paired by fold, or vary as a naive bootstrap of folds does."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(1, folds * repeats)) + 0.3 * rng.normal(size=(3, folds * repeats))
    drawn = fold_draws(values, test_share=0.25, folds=folds, draws=40_000)
    for contrast in (np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, -1.0]), np.array([0.5, 0.5, 2.0])):
        interval = corrected_interval(contrast @ values, test_share=0.25, folds=folds)
        low, high = np.quantile(drawn @ contrast, (0.025, 0.975))
        assert [low, high] == pytest.approx(
            [interval.low - interval.mean, interval.high - interval.mean], rel=0.06
        )


def test_other_rows_are_drawn_with_the_same_folds() -> None:
    """Catches two models that are not paired."""
    values = np.random.default_rng(5).normal(size=(2, 5))
    apart = [fold_draws(row[None, :], test_share=0.25, folds=5) for row in values]
    together = fold_draws(values, test_share=0.25, folds=5)
    assert np.hstack(apart) == pytest.approx(together, rel=1e-12)


def test_moved_errors_stay_errors() -> None:
    errors, small = np.array([0.2, 0.01]), np.array([[1e-5, -1e-5]])
    for is_rate in (True, False):
        assert moved_errors(errors, small, is_rate=is_rate) == pytest.approx(errors + small, abs=1e-7)
        wild = moved_errors(np.array([0.2, 0.0]), np.array([[-5.0, -5.0], [5.0, 5.0]]), is_rate=is_rate)
        assert (wild >= 0.0).all() and (not is_rate or (wild <= 1.0).all())


def test_weights_are_those_of_shrunk_variances() -> None:
    values = np.array([[0.0, 2.0], [0.0, 4.0]])
    # Variances 2 and 8, their mean 5: 3.5 and 6.5.
    assert size_weights(values) == pytest.approx([1 / 3.5, 1 / 6.5])
    assert size_weights(np.ones((3, 5))).tolist() == [1.0, 1.0, 1.0]
