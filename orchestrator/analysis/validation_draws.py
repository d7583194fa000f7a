"""Covariance of experiments' scores on one fold by what other inner validation images would change.

Groups of validation rows are drawn with replacement, the same for all experiments, as the intervals of test
scores are drawn (`statistics.bootstrap`). The scores are those of the epoch that was kept; the deciding score
averages two halves of the same rows and varies about as much.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from orchestrator.statistics.bootstrap import resampled_counts
from orchestrator.statistics.resampled import Batch, make_sample
from orchestrator.store.folder import claimed_hash
from orchestrator.store.predictions import DAMAGE, read_predictions

# A standard error of so many draws is good to 3 %.
DRAWS = 500


def validation_covariance(folders: Sequence[Path], metric: str) -> np.ndarray:
    """Return the covariance of scores over draws, widened for few groups, float [K, K].

    Args:
        folders: finished trials of the same fold, validated on the same rows.
        metric: what is scored.

    Returns:
        0 where draws say nothing of this metric; NaN where predictions can't be read any more, or where there
        are too few groups to be drawn.
    """
    count = len(folders)
    try:
        parts = [read_predictions(folder, sha256=claimed_hash(folder)).val for folder in folders]
    except DAMAGE:
        return np.full((count, count), math.nan)
    rows = [part for part in parts if part is not None]
    if len(rows) < count or len(np.unique(rows[0].labels)) < rows[0].num_classes:
        return np.full((count, count), math.nan)
    key, groups = rows[0].key(), rows[0].grouped()
    degrees = groups.num_groups - len(groups.strata)
    if degrees < 1:
        return np.full((count, count), math.nan)
    with threadpool_limits(1):
        batch = Batch.of(
            [make_sample(key, each.labels, each.probabilities, each.predicted, groups) for each in rows]
        )
        drawn = [
            found[metric]
            for counts in resampled_counts(groups, seed=(int(key[:16], 16),), draws=DRAWS)
            if metric in (found := batch.measures(counts))
        ]
    if not drawn:
        return np.zeros((count, count))
    values = np.concatenate(drawn)
    known = values[np.isfinite(values).all(axis=1)]
    if len(known) < 2:
        return np.full((count, count), math.nan)
    return np.atleast_2d(np.cov(known, rowvar=False)) * groups.num_groups / degrees
