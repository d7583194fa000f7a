"""Two halves of the inner validation part, cut by group and even in images as the part itself is.

The epoch that one half would choose is scored on the other, so that the best of many epochs is not its own
judge. The cut depends on the rows and the seed alone: compared experiments on one fold have the same halves.
"""

import numpy as np
import pandas as pd

from trainables.data.splits.shares import even_share
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
    chosen = even_share(rows, 0.5, seed=derived_seed(seed, repeat, fold, "validation halves"))
    labels = rows["label"].to_numpy()
    classes = set(labels)
    if rows.empty or any(set(labels[side]) != classes for side in (chosen, ~chosen)):
        return None
    return np.where(chosen, 0, 1).astype(np.int64)
