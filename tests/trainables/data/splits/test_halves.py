"""Halves of the inner validation part: groups whole, classes and sources even, and the same for everybody."""

import numpy as np
import pandas as pd
import pytest

from trainables.data.splits.halves import validation_halves


def rows_of(groups: list[list[tuple[int, str]]]) -> pd.DataFrame:
    rows = [
        (f"g{number:03d}", label, source) for number, images in enumerate(groups) for label, source in images
    ]
    return pd.DataFrame(rows, columns=["group", "label", "source"])


WIKI, TEXT2IMG, INSIGHT, OTHER = (0, "wiki"), (1, "text2img"), (1, "insight"), (2, "other")


def test_groups_stay_whole_and_both_halves_hold_the_same_shares() -> None:
    rows = rows_of([[WIKI, WIKI]] * 10 + [[TEXT2IMG]] * 10 + [[INSIGHT]] * 6)
    halves = validation_halves(rows, seed=42, repeat=0, fold=1)
    assert halves is not None
    assert rows.assign(half=halves).groupby("group")["half"].nunique().max() == 1
    counts = rows.assign(half=halves).groupby(["half", "source"]).size().unstack()
    assert counts.loc[0].equals(counts.loc[1])
    assert counts.loc[0].to_dict() == {"insight": 3, "text2img": 5, "wiki": 10}


@pytest.mark.parametrize("fold", range(4))
def test_what_is_left_of_each_source_evens_out_over_the_class(fold: int) -> None:
    """Catches halves that are even in each source as far as they go, and of 12 and 24 images of a class."""
    celeb, inpainting = (0, "celeb"), (1, "inpainting")
    kinds = (WIKI, celeb, (0, "ffhq"), (0, "vgg"), TEXT2IMG, INSIGHT, inpainting)
    rows = rows_of([[kind] * 4 for kind in kinds for _ in range(3)])
    halves = validation_halves(rows, seed=42, repeat=0, fold=fold)
    assert halves is not None
    for label in (0, 1):
        sizes = np.bincount(halves[rows["label"] == label], minlength=2)
        assert abs(sizes[0] - sizes[1]) <= 4


def test_rows_and_seed_alone_decide() -> None:
    """Catches halves that hang on the order of the rows, or that are the same in every fold."""
    rows = rows_of([[WIKI]] * 20 + [[TEXT2IMG]] * 20)
    first = validation_halves(rows, seed=42, repeat=0, fold=1)
    shuffled = rows.sample(frac=1.0, random_state=0)
    again = validation_halves(shuffled, seed=42, repeat=0, fold=1)
    assert first is not None and again is not None
    assert (pd.Series(again, index=shuffled.index).sort_index().to_numpy() == first).all()
    for other in ({"seed": 43}, {"fold": 2}, {"repeat": 1}):
        found = validation_halves(rows, **{"seed": 42, "repeat": 0, "fold": 1, **other})
        assert found is not None and not np.array_equal(found, first)


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [[WIKI], [TEXT2IMG]],
        [[WIKI] * 9] + [[TEXT2IMG]] * 9,
        # Each of three classes has two groups, and no cut of the three groups has every class twice.
        [[WIKI, TEXT2IMG], [TEXT2IMG, OTHER], [WIKI, OTHER]],
    ],
)
def test_too_few_groups_give_no_halves(groups: list[list[tuple[int, str]]]) -> None:
    """Catches a half with one class, on which no AUC exists."""
    assert validation_halves(rows_of(groups), seed=42, repeat=0, fold=0) is None
