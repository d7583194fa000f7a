"""From a manifest to the rows of an experiment and of one trial: folds first, then the part that is used.

Folds are dealt over every labelled image of the data set; sources and subsample then choose from them. So the
same image is in the same fold in every experiment, whether it uses 20 % of the data or all of it, and
experiments can be compared fold by fold.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from trainables.data.folds import assign_folds, inner_parts, subsample
from trainables.data.layouts import UNLABELLED
from trainables.data.manifest import Manifest
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

ROW_COLUMNS = ("path", "sha256", "group", "label", "source", "fold")


def experiment_rows(manifest: Manifest, recipe: RecipeKeys, *, repeat: int) -> pd.DataFrame:
    """Return the rows that an experiment uses in one repeat, with their outer fold: columns ROW_COLUMNS.

    Raises:
        InputError: one class only, fewer groups than folds, or an unknown source.
    """
    labelled = manifest.rows[manifest.rows["label"] != UNLABELLED].reset_index(drop=True)
    _check_classes(manifest, labelled)
    _check_sources(recipe, set(labelled["source"]))
    # The subsample hangs on the first repeat's folds, so that all repeats use the same images.
    first = assign_folds(labelled, num_folds=recipe.cv_folds, seed=recipe.seed)
    folds = (
        first
        if repeat == 0
        else assign_folds(labelled, num_folds=recipe.cv_folds, seed=recipe.seed, repeat=repeat)
    )
    used = subsample(labelled, first, ratio=recipe.subsample, seed=recipe.seed)
    if recipe.train_sources is not None and recipe.eval_sources is not None:
        used &= labelled["source"].isin({*recipe.train_sources, *recipe.eval_sources}).to_numpy()
    rows = labelled.assign(fold=folds)[used].reset_index(drop=True)
    return rows[list(ROW_COLUMNS)]


def trial_table(rows: pd.DataFrame, recipe: RecipeKeys, *, repeat: int, fold: int) -> pd.DataFrame:
    """Return the rows of one trial with the column part: train, val or test.

    Rows that no part wants (a source that is not trained on, outside the test fold) are left out.
    """
    parts = inner_parts(
        rows,
        rows["fold"].to_numpy(),
        fold=fold,
        val_ratio=recipe.val_ratio,
        seed=recipe.seed,
        repeat=repeat,
        train_sources=recipe.train_sources,
        eval_sources=recipe.eval_sources,
    )
    part = np.full(len(rows), "", dtype=object)
    part[parts.train], part[parts.val], part[parts.test] = "train", "val", "test"
    kept: pd.DataFrame = rows.assign(part=part)[part != ""]
    return kept.reset_index(drop=True)


def image_files(rows: pd.DataFrame, root: Path) -> dict[str, Path]:
    """Map the content hash of each row to its file below `root`: what a pixel cache is built from."""
    return {digest: root / path for digest, path in zip(rows["sha256"], rows["path"], strict=True)}


def _check_classes(manifest: Manifest, labelled: pd.DataFrame) -> None:
    present = sorted(labelled["label"].unique())
    if len(present) < 2:
        only = manifest.classes[present[0]] if present else "none"
        raise InputError(
            f"{manifest.root} holds one class only ({only}, {len(labelled)} images), both are needed "
            "(in the sources layout, real_sources names the real ones)"
        )
    lacking = [name for label, name in enumerate(manifest.classes) if label not in present]
    if lacking:
        raise InputError(
            f"{manifest.root}: no image has class {', '.join(lacking)}; labels must be 0, 1, ... without gaps"
        )


def _check_sources(recipe: RecipeKeys, known: Collection[str]) -> None:
    for key, names in (("train_sources", recipe.train_sources), ("eval_sources", recipe.eval_sources)):
        unknown = sorted(set(names or ()) - set(known))
        if unknown:
            raise InputError(
                f"{key}: no source {', '.join(unknown)}; the sources are {', '.join(sorted(known))}"
            )
