"""Two halves of the inner validation part, cut by group and stratified as the outer folds are.

The epoch that one half would choose is scored on the other, so that the best of many epochs is not its own
judge. The cut depends on the rows and the seed alone: compared experiments on one fold have the same halves.
"""

import numpy as np
import pandas as pd

from trainables.data.splits.folds import assign_folds
from trainables.errors import InputError
from trainables.seeds import derived_seed


def validation_halves(rows: pd.DataFrame, *, seed: int, repeat: int, fold: int) -> np.ndarray | None:
    """Cut inner validation rows in two, groups whole, stratified by class and source in images.

    Args:
        rows: columns group, label, source; one row per image.
        seed: the experiment's seed.
        repeat: number of the repeat, from 0.
        fold: outer test fold, from 0.

    Returns:
        0 or 1 for each row, int64 [N]; None where no cut leaves images of every class on both sides.
    """
    if rows.empty:
        return None
    try:
        halves = assign_folds(
            rows, num_folds=2, seed=derived_seed(seed, fold, "validation halves"), repeat=repeat
        )
    except InputError:
        # A class has one group alone.
        return None
    labels = rows["label"].to_numpy()
    classes = set(labels)
    if any(set(labels[halves == half]) != classes for half in (0, 1)):
        return None
    return halves
