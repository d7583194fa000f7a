"""Inner validation, holdout and subsample of groups of unequal size, counted in images.

The stated bound: what is chosen ends with a whole group, so a share of images is met within the group at its
end, and a class within a few groups.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import fast_first
from trainables.data.splits.folds import assign_folds, holdout_fold, inner_parts, subsample

some = settings(max_examples=20)
seeds = st.integers(0, 2**32)
FAKES = 0.53


def videos(seed: int, count: int = 150) -> pd.DataFrame:
    """Groups of one class each, of 1 to 60 images, each of a size of its own as far as there are sizes."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(np.round(rng.lognormal(1.8, 1.1, count)), 1, 60).astype(int)
    label = np.repeat(np.arange(count) < FAKES * count, sizes).astype(int)
    group = np.repeat([f"g{number:04d}" for number in range(count)], sizes)
    source = np.where(label == 1, "fakes", "photos")
    path = [f"{number:05d}" for number in range(len(group))]
    return pd.DataFrame({"path": path, "group": group, "label": label, "source": source})


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Groups of any sizes and mixtures of two classes and three sources, five of each class at least."""
    held = st.dictionaries(
        st.sampled_from([(0, "wiki"), (1, "text2img"), (1, "insight")]), st.integers(1, 40), min_size=1
    )
    groups = draw(st.lists(held, max_size=25)) + [{(0, "wiki"): 1}, {(1, "insight"): 1}] * 8
    rows = [
        (f"{number}/{source}/{place}", f"g{number:03d}", label, source)
        for number, contents in enumerate(draw(st.permutations(groups)))
        for (label, source), images in contents.items()
        for place in range(images)
    ]
    return pd.DataFrame(rows, columns=["path", "group", "label", "source"])


@pytest.mark.slow
def test_a_part_of_unequal_groups_has_its_share_of_images_and_of_fakes() -> None:
    """Catches groups that are counted, not images: 4 to 20 % of images and 10 to 95 % fakes were drawn."""
    for seed in range(4):
        rows = videos(seed)
        label = rows["label"].to_numpy()
        folds = assign_folds(rows, num_folds=5, seed=seed)
        for fold in range(5):
            parts = inner_parts(rows, folds, fold=fold, val_ratio=0.1, seed=seed)
            outer = np.concatenate([parts.train, parts.val])
            assert len(parts.val) / len(outer) == pytest.approx(0.1, abs=0.01)
            assert label[parts.val].mean() == pytest.approx(label[outer].mean(), abs=0.06)
        tested = holdout_fold(rows, test_ratio=0.2, seed=seed) == 0
        assert tested.mean() == pytest.approx(0.2, abs=0.01)
        assert label[tested].mean() == pytest.approx(label.mean(), abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "off"), fast_first([(0.05, 0.035), (0.2, 0.05), (0.5, 0.05)], 1))
def test_a_subsample_of_unequal_groups_has_its_share_of_every_fold(ratio: float, off: float) -> None:
    """Catches folds of which nothing is learned: 0 to 31 % of a fold were drawn where 5 % are asked for."""
    for seed in range(4):
        rows = videos(seed)
        folds = assign_folds(rows, num_folds=5, seed=seed)
        used = subsample(rows, folds, ratio=ratio, seed=seed)
        for fold in range(5):
            assert used[folds == fold].mean() == pytest.approx(ratio, abs=off)


@pytest.mark.slow
@some
@given(rows=tables(), ratio=st.floats(0.05, 0.5), seed=seeds)
def test_groups_stay_whole_and_both_sides_hold_every_class(
    rows: pd.DataFrame, ratio: float, seed: int
) -> None:
    side = holdout_fold(rows, test_ratio=ratio, seed=seed)
    assert rows.assign(side=side).groupby("group")["side"].nunique().eq(1).all()
    assert set(rows["label"][side == 0]) == set(rows["label"][side == -1]) == {0, 1}
    largest = rows.groupby("group").size().max()
    assert abs((side == 0).sum() - ratio * len(rows)) <= largest + 1


@settings(max_examples=8)
@given(rows=tables(), ratios=st.lists(st.floats(0.01, 0.99), min_size=2, max_size=3), seed=seeds)
def test_subsamples_are_nested_whole_and_the_same_in_any_order_of_rows(
    rows: pd.DataFrame, ratios: list[float], seed: int
) -> None:
    folds = assign_folds(rows, num_folds=3, seed=seed)
    masks = [subsample(rows, folds, ratio=ratio, seed=seed) for ratio in sorted(ratios)]
    for smaller, larger in pairwise(masks):
        assert not (smaller & ~larger).any()
    for mask in masks:
        assert rows.assign(used=mask).groupby("group")["used"].nunique().eq(1).all()
    back = subsample(rows[::-1], folds[::-1], ratio=min(ratios), seed=seed)[::-1]
    np.testing.assert_array_equal(back, masks[0])


def test_a_class_of_two_groups_has_one_on_each_side_whatever_their_size() -> None:
    """Catches a large group that takes the whole validation part along until its class has come."""
    sizes = [("big0", 1, 60), ("big1", 1, 50), *((f"small{n:02d}", 0, 2 + n % 3) for n in range(80))]
    rows = pd.DataFrame(
        [(group, label, "a") for group, label, size in sizes for _ in range(size)],
        columns=["group", "label", "source"],
    )
    for seed in range(5):
        held = holdout_fold(rows, test_ratio=0.1, seed=seed) == 0
        assert rows["label"][held].sum() == 50 and rows["label"][~held].sum() == 60
        assert (rows["label"][held] == 0).sum() <= 35


def test_alike_groups_are_dealt_by_kind_as_ever() -> None:
    """Catches finished trials of ordinary data that would run again: one group of each source is one kind."""
    rows = pd.DataFrame(
        [(f"g{n:02d}", int(source != "wiki"), source) for n in range(40) for source in ("wiki", "insight")],
        columns=["group", "label", "source"],
    )
    folds = assign_folds(rows, num_folds=5, seed=42)
    parts = inner_parts(rows, folds, fold=0, val_ratio=0.1, seed=42)
    kept = subsample(rows, folds, ratio=0.2, seed=42)
    assert sorted(set(rows["group"].iloc[parts.val])) == ["g03", "g04", "g17"]
    assert sorted(set(rows["group"][kept])) == [
        "g00", "g02", "g09", "g18", "g19", "g22", "g31", "g36"
    ]  # fmt: skip
