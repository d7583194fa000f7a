"""Shares of the groups, in images: a tenth of the images is a tenth of each class and each source.

Groups of unequal size can't be dealt by their kind alone, because each is a kind of its own. They are halved:
large groups first, each goes to the half that lacks more of what it holds, and each half is halved again. A
share is what lies before a point in the leaves of that tree, so that a smaller share is part of a larger one.
Only the halves along the way to that point are computed, which costs O(n) for n groups.

An order by kind comes first, and is kept where it is even, as it is for groups that are alike. Else several
seeds of the halving are tried, of which the first even one is kept, or the one with the least chi-square of
images by class and source.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from trainables.data.splits.kinds import order_by_kind
from trainables.seeds import derived_seed

TRIES = 32
# What whole groups of single images are off by at the most, and what is no difference for larger parts.
EVEN_IMAGES, EVEN_SHARE = 3, 0.02
# A subsample has one order for every ratio, whose evenness is judged at these.
_JUDGED_AT = (0.05, 0.1, 0.2, 0.5)

_T = TypeVar("_T")
# A share (0 to 1) -> whether each group, in the order of their names, is in it.
_Cut = Callable[[float], np.ndarray]


def even_share(rows: pd.DataFrame, ratio: float, *, seed: int) -> np.ndarray:
    """Choose `ratio` of the images by group, stratified by class and source.

    Both sides hold every class that has two groups or more, where that is possible; the only group of a class
    is not chosen.

    Args:
        rows: columns group, label, source; one row per image.
        ratio: the share, 0 to 1.
        seed: decides the outcome, with the data.

    Returns:
        Boolean mask over `rows`.
    """
    if rows.empty:
        return np.zeros(0, dtype=bool)
    table = _Table.of(rows)
    cuts = itertools.chain([_by_kind(table, rows, seed)], _halvings(table, seed))
    choices = (table.with_every_class(cut(ratio)) for cut in cuts)
    best = _most_even(
        (choice, table.is_even(choice, ratio), table.chi_square(choice, ratio)) for choice in choices
    )
    mask: np.ndarray = best[table.group_of_row]
    return mask


def nested_share(rows: pd.DataFrame, folds: np.ndarray, ratio: float, *, seed: int) -> np.ndarray:
    """Choose `ratio` of the images by group, stratified by class, source and fold; see `even_share`.

    A fifth of the data is a fifth of every fold, and a smaller share is part of a larger one.
    """
    if rows.empty:
        return np.zeros(0, dtype=bool)
    fold = pd.Series(folds, index=rows.index).astype(str)
    with_fold = rows.assign(source=rows["source"] + "\x1f" + fold)
    whole = _Table.of(with_fold)
    by_kind = _by_kind(whole, with_fold, seed)
    if all(whole.is_even(by_kind(judged), judged) for judged in _JUDGED_AT):
        kept: np.ndarray = by_kind(ratio)[whole.group_of_row]
        return kept
    # Each fold has a tree of its own; which of the tries, depends on what the folds before it have chosen.
    together = _Table.of(rows)
    seen = np.zeros(len(together.sizes), dtype=bool)
    chosen = {judged: seen.copy() for judged in (*_JUDGED_AT, ratio)}
    for number in np.unique(folds):
        part = _Table.of(rows[folds == number])
        groups = np.searchsorted(together.names, part.names)
        seen[groups] = True

        def choice(cut: _Cut, part: _Table = part, groups: np.ndarray = groups) -> tuple[_Cut, bool, float]:
            even, score = True, 0.0
            for judged in _JUDGED_AT:
                of_part, so_far = cut(judged), chosen[judged].copy()
                so_far[groups] = of_part
                even &= part.is_even(of_part, judged)
                score += part.chi_square(of_part, judged) + together.chi_square(so_far, judged, seen)
            return cut, even, score

        best = _most_even(map(choice, _halvings(part, derived_seed(seed, int(number)))))
        for judged, so_far in chosen.items():
            so_far[groups] = best(judged)
    mask: np.ndarray = chosen[ratio][together.group_of_row]
    return mask


@dataclass(frozen=True, slots=True)
class _Table:
    """Images of each group and stratum: group `group[i]` holds `count[i]` images of stratum `stratum[i]`.

    Groups are numbered in the order of `names`. `totals` are the images of each stratum, `sizes` those of
    each group, and `labels[c]` says of each group whether it has class c.
    """

    names: Sequence[str]
    group_of_row: np.ndarray
    group: np.ndarray
    stratum: np.ndarray
    count: np.ndarray
    totals: np.ndarray
    sizes: np.ndarray
    labels: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "_Table":
        """Count the images of each group: all, those of each class, and those of each source of a class."""
        group_of_row, names = pd.factorize(rows["group"], sort=True)
        label = np.unique(rows["label"].to_numpy(), return_inverse=True)[1]
        source, sources = pd.factorize(rows["source"], sort=True)
        aspects = (np.zeros_like(label), label, label * len(sources) + source)
        groups, strata, counts, num_strata = list[np.ndarray](), list[np.ndarray](), list[np.ndarray](), 0
        for aspect in aspects:
            num_values = int(aspect.max()) + 1
            pairs, count = np.unique(group_of_row * num_values + aspect, return_counts=True)
            groups.append(pairs // num_values)
            strata.append(pairs % num_values + num_strata)
            counts.append(count)
            num_strata += num_values
        group, stratum, count = (np.concatenate(parts) for parts in (groups, strata, counts))
        sizes = np.bincount(group_of_row, minlength=len(names))
        has = [
            np.bincount(group_of_row[label == value], minlength=len(names)) > 0
            for value in range(label.max() + 1)
        ]
        return cls(
            list(names),
            group_of_row,
            group,
            stratum,
            count,
            np.bincount(stratum, weights=count, minlength=num_strata),
            sizes,
            tuple(has),
        )

    def is_even(self, chosen: np.ndarray, ratio: float) -> bool:
        """Tell whether each stratum has its share as nearly as can be expected."""
        found, share = self._of_strata(chosen), ratio * self.totals
        return bool((np.abs(found - share) <= np.maximum(EVEN_IMAGES, EVEN_SHARE * share)).all())

    def chi_square(self, chosen: np.ndarray, ratio: float, among: np.ndarray | None = None) -> float:
        """Return the sum over strata of squared images in excess of the share of all groups, or of some."""
        share = ratio * (self.totals if among is None else self._of_strata(among))
        # A stratum of which less than an image is expected does not outweigh the others.
        return float(((self._of_strata(chosen) - share) ** 2 / (share + 1.0)).sum())

    def _of_strata(self, chosen: np.ndarray) -> np.ndarray:
        """Count the images of some groups by stratum."""
        weights = self.count * chosen[self.group]
        counts: np.ndarray = np.bincount(self.stratum, weights=weights, minlength=len(self.totals))
        return counts

    def with_every_class(self, chosen: np.ndarray) -> np.ndarray:
        """Add or take away the smallest group of a class that only one side has; the only one stays out."""
        chosen = chosen.copy()
        for has in self.labels:
            there = np.flatnonzero(has)
            smallest = there[np.argmin(self.sizes[there])]
            if chosen[there].all():
                chosen[smallest] = False
            elif len(there) > 1 and not chosen[there].any():
                chosen[smallest] = True
        return chosen


def _most_even(tried: Iterable[tuple[_T, bool, float]]) -> _T:
    """Return the first candidate that is even, else the one with the lowest score."""
    best: tuple[_T, float] | None = None
    for candidate, is_even, score in tried:
        if is_even:
            return candidate
        if best is None or score < best[1]:
            best = candidate, score
    assert best is not None, "there is always a candidate"
    return best[0]


def _by_kind(table: _Table, rows: pd.DataFrame, seed: int) -> _Cut:
    place = {name: number for number, name in enumerate(table.names)}
    order = np.array([place[name] for name in order_by_kind(rows, seed=seed)])
    return lambda ratio: _prefix(table, order, ratio)


def _halvings(table: _Table, seed: int) -> Iterator[_Cut]:
    held: list[list[tuple[int, int, float]]] = [[] for _ in table.names]
    # Squared excess over the even share, relative to it, grows by twice this for each image in excess.
    weights = table.count / table.totals[table.stratum] ** 2
    columns = (each.tolist() for each in (table.group, table.stratum, table.count, weights))
    for group, stratum, count, weight in zip(*columns, strict=True):
        held[group].append((stratum, count, weight))
    for attempt in range(TRIES):
        yield _Halving(table, held, derived_seed(seed, attempt, "halving")).before


def _prefix(table: _Table, order: np.ndarray, ratio: float) -> np.ndarray:
    """The first groups of an order, at least one, up to the nearest to `ratio` of the images."""
    ends = np.concatenate([[0], np.cumsum(table.sizes[order])])
    number = max(1, round(float(np.interp(ratio * ends[-1], ends, np.arange(len(ends))))))
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[:number]] = True
    return chosen


@dataclass(frozen=True, slots=True)
class _Halving:
    """A tree of halves of halves; of it only what `before` passes is computed."""

    table: _Table
    held_by: Sequence[Sequence[tuple[int, int, float]]]
    seed: int

    def before(self, ratio: float) -> np.ndarray:
        """Tell which groups lie before `ratio` of the images, at least one."""
        sizes = self.table.sizes
        wanted = ratio * sizes.sum()
        ties = np.random.default_rng(self.seed).random(len(sizes))
        members = np.lexsort((ties, -sizes)).tolist()
        chosen = np.zeros(len(sizes), dtype=bool)
        depth = 0
        while len(members) > 1:
            first, second = self._halves(members, depth)
            images = sizes[first].sum()
            if wanted >= images:
                chosen[first] = True
                wanted -= images
                members = second
            else:
                members = first
            depth += 1
        if wanted >= sizes[members[0]] / 2 or not chosen.any():
            chosen[members[0]] = True
        return chosen

    def _halves(self, members: Sequence[int], depth: int) -> tuple[list[int], list[int]]:
        """Put each group, the large ones first, into the half that lacks more of what it holds."""
        coins = np.random.default_rng(derived_seed(self.seed, depth)).random(len(members)).tolist()
        excess = [0] * len(self.table.totals)
        halves: tuple[list[int], list[int]] = ([], [])
        for group, coin in zip(members, coins, strict=True):
            held = self.held_by[group]
            lean = sum(weight * excess[stratum] for stratum, _, weight in held)
            into_second = lean > 0 or (lean == 0 and coin < 0.5)
            halves[into_second].append(group)
            for stratum, count, _ in held:
                excess[stratum] += -count if into_second else count
        return halves
