"""Numbers as people read them: none is written as what it is not."""

import pytest

from orchestrator.wording.numbers import number, p_value, signed


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.05, "0.050"), (0.04996, "0.04996"), (0.0499999, "0.04999"), (0.0494, "0.049"), (0.0002, "< 0.001")],
)
def test_a_p_value_below_the_limit_is_never_written_as_the_limit(value: float, said: str) -> None:
    assert p_value(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "+0.000"), (-2e-7, "-2.0e-07"), (0.0005, "+0.001"), (0.1, "+0.100")]
)
def test_a_difference_that_is_there_is_never_written_as_none(value: float, said: str) -> None:
    assert signed(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(1.4e-18, "0.000"), (-1e-13, "0.000"), (9.8e-5, "9.8e−05"), (-0.0, "0.000")]
)
def test_a_rounding_error_is_nothing_and_a_tiny_number_is_not(value: float, said: str) -> None:
    assert number(value) == said
