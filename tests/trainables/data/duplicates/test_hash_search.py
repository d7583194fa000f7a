"""The search in hashes against comparing every two, and its bounds where hashes are alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.duplicates.hash_search import MEMBERS, RADIUS, WINDOW, close_pairs

GUARANTEED = 8
quick = settings(max_examples=25)


def turned(value: int, bits: list[int]) -> int:
    for bit in bits:
        value ^= 1 << bit
    return value


@st.composite
def clusters(draw: st.DrawFn) -> np.ndarray:
    """Up to 60 distinct hashes: unrelated ones, and versions of them with up to ten bits turned."""
    seeds = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12))
    bits = st.lists(st.integers(0, 63), max_size=10, unique=True)
    versions = draw(st.lists(st.tuples(st.sampled_from(seeds), bits), max_size=48))
    values = sorted({*seeds, *(turned(seed, changed) for seed, changed in versions)})
    return np.array(draw(st.permutations(values)), dtype=np.uint64)


def by_comparing_every_two(hashes: np.ndarray, others: np.ndarray, radius: int) -> set[tuple[int, int]]:
    return {
        (i, j)
        for i, one in enumerate(hashes.tolist())
        for j, other in enumerate(others.tolist())
        if i != j and (one ^ other).bit_count() <= radius
    }


@quick
@given(hashes=clusters())
def test_within_the_guaranteed_radius_every_pair_is_found_and_beyond_none(hashes: np.ndarray) -> None:
    """Catches a choice of blocks that misses pairs; a window as wide as the data makes the bound exact."""
    pairs, bits = close_pairs(hashes, radius=GUARANTEED, window=len(hashes))
    expected = {pair for pair in by_comparing_every_two(hashes, hashes, GUARANTEED) if pair[0] < pair[1]}
    assert set(map(tuple, pairs.tolist())) == expected and len(pairs) == len(expected)
    assert [(int(hashes[i]) ^ int(hashes[j])).bit_count() for i, j in pairs] == bits.tolist()
    assert bits.tolist() == sorted(bits)


@pytest.mark.slow
@quick
@given(hashes=clusters(), shift=st.integers(0, 59))
def test_pairs_of_two_kinds_of_hash_keep_their_sides(hashes: np.ndarray, shift: int) -> None:
    """Catches a mirrored pair whose ends are swapped, and an image that is paired with itself."""
    others = np.roll(hashes, shift)
    pairs, _ = close_pairs(hashes, others, radius=GUARANTEED, window=2 * len(hashes))
    assert set(map(tuple, pairs.tolist())) == by_comparing_every_two(hashes, others, GUARANTEED)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_few_or_no_hashes(size: int) -> None:
    hashes = np.array([0, 2**64 - 1][:size], dtype=np.uint64)
    pairs, bits = close_pairs(hashes)
    assert pairs.shape == (0, 2) and bits.shape == (0,)
    assert close_pairs(hashes, hashes)[0].shape == (0, 2)


def connected(pairs: np.ndarray, size: int) -> int:
    """The number of components, counted without the code under test."""
    part = list(range(size))
    for one, other in pairs.tolist():
        old, new = part[one], part[other]
        part = [new if value == old else value for value in part]
    return len(set(part))


def test_equal_hashes_are_connected_at_a_linear_number_of_pairs() -> None:
    """Catches 2,000 black pictures that become two million pairs."""
    hashes = np.full(2000, 0x0F0F, dtype=np.uint64)
    pairs, _ = close_pairs(hashes)
    assert len(pairs) <= MEMBERS * len(hashes)
    assert connected(pairs, len(hashes)) == 1


def test_a_crowd_of_hashes_with_one_key_costs_a_window_and_not_a_square() -> None:
    """1,000 hashes that differ in 10 bits at most: all 499,500 pairs are close, and few are needed."""
    hashes = np.arange(1000, dtype=np.uint64)
    pairs, bits = close_pairs(hashes, window=2)
    assert len(pairs) < 50_000 and WINDOW > 2
    assert connected(pairs, len(hashes)) == 1 and bits.max() <= RADIUS
