"""Choices among equals, some studies of the simulation: the rule holds, and what it replaced did not."""

import pytest

from benchmarks.validity.selection import clear, noisy_wins

STUDIES = range(60)


@pytest.mark.slow
def test_one_of_two_equals_is_seldom_announced_as_clear() -> None:
    """Catches means that differ by more than rope and are taken for a finding: 8 of 10 of equals do."""
    before, now = zip(*(clear(2, seed) for seed in STUDIES), strict=True)
    assert sum(before) > 40 and sum(now) <= 6
    # And it still tells what is far better.
    assert sum(clear(2, seed, signal=4.0)[1] for seed in STUDIES) > 30


def test_many_noisy_epochs_are_not_chosen_for_their_maximum() -> None:
    """Two standard errors around one half are 22 to 38 of 60."""
    before, now = zip(*(noisy_wins(80, seed) for seed in STUDIES), strict=True)
    assert sum(before) >= 40 and 20 <= sum(now) <= 40
