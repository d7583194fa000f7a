"""Outer folds, the inner validation part and the subsample: who is on which side, decided by group.

Outer folds are dealt by kind of group (`kinds`); the inner validation part, the subsample and a holdout are
shares in images (`shares`).

Rules protected here: a group is never on two sides; every experiment on a data set has the same folds,
whatever part of it an experiment uses; a 20 % subsample is part of the 50 % one; only the seed and the data
decide.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trainables.data.splits.kinds import Kind, groups_by_kind
from trainables.data.splits.shares import even_share, nested_share
from trainables.errors import InputError
from trainables.seeds import derived_seed

TRIES = 8
# An option that makes the inner validation part larger goes no further.
LARGEST_VAL_RATIO = 0.5


@dataclass(frozen=True, slots=True)
class Parts:
    """Row numbers of one trial: `train` and `val` share the outer training part, `test` is the fold."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def assign_folds(rows: pd.DataFrame, *, num_folds: int, seed: int, repeat: int = 0) -> np.ndarray:
    """Deal the groups of `rows` into folds, stratified by class and source.

    Args:
        rows: columns group, label, source; one row per image.
        num_folds: number of outer folds, at least 2.
        seed: the experiment's seed; with `repeat` it decides the outcome.
        repeat: 0 for the first partition, 1 for the second ...

    Returns:
        The fold of each row, 0 .. num_folds - 1, int64.

    Raises:
        InputError: a class has fewer groups than there are folds.
    """
    _check_groups_per_class(rows, num_folds)
    kinds = groups_by_kind(rows)
    strata = Counter(rows["label"].astype(str) + "\x1f" + rows["source"])
    best: dict[str, int] = {}
    best_score = np.inf
    for attempt in range(TRIES):
        rng = np.random.default_rng(derived_seed(seed, repeat, attempt, "folds"))
        fold_of = _deal(kinds, num_folds=num_folds, strata=strata, rng=rng)
        score = _imbalance(kinds, fold_of, num_folds=num_folds, strata=strata)
        if score < best_score:
            best, best_score = fold_of, score
    return rows["group"].map(best).to_numpy(dtype=np.int64)


def holdout_fold(rows: pd.DataFrame, *, test_ratio: float, seed: int, repeat: int = 0) -> np.ndarray:
    """Put `test_ratio` of the images (by group, stratified by class and source) into fold 0, others into -1.

    Returns:
        The fold of each row, int64.
    """
    chosen = even_share(rows, test_ratio, seed=derived_seed(seed, repeat, "holdout"))
    return np.where(chosen, 0, -1).astype(np.int64)


def subsample(rows: pd.DataFrame, folds: np.ndarray, *, ratio: float, seed: int) -> np.ndarray:
    """Choose a share of the images to learn from, by group, stratified by class, source and fold.

    A smaller share is part of a larger one.

    Returns:
        Boolean mask over `rows`.
    """
    if ratio >= 1.0:
        return np.ones(len(rows), dtype=bool)
    return nested_share(rows, folds, ratio, seed=derived_seed(seed, "subsample"))


def inner_parts(
    rows: pd.DataFrame,
    folds: np.ndarray,
    *,
    fold: int,
    val_ratio: float,
    seed: int,
    repeat: int = 0,
    train_sources: Sequence[str] | None = None,
    eval_sources: Sequence[str] | None = None,
    learnable: np.ndarray | None = None,
) -> Parts:
    """Split `rows` for one trial: test = the outer fold, val = `val_ratio` of the other images, by
    group, train = the rest.

    `train_sources` restrict train and val, and so does `learnable` (a boolean mask over `rows`);
    `eval_sources` restrict test; None means all.

    Raises:
        InputError: a part would hold one class only, or a class that training lacks.
    """
    is_test = (folds == fold) & _in_sources(rows, eval_sources)
    is_outer = (folds != fold) & _in_sources(rows, train_sources)
    if learnable is not None:
        is_outer &= learnable
    outer = rows[is_outer]
    is_val = np.zeros(len(rows), dtype=bool)
    is_val[is_outer] = even_share(outer, val_ratio, seed=derived_seed(seed, repeat, fold, "inner validation"))
    refuse_divided_groups(
        rows["group"][is_outer | is_test],
        np.select([is_test, is_val], ["test", "validation"], "training")[is_outer | is_test],
        where=f"the parts of fold {fold}",
        way_out="deal the folds again, by group",
    )
    parts = Parts(*(np.flatnonzero(mask) for mask in (is_outer & ~is_val, is_val, is_test)))
    for name, part in (("training", parts.train), ("inner validation", parts.val), ("test", parts.test)):
        if rows["label"].iloc[part].nunique() < 2:
            way = _way_to_fill(name, folds, val_ratio=val_ratio, is_cut=learnable is not None)
            raise InputError(
                f"the {name} part of fold {fold} has {len(part)} images and fewer than two classes; "
                f"use more data{way}"
            )
    trained = set(rows["label"].iloc[parts.train])
    for name, part in (("inner validation", parts.val), ("test", parts.test)):
        lacking = sorted(set(rows["label"].iloc[part]) - trained)
        if lacking:
            raise InputError(
                f"the {name} part of fold {fold} holds class {', '.join(map(str, lacking))}, "
                "of which no image is left to train on; add images of it, or use a smaller inner validation "
                f"part (--set val_ratio={val_ratio / 2:.2g})"
            )
    return parts


def _way_to_fill(name: str, folds: np.ndarray, *, val_ratio: float, is_cut: bool) -> str:
    """Spell the option that gives a part of a trial more images, "" where there is none."""
    if name == "inner validation" and val_ratio < LARGEST_VAL_RATIO:
        return f", or a larger part of it (--set val_ratio={min(LARGEST_VAL_RATIO, 2 * val_ratio):.2g})"
    num_folds = int(folds.max()) + 1
    if name == "test" and num_folds > 2:
        return f", or fewer folds (--set cv_folds={num_folds - 1})"
    return ", or all of it (--set subsample=1.0)" if is_cut and name == "training" else ""


def refuse_divided_groups(
    groups: Iterable[str], sides: Iterable[object], *, where: str, way_out: str
) -> None:
    """Raise InputError with names when a group is on more than one side.

    Args:
        groups: the group of each row.
        sides: the side of each row: a fold, a part or a split.
        where: what was divided, the message's first words.
        way_out: what the user can do about it, the message's last words.
    """
    pairs = pd.DataFrame({"group": list(groups), "side": [str(side) for side in sides]}).drop_duplicates()
    divided = pairs[pairs.duplicated("group", keep=False)].sort_values(["group", "side"])
    if divided.empty:
        return
    by_group = divided.groupby("group")["side"].agg(" and ".join)
    named = "; ".join(f"{group} in {sides}" for group, sides in by_group.head(3).items())
    more = f" and {len(by_group) - 3} more" if len(by_group) > 3 else ""
    count = "1 group is" if len(by_group) == 1 else f"{len(by_group)} groups are"
    raise InputError(f"{where}: {count} on two sides ({named}{more}); {way_out}")


def _in_sources(rows: pd.DataFrame, sources: Sequence[str] | None) -> np.ndarray:
    return (
        np.ones(len(rows), dtype=bool) if sources is None else rows["source"].isin(list(sources)).to_numpy()
    )


def _check_groups_per_class(rows: pd.DataFrame, num_folds: int) -> None:
    groups = rows.groupby("label")["group"].nunique()
    for label, count in groups.items():
        if count < num_folds:
            fewer = f", or use --set cv_folds={groups.min()}" if groups.min() >= 2 else ""
            raise InputError(
                f"class {label} has {count} {'group' if count == 1 else 'groups'}, fewer than the "
                f"{num_folds} folds; add images of other groups{fewer}"
            )


def _deal(
    kinds: Mapping[Kind, Sequence[str]],
    *,
    num_folds: int,
    strata: Mapping[str, int],
    rng: np.random.Generator,
) -> dict[str, int]:
    """Deal each kind evenly; what does not divide goes where its strata are most wanting."""
    filled = np.zeros((num_folds, len(strata)))
    column = {stratum: index for index, stratum in enumerate(strata)}
    share = np.array([strata[stratum] for stratum in strata]) / num_folds
    fold_of: dict[str, int] = {}
    for kind, groups in kinds.items():
        shuffled = [groups[index] for index in rng.permutation(len(groups))]
        content = np.zeros(len(strata))
        for stratum, count in kind:
            content[column[stratum]] = count
        whole = len(groups) // num_folds
        for position, group in enumerate(shuffled[: whole * num_folds]):
            fold_of[group] = position % num_folds
        filled += whole * content
        taken = np.zeros(num_folds)
        for group in shuffled[whole * num_folds :]:
            # Squared excess over the even share, relative to it; a random number settles ties.
            cost = ((((filled + content) / share) ** 2 - (filled / share) ** 2).sum(axis=1)).round(9)
            fold = int(np.lexsort((rng.random(num_folds), cost, taken))[0])
            fold_of[group] = fold
            filled[fold] += content
            taken[fold] += 1
    return fold_of


def _imbalance(
    kinds: Mapping[Kind, Sequence[str]],
    fold_of: Mapping[str, int],
    *,
    num_folds: int,
    strata: Mapping[str, int],
) -> float:
    """The largest deviation of a fold from its even share, over strata, relative to the share."""
    filled: Counter[tuple[int, str]] = Counter()
    for kind, groups in kinds.items():
        for fold, count in Counter(fold_of[group] for group in groups).items():
            for stratum, size in kind:
                filled[fold, stratum] += count * size
    return max(
        abs(filled[fold, stratum] * num_folds / total - 1.0)
        for fold in range(num_folds)
        for stratum, total in strata.items()
    )
