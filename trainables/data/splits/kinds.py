"""Kinds of group: what a group holds, as its number of images of each stratum (class and source).

Groups of one kind are interchangeable, so dealing each kind evenly is stratified exactly and costs
O(n log n), where a greedy search over groups (scikit-learn's StratifiedGroupKFold) is slow at 100,000 groups.
"""

from collections import Counter, defaultdict

import numpy as np
import pandas as pd

Kind = tuple[tuple[str, int], ...]


def groups_by_kind(rows: pd.DataFrame) -> dict[Kind, list[str]]:
    """Return groups by what they hold, in an order that depends on names and contents alone.

    `rows` has the columns group, label and source.
    """
    strata = rows["label"].astype(str) + "\x1f" + rows["source"]
    counts = Counter(zip(rows["group"], strata, strict=True))
    content: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for (group, stratum), count in sorted(counts.items()):
        content[group].append((stratum, count))
    kinds: dict[Kind, list[str]] = defaultdict(list)
    for group in sorted(content):
        kinds[tuple(content[group])].append(group)
    # Large groups first: what is dealt last evens out what came before.
    return dict(sorted(kinds.items(), key=lambda item: (-sum(count for _, count in item[0]), item[0])))


def order_by_kind(rows: pd.DataFrame, *, seed: int) -> list[str]:
    """Order the groups so that every prefix holds about the same share of each kind (systematic sampling)."""
    rng = np.random.default_rng(seed)
    placed: list[tuple[float, str]] = []
    for groups in groups_by_kind(rows).values():
        start = rng.random()
        for position, index in enumerate(rng.permutation(len(groups))):
            placed.append(((position + start) / len(groups), groups[index]))
    return [group for _, group in sorted(placed)]
