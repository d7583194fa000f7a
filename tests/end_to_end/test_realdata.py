"""The real images under ORCHESTRATOR_TEST_DATA: layouts, groups and folds as they are known to be."""

import os
from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.recipe import RecipeKeys

FOLDER = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="ORCHESTRATOR_TEST_DATA names no folder of images"),
]


def read(name: str) -> Manifest:
    return scan(FOLDER / name)


@pytest.mark.parametrize(
    ("name", "layout", "classes", "images", "groups"),
    [
        ("ffhq_stylegan", "splits", 2, 1600, 1598),
        ("ciplab_paired", "sources", 2, 168, 84),
        ("unibuc", "csv", 5, 2600, 2600),
        ("celeba_stylegan_confounded", "splits", 2, 744, 732),
    ],
)
def test_the_layout_is_recognised(name: str, layout: str, classes: int, images: int, groups: int) -> None:
    """Catches a layout misread, and identical files (12 in the confounded set) in two groups.

    Two pairs of fakes of ffhq_stylegan show one picture that was drawn twice.
    """
    manifest = read(name)
    found = (manifest.layout, len(manifest.classes), len(manifest.rows), manifest.rows["group"].nunique())
    assert found == (layout, classes, images, groups)
    assert manifest.excluded.empty


def test_a_photo_and_its_edited_version_stay_on_one_side() -> None:
    """Catches a pair that is trained on with one half and tested with the other."""
    recipe = RecipeKeys()
    rows = experiment_rows(read("ciplab_paired"), recipe, repeat=0)
    tested: list[str] = []
    for fold in range(recipe.cv_folds):
        table = trial_table(rows, recipe, repeat=0, fold=fold)
        parts = table.groupby("group")["part"].nunique()
        assert (parts == 1).all(), f"groups on two sides: {list(parts[parts > 1].index)}"
        tested += list(table.loc[table["part"] == "test", "path"])
    assert sorted(tested) == sorted(rows["path"])


def test_folds_of_the_main_set_are_balanced() -> None:
    """Catches folds that lean to one class."""
    rows = experiment_rows(read("ffhq_stylegan"), RecipeKeys(), repeat=0)
    counts = pd.crosstab(rows["fold"], rows["label"])
    # Two groups hold two fakes each.
    assert (counts - 160).abs().le(1).all(axis=None)
