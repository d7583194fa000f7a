"""Images held out for the end of a study: a grouped, stratified part of the labelled ones, in no fold at all.

They are dealt before the folds, from the whole data set, by `holdout_final` and the seed alone: sources,
subsample and protocol choose from what is left, so all experiments of a study leave out the same images.
"""

from collections.abc import Collection

import pandas as pd

from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.folds import holdout_fold
from trainables.recipe import RecipeKeys
from trainables.seeds import derived_seed

HELD_OUT_COLUMNS = ["path", "sha256", "group", "label", "source"]


def held_out_groups(manifest: Manifest, recipe: RecipeKeys) -> frozenset[str]:
    """Return the groups that the recipe holds out of the data set; none where it holds nothing out."""
    if not recipe.holdout_final:
        return frozenset()
    labelled = labelled_rows(manifest)
    # Apart from the seed of the holdout protocol, which would test on the images next in the same order.
    seed = derived_seed(recipe.seed, "held out for the end")
    is_held_out = holdout_fold(labelled, test_ratio=recipe.holdout_final, seed=seed) == 0
    return frozenset(labelled.loc[is_held_out, "group"])


def rows_of_groups(manifest: Manifest, groups: Collection[str]) -> pd.DataFrame:
    """Return the labelled images of some groups: columns HELD_OUT_COLUMNS, in the order of their paths."""
    labelled = labelled_rows(manifest)
    mine = labelled.loc[labelled["group"].isin(groups), HELD_OUT_COLUMNS]
    return mine.sort_values("path", ignore_index=True)


def labelled_rows(manifest: Manifest) -> pd.DataFrame:
    """Return the images of a data set that have a label."""
    return manifest.rows[manifest.rows["label"] != UNLABELLED].reset_index(drop=True)
