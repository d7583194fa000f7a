"""Pairs of 64-bit hashes that differ in few bits, found without comparing every two.

Multi-index hashing (Norouzi, Punjani, Fleet 2012, in the form of covering combinations): the bits are
divided into 11 blocks, and for each choice of 3 blocks (165 of them) the hashes are sorted by the bits of
those blocks. Two hashes that differ in at most 8 bits leave at least 3 blocks untouched, so they are
neighbours in at least one of the orders; at 9 or 10 bits about 98 % of the pairs still are. A key of 3
blocks has 17 or 18 bits: among 100,000 unrelated hashes about one has the same.

Work is bounded where hashes are not spread like that: in an order a hash is compared with the WINDOW hashes
that follow it and have the same key, so that time is O(n log n) whatever the images are. What a window cuts
off in one order is usually found in another. Of rows with equal hashes, each is paired with the next
MEMBERS of them, and the first MEMBERS with other hashes: enough to connect what is connected.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise, product

import numpy as np

NUM_BLOCKS = 11
CHOSEN = 3
RADIUS = 10
WINDOW = 32
MEMBERS = 4
_COMPRESS_AT = 1 << 22


def close_pairs(
    hashes: np.ndarray, others: np.ndarray | None = None, *, radius: int = RADIUS, window: int = WINDOW
) -> tuple[np.ndarray, np.ndarray]:
    """Find pairs of rows whose hashes differ in at most `radius` bits.

    Args:
        hashes: uint64 [N].
        others: uint64 [N], another hash of the same N rows; pairs are then hashes[i] with others[j], i != j.
        radius: largest number of different bits, 0 to 64.
        window: how many hashes with the same key one is compared with, in each order.

    Returns:
        int64 [M, 2] without repetition (i < j when `others` is None), and the bits that differ, int64 [M],
        sorted by bits, then rows.
    """
    one = _distinct(hashes)
    other = one if others is None else _distinct(others)
    values = _close_values(one.values, None if others is None else other.values, limits=(radius, window))
    parts = [_members(one, other, values)]
    if others is None:
        parts.append(_with_equal_hash(one))
    pairs = np.sort(np.concatenate(parts), axis=1) if others is None else np.concatenate(parts)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    second = hashes if others is None else others
    bits = np.bitwise_count(hashes[pairs[:, 0]] ^ second[pairs[:, 1]]).astype(np.int64)
    nearest_first = np.argsort(bits, kind="stable")
    return pairs[nearest_first], bits[nearest_first]


@dataclass(frozen=True, slots=True)
class _Distinct:
    """Distinct hashes, and the rows that have each: order[start : start + count]."""

    values: np.ndarray
    order: np.ndarray
    start: np.ndarray
    count: np.ndarray


def _distinct(hashes: np.ndarray) -> _Distinct:
    order = np.argsort(hashes, kind="stable")
    values, start, count = np.unique(hashes[order], return_index=True, return_counts=True)
    return _Distinct(values, order, start, count)


def _with_equal_hash(hashes: _Distinct) -> np.ndarray:
    """Pair each row with the next MEMBERS rows of the same hash."""
    end_of_row = np.repeat(hashes.start + hashes.count, hashes.count)
    here = np.arange(len(hashes.order))
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for offset in range(1, MEMBERS + 1):
        rows = here[here + offset < end_of_row]
        pairs.append(np.stack([hashes.order[rows], hashes.order[rows + offset]], axis=1))
    return np.concatenate(pairs)


def _members(one: _Distinct, other: _Distinct, values: np.ndarray) -> np.ndarray:
    """Replace pairs of distinct hashes by pairs of the first MEMBERS rows that have them."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    first, second = values[:, 0], values[:, 1]
    for i, j in product(range(MEMBERS), repeat=2):
        have = (one.count[first] > i) & (other.count[second] > j)
        if not have.any():
            continue
        rows = one.order[one.start[first[have]] + i], other.order[other.start[second[have]] + j]
        pairs.append(np.stack(rows, axis=1))
    return np.concatenate(pairs)


def _close_values(hashes: np.ndarray, others: np.ndarray | None, *, limits: tuple[int, int]) -> np.ndarray:
    """Return pairs of positions of distinct hashes (of one and the other array, where there are two)."""
    entries = hashes if others is None else np.concatenate([hashes, others])
    size = len(entries)
    found: list[np.ndarray] = []
    waiting, compress_at = 0, _COMPRESS_AT
    parts = _blocks(entries)
    for blocks in combinations(range(NUM_BLOCKS), CHOSEN):
        moved, num_key_bits = _blocks_first(parts, blocks)
        order = np.argsort(moved, kind="stable")
        keys = moved[order] >> np.uint64(64 - num_key_bits)
        codes = _compare(
            entries, order, keys, num_first=None if others is None else len(hashes), limits=limits
        )
        found += codes
        waiting += sum(map(len, codes))
        if waiting > compress_at:
            found = [np.unique(np.concatenate(found))]
            # Twice what is known at least, or large clusters would be sorted anew for each choice of blocks.
            waiting, compress_at = 0, max(_COMPRESS_AT, len(found[0]))
    pairs = np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
    first, second = np.divmod(pairs, max(1, size))
    return np.stack([first, second if others is None else second - len(hashes)], axis=1)


def _blocks(hashes: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Cut hashes into NUM_BLOCKS parts: how many bits each has, and its values, uint64 [N]."""
    edges = [round(64 * number / NUM_BLOCKS) for number in range(NUM_BLOCKS + 1)]
    return [
        (end - start, (hashes >> np.uint64(start)) & np.uint64((1 << (end - start)) - 1))
        for start, end in pairwise(edges)
    ]


def _blocks_first(parts: list[tuple[int, np.ndarray]], blocks: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """Put hashes together with the bits of `blocks` in front; return them and how many bits those are.

    Sorted by such a value, hashes with the same key are in the order of their other bits, so that the most
    alike are near each other even where a window can't hold all.
    """
    rest = [block for block in range(NUM_BLOCKS) if block not in blocks]
    values = np.zeros_like(parts[0][1])
    for block in (*blocks, *rest):
        width, part = parts[block]
        values <<= np.uint64(width)
        values |= part
    return values, sum(parts[block][0] for block in blocks)


def _compare(
    entries: np.ndarray,
    order: np.ndarray,
    keys: np.ndarray,
    *,
    num_first: int | None,
    limits: tuple[int, int],
) -> list[np.ndarray]:
    """Return the codes i * size + j of close pairs among neighbours of one order.

    With `num_first`, only pairs of one of the first `num_first` entries with a later one.
    """
    radius, window = limits
    found = []
    here = np.arange(len(order) - 1)
    for offset in range(1, window + 1):
        # Sorted keys: what differs at this distance differs at every greater one.
        here = here[here < len(order) - offset]
        here = here[keys[here] == keys[here + offset]]
        if not len(here):
            break
        first, second = order[here], order[here + offset]
        first, second = np.minimum(first, second), np.maximum(first, second)
        close = np.bitwise_count(entries[first] ^ entries[second]) <= radius
        if num_first is not None:
            close &= (first < num_first) & (second >= num_first)
        if close.any():
            found.append(first[close] * len(entries) + second[close])
    return found
