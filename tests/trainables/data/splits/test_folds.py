"""Folds, inner validation and subsample for any mixture of groups: who is on which side, and how evenly.

The stated bound: groups that hold the same images per class and source (one kind) are interchangeable, and
each kind is dealt evenly, so two folds never differ by more than one group of a kind.
"""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from trainables.data.splits.folds import assign_folds, inner_parts, subsample
from trainables.errors import InputError

Images = list[tuple[int, str]]

WIKI, TEXT2IMG, INSIGHT = (0, "wiki"), (1, "text2img"), (1, "insight")
quick = settings(max_examples=20)
seeds = st.integers(0, 2**32)


def table(groups: list[Images]) -> pd.DataFrame:
    rows = [
        (f"{number:04d}-{index}", f"g{number:04d}", label, source)
        for number, images in enumerate(groups)
        for index, (label, source) in enumerate(images)
    ]
    return pd.DataFrame(rows, columns=["path", "group", "label", "source"])


@st.composite
def tables(draw: st.DrawFn, *, groups_per_class: int = 5) -> pd.DataFrame:
    """Groups of one to four images of any mixture, and enough groups of each class for that many folds."""
    images = st.lists(st.sampled_from([WIKI, TEXT2IMG, INSIGHT]), min_size=1, max_size=4)
    mixed: list[Images] = draw(st.lists(images, max_size=40))
    plain: list[Images] = [[WIKI], [TEXT2IMG]] * groups_per_class
    return table(draw(st.permutations(mixed + plain)))


def kinds(rows: pd.DataFrame) -> dict[str, tuple[tuple[int, str], ...]]:
    return {
        str(group): tuple(sorted(zip(part["label"], part["source"], strict=True)))
        for group, part in rows.groupby("group")
    }


@quick
@given(rows=tables(), num_folds=st.integers(2, 5), seed=seeds, repeat=st.integers(0, 3))
def test_groups_stay_whole_and_every_row_has_one_of_the_folds(
    rows: pd.DataFrame, num_folds: int, seed: int, repeat: int
) -> None:
    folds = assign_folds(rows, num_folds=num_folds, seed=seed, repeat=repeat)
    assert folds.dtype == np.int64 and len(folds) == len(rows)
    assert set(folds) == set(range(num_folds))
    assert rows.assign(fold=folds).groupby("group")["fold"].nunique().eq(1).all()


@quick
@given(rows=tables(), num_folds=st.integers(2, 5), seed=seeds)
def test_folds_differ_by_at_most_one_group_of_each_kind(
    rows: pd.DataFrame, num_folds: int, seed: int
) -> None:
    folds = assign_folds(rows, num_folds=num_folds, seed=seed)
    fold_of = dict(zip(rows["group"], folds, strict=True))
    per_kind: dict[tuple[tuple[int, str], ...], Counter[int]] = {}
    for group, kind in kinds(rows).items():
        per_kind.setdefault(kind, Counter())[fold_of[group]] += 1
    for kind, counts in per_kind.items():
        spread = [counts[fold] for fold in range(num_folds)]
        assert max(spread) - min(spread) <= 1, (kind, spread)


@quick
@given(rows=tables(), num_folds=st.integers(2, 5), seed=seeds)
def test_classes_and_sources_are_balanced_within_a_group_of_each_kind(
    rows: pd.DataFrame, num_folds: int, seed: int
) -> None:
    """The bound: two folds differ in a class or source by no more than one group of each kind holds of it."""
    folds = assign_folds(rows, num_folds=num_folds, seed=seed)
    distinct = set(kinds(rows).values())
    for stratum in {entry for kind in distinct for entry in kind}:
        bound = sum(Counter(kind)[stratum] for kind in distinct)
        label, source = stratum
        of_it = folds[((rows["label"] == label) & (rows["source"] == source)).to_numpy()]
        counts = np.bincount(of_it, minlength=num_folds)
        assert counts.max() - counts.min() <= bound, (stratum, counts)
    for label in rows["label"].unique():
        bound = sum(1 for kind in distinct for entry in kind if entry[0] == label)
        counts = np.bincount(folds[(rows["label"] == label).to_numpy()], minlength=num_folds)
        assert counts.max() - counts.min() <= bound, (label, counts)


@quick
@given(rows=tables(), seed=seeds, shuffle=st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order_of_the_rows(
    rows: pd.DataFrame, seed: int, shuffle: "np.random.Generator"
) -> None:
    order = list(range(len(rows)))
    shuffle.shuffle(order)
    folds = assign_folds(rows, num_folds=5, seed=seed)
    shuffled = rows.iloc[order]
    np.testing.assert_array_equal(assign_folds(shuffled, num_folds=5, seed=seed), folds[order])
    chosen = subsample(rows, folds, ratio=0.4, seed=seed)
    np.testing.assert_array_equal(subsample(shuffled, folds[order], ratio=0.4, seed=seed), chosen[order])


@quick
@given(counts=st.tuples(*[st.integers(5, 60)] * 3), seed=seeds)
def test_single_images_are_dealt_as_evenly_as_scikit_learn_deals_them(
    counts: tuple[int, int, int], seed: int
) -> None:
    """With one image per group, each source is spread like StratifiedKFold on the sources spreads it."""
    kinds_of_image = [WIKI, TEXT2IMG, INSIGHT]
    rows = table([[kind] for kind, count in zip(kinds_of_image, counts, strict=True) for _ in range(count)])
    folds = assign_folds(rows, num_folds=5, seed=seed)
    reference = np.empty(len(rows), dtype=int)
    splitter = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(splitter.split(rows, rows["source"])):
        reference[test] = fold
    for source in rows["source"].unique():
        of_source = (rows["source"] == source).to_numpy()
        assert sorted(Counter(folds[of_source]).values()) == sorted(Counter(reference[of_source]).values())


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_different_size_are_balanced_about_as_well_as_by_scikit_learn(
    seed: int,
) -> None:
    """One identity with many images must not make a fold twice as large as it has to be."""
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(0.15, 120)
    images: list[Images] = [[[WIKI, TEXT2IMG, INSIGHT][rng.integers(3)] for _ in range(n)] for n in sizes]
    rows = table(images)
    ours = assign_folds(rows, num_folds=5, seed=seed)
    theirs = np.empty(len(rows), dtype=int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(rows, rows["source"], rows["group"])):
        theirs[test] = fold

    def worst(folds: np.ndarray) -> float:
        counts = pd.crosstab(folds, rows["source"])
        return float((counts / (counts.sum() / 5) - 1).abs().to_numpy().max())

    assert worst(ours) <= 1.5 * worst(theirs) + 0.05


def test_another_seed_or_repeat_gives_other_folds_and_the_same_gives_the_same() -> None:
    rows = table([[WIKI, TEXT2IMG, INSIGHT]] * 40)
    dealt = {
        (seed, repeat): tuple(assign_folds(rows, num_folds=5, seed=seed, repeat=repeat))
        for seed in (1, 2, 3)
        for repeat in (0, 1, 2)
    }
    assert len(set(dealt.values())) == len(dealt)
    assert dealt[2, 1] == tuple(assign_folds(rows, num_folds=5, seed=2, repeat=1))


@pytest.mark.parametrize("num_real", [1, 2, 3, 4])
def test_fewer_groups_than_folds_is_refused_and_the_advice_helps(num_real: int) -> None:
    rows = table([[WIKI]] * num_real + [[INSIGHT]] * 9)
    with pytest.raises(InputError, match=f"class 0 has {num_real} groups?, fewer than the 5 folds") as raised:
        assign_folds(rows, num_folds=5, seed=0)
    advice = re.search(r"--set cv_folds=(\d+)", str(raised.value))
    assert (advice is None) == (num_real == 1)
    if advice:
        assert set(assign_folds(rows, num_folds=int(advice[1]), seed=0)) == set(range(int(advice[1])))


def test_many_images_in_few_groups_are_still_too_few_groups() -> None:
    rows = table([[WIKI] * 50] * 2 + [[INSIGHT]] * 9)
    with pytest.raises(InputError, match="class 0 has 2 groups"):
        assign_folds(rows, num_folds=5, seed=0)


@pytest.mark.slow
@quick
@given(rows=tables(), seed=seeds, ratios=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=4))
def test_a_smaller_subsample_is_part_of_a_larger_one_and_takes_whole_groups(
    rows: pd.DataFrame, seed: int, ratios: list[float]
) -> None:
    folds = assign_folds(rows, num_folds=5, seed=seed)
    masks = [subsample(rows, folds, ratio=ratio, seed=seed) for ratio in sorted(ratios)]
    for ratio, mask in zip(sorted(ratios), masks, strict=True):
        assert rows.assign(used=mask).groupby("group")["used"].nunique().eq(1).all()
        # Each fold ends with its nearest group, and has one at least.
        largest = rows.assign(fold=folds).groupby(["fold", "group"]).size().groupby("fold").max()
        bound = largest.sum() if ratio < 0.5 else largest.sum() / 2
        assert abs(mask.sum() - ratio * len(rows)) <= bound
    for smaller, larger in pairwise(masks):
        assert not (smaller & ~larger).any()


@pytest.mark.slow
@quick
@given(counts=st.tuples(*[st.integers(50, 100)] * 3), ratio=st.floats(0.1, 0.9), seed=seeds)
def test_a_subsample_takes_its_share_of_every_fold_and_source(
    counts: tuple[int, int, int], ratio: float, seed: int
) -> None:
    """Every prefix holds the share of each of the 15 cells of fold and source, give or take three images."""
    kinds_of_image = [WIKI, TEXT2IMG, INSIGHT]
    rows = table([[kind] for kind, count in zip(kinds_of_image, counts, strict=True) for _ in range(count)])
    folds = assign_folds(rows, num_folds=5, seed=seed)
    used = subsample(rows, folds, ratio=ratio, seed=seed)
    cells = rows.assign(fold=folds, used=used).groupby(["fold", "source"])["used"].agg(["sum", "size"])
    assert ((cells["sum"] - ratio * cells["size"]).abs() <= 3).all()


@quick
@given(rows=tables(groups_per_class=15), val_ratio=st.floats(0.1, 0.5), seed=seeds, repeat=st.integers(0, 2))
def test_inner_validation_is_cut_by_group_from_the_outer_part_and_holds_both_classes(
    rows: pd.DataFrame, val_ratio: float, seed: int, repeat: int
) -> None:
    folds = assign_folds(rows, num_folds=5, seed=seed, repeat=repeat)
    for fold in range(5):
        parts = inner_parts(rows, folds, fold=fold, val_ratio=val_ratio, seed=seed, repeat=repeat)
        together = np.concatenate([parts.train, parts.val, parts.test])
        assert sorted(together) == list(range(len(rows)))
        assert sorted(parts.test) == list(np.flatnonzero(folds == fold))
        train, val, test = (set(rows["group"].iloc[part]) for part in (parts.train, parts.val, parts.test))
        assert not (train & val or train & test or val & test)
        assert all(set(rows["label"].iloc[part]) == {0, 1} for part in (parts.train, parts.val, parts.test))


@quick
@given(counts=st.tuples(*[st.integers(60, 80)] * 3), val_ratio=st.floats(0.1, 0.5), seed=seeds)
def test_inner_validation_has_the_ratio_asked_for_in_every_source(
    counts: tuple[int, int, int], val_ratio: float, seed: int
) -> None:
    """In groups exactly (rounded); of a source give or take three images."""
    kinds_of_image = [WIKI, TEXT2IMG, INSIGHT]
    rows = table([[kind] for kind, count in zip(kinds_of_image, counts, strict=True) for _ in range(count)])
    folds = assign_folds(rows, num_folds=5, seed=seed)
    parts = inner_parts(rows, folds, fold=2, val_ratio=val_ratio, seed=seed)
    outer = rows[folds != 2]
    assert abs(len(parts.val) - val_ratio * len(outer)) <= 0.5
    val = rows.iloc[parts.val]["source"].value_counts()
    for source, count in outer["source"].value_counts().items():
        assert abs(val[source] - val_ratio * count) <= 3


@pytest.mark.parametrize("seed", range(4))
def test_a_rare_class_is_in_validation_too_although_its_share_is_less_than_one_group(seed: int) -> None:
    """Five percent of six groups are none; without a fake the validation part has no AUC to select by."""
    rows = table([[WIKI]] * 100 + [[INSIGHT]] * 6)
    folds = assign_folds(rows, num_folds=3, seed=seed)
    for fold in range(3):
        parts = inner_parts(rows, folds, fold=fold, val_ratio=0.05, seed=seed)
        assert set(rows["label"].iloc[parts.val]) == set(rows["label"].iloc[parts.train]) == {0, 1}


def test_validation_groups_differ_between_folds_repeats_and_seeds() -> None:
    rows = table([[WIKI, INSIGHT]] * 60)
    folds = assign_folds(rows, num_folds=5, seed=0)
    chosen = {
        tuple(inner_parts(rows, folds, fold=fold, val_ratio=0.2, seed=seed, repeat=repeat).val)
        for fold in range(2)
        for seed in range(2)
        for repeat in range(2)
    }
    assert len(chosen) == 8


def test_sources_restrict_training_and_validation_or_the_test_fold() -> None:
    rows = table([[WIKI, TEXT2IMG, INSIGHT]] * 40)
    folds = assign_folds(rows, num_folds=5, seed=0)
    parts = inner_parts(
        rows,
        folds,
        fold=1,
        val_ratio=0.2,
        seed=0,
        train_sources=["wiki", "text2img"],
        eval_sources=["wiki", "insight"],
    )
    sources = rows["source"].to_numpy()
    assert set(sources[parts.train]) == set(sources[parts.val]) == {"wiki", "text2img"}
    assert set(sources[parts.test]) == {"wiki", "insight"}
    everywhere = np.concatenate([parts.train, parts.val])
    assert sorted(everywhere) == list(np.flatnonzero((folds != 1) & (sources != "insight")))
    assert sorted(parts.test) == list(np.flatnonzero((folds == 1) & (sources != "text2img")))


@pytest.mark.parametrize(
    ("train_sources", "eval_sources", "part"),
    [(["wiki"], None, "training"), (None, ["insight"], "test")],
)
def test_a_part_of_one_class_is_refused_by_name(
    train_sources: list[str] | None, eval_sources: list[str] | None, part: str
) -> None:
    rows = table([[WIKI, TEXT2IMG, INSIGHT]] * 40)
    folds = assign_folds(rows, num_folds=5, seed=0)
    with pytest.raises(InputError, match=f"the {part} part of fold 0 has .* fewer than two classes"):
        inner_parts(
            rows,
            folds,
            fold=0,
            val_ratio=0.1,
            seed=0,
            train_sources=train_sources,
            eval_sources=eval_sources,
        )
