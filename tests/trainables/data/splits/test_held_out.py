"""Images held out for the end: whole groups of both classes, in no fold, whatever an experiment uses."""

from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.held_out import HELD_OUT_COLUMNS, held_out_groups, rows_of_groups
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.recipe import RecipeKeys

SOURCES = ("wiki", "text2img", "inpainting")


def manifest(num_faces: int = 80) -> Manifest:
    """One person's images under one name in all sources."""
    rows = pd.DataFrame(
        [
            {"path": f"{source}/{face:03d}.jpg", "sha256": f"{source}-{face}", "label": int(source != "wiki")}
            | {"source": source, "group": f"{face:03d}", "split": ""}
            for source in SOURCES
            for face in range(num_faces)
        ]
    )
    excluded = pd.DataFrame(columns=["path", "reason"])
    return Manifest(Path("/data"), "sources", "basename", ("real", "fake"), rows, excluded)


@pytest.mark.parametrize("ratio", [None, 0.0])
def test_without_the_key_nothing_is_held_out(ratio: float | None) -> None:
    recipe = RecipeKeys(holdout_final=ratio)
    assert held_out_groups(manifest(), recipe) == frozenset()
    assert len(experiment_rows(manifest(), recipe, repeat=0)) == 240


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cv_repeats": 2},
        {"protocol": "holdout", "test_ratio": 0.15},
        {"subsample": 0.3},
        {"train_sources": ("wiki", "text2img"), "eval_sources": ("wiki", "inpainting")},
        {"cv_folds": 3, "val_ratio": 0.2},
    ],
)
def test_the_same_images_are_in_no_fold_of_any_experiment(changes: dict[str, object]) -> None:
    """Catches a set that hangs on folds, sources or subsample, and groups on both sides."""
    recipe = RecipeKeys.model_validate({"holdout_final": 0.15, **changes})
    groups = held_out_groups(manifest(), recipe)
    assert groups == held_out_groups(manifest(), RecipeKeys(holdout_final=0.15))
    assert len(groups) == 12
    for repeat in range(recipe.cv_repeats):
        rows = experiment_rows(manifest(), recipe, repeat=repeat)
        assert not set(rows["group"]) & groups
        table = trial_table(rows, recipe, repeat=repeat, fold=0)
        assert {"train", "val", "test"} == set(table["part"])
        if "train_sources" not in changes:
            assert set(rows["group"]) | groups == set(manifest().rows["group"])


def test_the_rows_have_every_source_in_the_order_of_their_paths() -> None:
    found = rows_of_groups(manifest(), held_out_groups(manifest(), RecipeKeys(holdout_final=0.1)))
    assert list(found.columns) == HELD_OUT_COLUMNS
    assert found["path"].is_monotonic_increasing
    assert found["source"].value_counts().to_dict() == dict.fromkeys(SOURCES, 8)


def test_another_seed_holds_other_images_out() -> None:
    one, two = (held_out_groups(manifest(), RecipeKeys(holdout_final=0.15, seed=seed)) for seed in (1, 2))
    assert one != two


def test_what_is_on_file_is_taken_before_what_would_be_dealt() -> None:
    rows = experiment_rows(manifest(), RecipeKeys(holdout_final=0.15), repeat=0, held_out={"007"})
    assert set(manifest().rows["group"]) - set(rows["group"]) == {"007"}


def test_the_official_protocol_has_a_test_split_of_its_own() -> None:
    with pytest.raises(ValueError, match="holdout_final: the official protocol has a test split of its own"):
        RecipeKeys(protocol="official", holdout_final=0.15)


def test_it_is_part_of_a_trial_through_its_rows_alone() -> None:
    """Catches trials of earlier versions that get another key from a key that they do not use."""
    assert RecipeKeys(holdout_final=0.15).identity() == RecipeKeys().identity()
