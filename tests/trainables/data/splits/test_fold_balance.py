"""Evenness of subsamples, by class and source, for any mixture of groups; and what is refused.

The stated bound: of K kinds in N groups (a kind is what a group holds), each kind has its share of groups
give or take 1 + n (K + 1) / N, n being how many there are.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.folds import (
    assign_folds,
    holdout_fold,
    inner_parts,
    refuse_divided_groups,
    subsample,
)
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

Image = tuple[int, str]
Kind = tuple[Image, ...]

IMAGES: list[Image] = [(0, "wiki"), (0, "photos"), (1, "text2img"), (1, "insight")]
seeds = st.integers(0, 2**32)
some = settings(max_examples=20)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Groups with one to five images of any classes and sources, and twelve plain groups of each class."""
    mixed = draw(st.lists(st.lists(st.sampled_from(IMAGES), min_size=1, max_size=5), max_size=50))
    groups: list[list[Image]] = draw(st.permutations(mixed + [[IMAGES[0]], [IMAGES[2]]] * 12))
    rows = [
        (f"{number:03d}/{place}", f"{number}-{place}", f"g{number:03d}", *image)
        for number, images in enumerate(groups)
        for place, image in enumerate(images)
    ]
    return pd.DataFrame(rows, columns=["path", "sha256", "group", "label", "source"])


def kind_of_group(rows: pd.DataFrame) -> dict[str, Kind]:
    return {
        str(group): tuple(sorted(zip(part["label"], part["source"], strict=True)))
        for group, part in rows.groupby("group")
    }


@some
@given(rows=tables(), ratio=st.floats(0.05, 0.95), seed=seeds)
def test_a_subsample_has_its_share_of_every_class_and_source(
    rows: pd.DataFrame, ratio: float, seed: int
) -> None:
    folds = assign_folds(rows, num_folds=5, seed=seed)
    used = subsample(rows, folds, ratio=ratio, seed=seed)
    fold_of = dict(zip(rows["group"], folds, strict=True))
    # A group's fold is part of its kind here: a fifth of the data is a fifth of every fold.
    kinds = Counter((kind, fold_of[group]) for group, kind in kind_of_group(rows).items())
    num_groups = sum(kinds.values())
    for image in IMAGES:
        chosen = (rows["label"] == image[0]) & (rows["source"] == image[1])
        bound = sum(
            kind.count(image) * (1 + count * (len(kinds) + 1) / num_groups)
            for (kind, _), count in kinds.items()
        )
        assert abs(used[chosen].sum() - ratio * chosen.sum()) <= bound


def sides_of(parts: np.ndarray, rows: pd.DataFrame) -> "pd.Series[int]":
    return rows.assign(side=parts).groupby("group")["side"].nunique()


@pytest.mark.slow
@some
@given(
    rows=tables(),
    seed=st.integers(0, 2**31),
    repeat=st.integers(0, 1),
    subsampled=st.sampled_from([0.6, 1.0]),
    protocol=st.sampled_from(["cv", "holdout"]),
)
def test_no_trial_sees_a_group_on_two_sides_and_the_same_words_give_the_same_trial(
    rows: pd.DataFrame, seed: int, repeat: int, subsampled: float, protocol: str
) -> None:
    """Through the functions that a run calls, from manifest to parts, with a part of the sources held out."""
    keys = {"seed": seed, "protocol": protocol, "subsample": subsampled, "cv_folds": 3, "test_ratio": 0.3}
    recipe = RecipeKeys.model_validate({**keys, "cv_repeats": 2, "val_ratio": 0.3})
    excluded = pd.DataFrame(columns=["path", "reason"])
    manifest = Manifest(Path("/data"), "sources", "none", ("real", "fake"), rows.assign(split=""), excluded)
    used = experiment_rows(manifest, recipe, repeat=repeat)
    again = experiment_rows(manifest, recipe, repeat=repeat)
    pd.testing.assert_frame_equal(used, again)
    for fold in range(recipe.num_folds):
        try:
            table = trial_table(used, recipe, repeat=repeat, fold=fold)
        except InputError as error:
            # So few groups that a part has one class; said by name.
            assert "fewer than two classes" in str(error)
            continue
        assert sides_of(table["part"].to_numpy(), table).eq(1).all()
        assert set(table.loc[table["part"] == "test", "path"]) == set(used.loc[used["fold"] == fold, "path"])


@some
@given(rows=tables(), ratio=st.floats(0.1, 0.5), seed=seeds)
def test_a_holdout_keeps_groups_whole_and_has_every_class_on_both_sides(
    rows: pd.DataFrame, ratio: float, seed: int
) -> None:
    folds = holdout_fold(rows, test_ratio=ratio, seed=seed)
    assert sides_of(folds, rows).eq(1).all()
    assert set(rows["label"][folds == 0]) == set(rows["label"][folds == -1]) == {0, 1}


def test_a_divided_group_is_refused_with_names_and_a_whole_one_is_not() -> None:
    refuse_divided_groups(["a", "a", "b"], [0, 0, 1], where="here", way_out="do this")
    with pytest.raises(InputError, match=r"^here: 1 group is on two sides \(a in 0 and 2\); do this$"):
        refuse_divided_groups(["a", "b", "a"], [0, 1, 2], where="here", way_out="do this")
    with pytest.raises(InputError, match=r"5 groups are on two sides \(g0 in 0 and 1; .* and 2 more\)"):
        refuse_divided_groups([f"g{n % 5}" for n in range(10)], [0] * 5 + [1] * 5, where="x", way_out="y")


def test_parts_of_a_fold_file_that_divides_a_group_are_refused() -> None:
    """Catches a trial that trains on an image of its test fold because the folds were made elsewhere."""
    rows = pd.DataFrame(
        [(f"{n}", f"g{n}", n % 2, "wiki" if n % 2 == 0 else "insight") for n in range(40)],
        columns=["path", "group", "label", "source"],
    )
    folds = np.arange(40) // 8
    inner_parts(rows, folds, fold=0, val_ratio=0.2, seed=1)
    rows.loc[39, "group"] = "g0"
    with pytest.raises(InputError, match=r"the parts of fold 0: 1 group is on two sides \(g0 in test and "):
        inner_parts(rows, folds, fold=0, val_ratio=0.2, seed=1)


@pytest.mark.parametrize("second_split", ["test", "val"])
def test_official_splits_that_share_a_group_are_refused_where_one_is_scored(second_split: str) -> None:
    rows = pd.DataFrame(
        [
            (f"{s}/{n}", f"{s}{n}", f"{s}{n}", n % 2, "abc"[n % 3], s)
            for s in ("train", "val", "test")
            for n in range(12)
        ],
        columns=["path", "sha256", "group", "label", "source", "split"],
    )
    rows.loc[rows["path"] == f"{second_split}/3", "group"] = "train7"
    excluded = pd.DataFrame(columns=["path", "reason"])
    manifest = Manifest(Path("/data"), "splits", "none+near", ("real", "fake"), rows, excluded)
    recipe = RecipeKeys(protocol="official")
    if second_split == "val":
        # Val is not used where test has labels.
        assert len(experiment_rows(manifest, recipe, repeat=0)) == 24
        return
    with pytest.raises(
        InputError, match=r"1 group is on two sides \(train7 in test and train\); remove them"
    ):
        experiment_rows(manifest, recipe, repeat=0)
