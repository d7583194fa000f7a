"""Derived seeds: stable for ever, and apart for whatever differs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.seeds import derived_seed

words = st.lists(st.one_of(st.integers(0, 10**6), st.text("abc -1", max_size=6)), min_size=1, max_size=4)


def test_the_values_never_change() -> None:
    """SHA-256 of "int:42 0x1f int:0 0x1f int:1 0x1f str:trial", first 63 bits; computed with sha256sum."""
    assert derived_seed(42, 0, 1, "trial") == 933770044204199742
    assert derived_seed("weights") == 2473098973414670328


@settings(max_examples=100)
@given(first=words, second=words)
def test_other_words_other_seed_and_every_generator_takes_it(first: list[str], second: list[str]) -> None:
    one, other = derived_seed(*first), derived_seed(*second)
    assert (one == other) == ([(type(w), w) for w in first] == [(type(w), w) for w in second])
    assert 0 <= one < 2**63
    np.random.default_rng(one)


def test_seeds_folds_and_repeats_do_not_overlap() -> None:
    """Arithmetic would give seed 42 of fold 1 the numbers of seed 43 of fold 0."""
    found = {
        derived_seed(seed, repeat, fold, "x")
        for seed in range(20)
        for repeat in range(5)
        for fold in range(10)
    }
    assert len(found) == 1000


def test_a_number_and_its_text_and_other_cuts_between_words_differ() -> None:
    assert (
        len(
            {
                derived_seed(1, 2),
                derived_seed("1", 2),
                derived_seed(12),
                derived_seed("12"),
                derived_seed(2, 1),
            }
        )
        == 5
    )
