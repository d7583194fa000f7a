"""Rows of an experiment and of one trial: folds first, then the part of them that is learned from.

Folds are dealt over every labelled image of the data set; sources then choose from them. So the same image
is in the same fold in every experiment, and experiments can be compared fold by fold. `subsample` says which
rows may be learned from (training and inner validation): a test fold is always whole, so that what 20 % of
the data teaches and what all of it teaches are scored on the same images. What is held out for the end of the
study is taken out before anything is dealt.
"""

import difflib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from trainables.data.dataset.groups import described, rules
from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.folds import (
    assign_folds,
    holdout_fold,
    inner_parts,
    refuse_divided_groups,
    subsample,
)
from trainables.data.splits.held_out import held_out_groups, labelled_rows
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

ROW_COLUMNS = ("path", "sha256", "group", "label", "source", "fold", "learnable")


def experiment_rows(
    manifest: Manifest, recipe: RecipeKeys, *, repeat: int, held_out: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the rows that an experiment uses in one repeat, with their outer fold: columns ROW_COLUMNS.

    `learnable` (bool) tells whether the subsample holds a row: what it leaves out is tested and never learned
    from. Under the protocols official and holdout, fold 0 is what is scored, and -1 what is trained on.
    Official has the unlabelled test images too (label -1): they get predictions. `held_out` names the groups
    that no fold may hold; None = those that the recipe says.

    Raises:
        InputError: one class only, fewer groups than folds, an unknown source, no splits of its own, or a
            group in two of them.
    """
    labelled = labelled_rows(manifest)
    refuse_one_class(manifest.root, manifest.classes, labelled["label"])
    _check_sources(recipe, set(labelled["source"]))
    apart = held_out_groups(manifest, recipe) if held_out is None else held_out
    if apart:
        labelled = labelled[~labelled["group"].isin(apart)].reset_index(drop=True)
    if recipe.protocol == "official":
        return _official_rows(manifest, labelled, recipe)
    if recipe.protocol == "cv":
        _check_groups(manifest, labelled, recipe)
    # The subsample hangs on the first repeat's folds, so that all repeats use the same images.
    first = _folds(labelled, recipe, 0)
    folds = first if repeat == 0 else _folds(labelled, recipe, repeat)
    chosen = subsample(labelled, first, ratio=recipe.subsample, seed=recipe.seed)
    return _rows(labelled.assign(fold=folds, learnable=chosen), recipe)


def _folds(labelled: pd.DataFrame, recipe: RecipeKeys, repeat: int) -> np.ndarray:
    if recipe.protocol == "holdout":
        return holdout_fold(labelled, test_ratio=recipe.test_ratio, seed=recipe.seed, repeat=repeat)
    return assign_folds(labelled, num_folds=recipe.cv_folds, seed=recipe.seed, repeat=repeat)


def _official_rows(manifest: Manifest, labelled: pd.DataFrame, recipe: RecipeKeys) -> pd.DataFrame:
    """Train on train; score the labelled test split, else the validation split; subsample train alone."""
    present = set(labelled["split"])
    scored = "test" if "test" in present else "val"
    if not {"train", scored} <= present:
        known = ", ".join(sorted(present - {""})) or "none"
        raise InputError(
            f"{manifest.root}: protocol official needs a train split and a labelled test or validation "
            f"split; its splits are: {known}. Use protocol cv, in a run with --set protocol=cv"
        )
    train = labelled[labelled["split"] == "train"].assign(fold=-1)
    _check_official_classes(manifest, set(train["label"]), labelled[labelled["split"] == scored])
    chosen = subsample(train, train["fold"].to_numpy(), ratio=recipe.subsample, seed=recipe.seed)
    test = labelled[labelled["split"] == scored].assign(fold=0, learnable=False)
    refuse_divided_groups(
        [*train["group"], *test["group"]],
        [*train["split"], *test["split"]],
        where=f"{manifest.root}, protocol official",
        way_out="remove them from one of the two (`data check --protocol official` lists them), use protocol "
        "cv, which deals by group, or group_by none, which joins identical files alone",
    )
    unlabelled = manifest.rows[manifest.rows["label"] == UNLABELLED].assign(fold=0, learnable=False)
    together = pd.concat([train[chosen].assign(learnable=True), test, unlabelled])
    return _rows(together.sort_values("path", ignore_index=True), recipe)


def _rows(rows: pd.DataFrame, recipe: RecipeKeys) -> pd.DataFrame:
    if recipe.train_sources is not None and recipe.eval_sources is not None:
        sources = {*recipe.train_sources, *recipe.eval_sources}
        rows = rows[rows["source"].isin(sources) | (rows["label"] == UNLABELLED)]
    return rows[list(ROW_COLUMNS)].reset_index(drop=True)


def trial_table(rows: pd.DataFrame, recipe: RecipeKeys, *, repeat: int, fold: int) -> pd.DataFrame:
    """Return the rows of one trial with the column part: train, val, test or unlabelled.

    Rows that no part wants are left out: outside the test fold, those that the subsample leaves out and those
    of a source that is not trained on.
    """
    is_labelled = (rows["label"] != UNLABELLED).to_numpy()
    labelled = rows[is_labelled]
    parts = inner_parts(
        labelled,
        labelled["fold"].to_numpy(),
        fold=fold,
        val_ratio=recipe.val_ratio,
        seed=recipe.seed,
        repeat=repeat,
        train_sources=recipe.train_sources,
        eval_sources=recipe.eval_sources,
        learnable=labelled["learnable"].to_numpy(),
    )
    part = np.full(len(labelled), "", dtype=object)
    part[parts.train], part[parts.val], part[parts.test] = "train", "val", "test"
    every = np.full(len(rows), "unlabelled", dtype=object)
    every[is_labelled] = part
    kept: pd.DataFrame = rows.assign(part=every)[every != ""]
    return kept.reset_index(drop=True)


def image_files(rows: pd.DataFrame, root: Path) -> dict[str, Path]:
    """Map the content hash of each row to its file below `root`: what a pixel cache is built from."""
    return {digest: root / path for digest, path in zip(rows["sha256"], rows["path"], strict=True)}


def refuse_one_class(root: Path, classes: Sequence[str], labels: Iterable[int]) -> None:
    """Raise InputError unless every class has an image, and there are two classes or more.

    `labels` are those of the images in the data folder `root`; images without a label do not count.
    """
    known = [label for label in labels if label != UNLABELLED]
    present = sorted(set(known))
    if len(present) < 2:
        only = classes[present[0]] if present else "none"
        raise InputError(
            f"{root} holds one class only ({only}, {len(known)} images), both are needed "
            "(--set real_sources='[\"NAME\"]', or --real-sources NAME in a data command, says which are real)"
        )
    lacking = [name for label, name in enumerate(classes) if label not in present]
    if lacking:
        raise InputError(
            f"{root}: no image has class {', '.join(lacking)}; labels must be 0, 1, ... without gaps"
        )


def _check_groups(manifest: Manifest, labelled: pd.DataFrame, recipe: RecipeKeys) -> None:
    """Refuse fewer groups of a class than folds with the way to group that has enough, if there is one."""
    counts = labelled.groupby("label")["group"].nunique()
    enough = [way for way in manifest.finer if way.fewest >= recipe.cv_folds]
    if counts.min() >= recipe.cv_folds or not enough:
        return
    name = manifest.classes[int(np.argmin(counts.sort_index()))]
    (first, joining), way = rules(manifest.group_by), enough[0].group_by
    at_risk = ""
    if "ids" in joining and "ids" not in rules(way)[1]:
        at_risk = ", with one person or original on both sides of a split"
    elif first in ("folder", "frames") and rules(way)[0] != "frames":
        at_risk = ", which is right only if what they put together are neither videos nor persons"
    raise InputError(
        f"{manifest.root}: class {name} has {counts.min()} "
        f"{'group' if counts.min() == 1 else 'groups'}, fewer than the {recipe.cv_folds} folds, by "
        f"{described(manifest.group_by)} (group_by {manifest.group_by}); "
        f"--set group_by={way} (--group-by {way} in a data command) makes {enough[0].fewest} or more of each "
        f"class{at_risk}"
    )


def _check_official_classes(manifest: Manifest, trained: set[int], scored: pd.DataFrame) -> None:
    lacking = scored[~scored["label"].isin(trained)]
    if len(lacking):
        names = ", ".join(manifest.classes[label] for label in sorted(lacking["label"].unique()))
        raise InputError(
            f"{manifest.root}: the {lacking['split'].iloc[0]} split holds class {names}, "
            f"{len(lacking)} images, which the train split lacks; add training images of it, remove these, "
            "or use protocol cv"
        )


def _check_sources(recipe: RecipeKeys, known: Collection[str]) -> None:
    for key, names in (("train_sources", recipe.train_sources), ("eval_sources", recipe.eval_sources)):
        unknown = sorted(set(names or ()) - set(known))
        if unknown:
            near = [name for source in unknown for name in difflib.get_close_matches(source, known, n=1)]
            meant = f" (did you mean {', '.join(near)}?)" if near else ""
            raise InputError(
                f"{key}: no source {', '.join(unknown)}{meant}; the sources are {', '.join(sorted(known))}"
            )
