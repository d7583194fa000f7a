"""Chances of a difference on a single split, from draws of the groups of its inner validation images.

One split has no spread over folds. What other validation images of the same kind would have given shows all
the same: groups are drawn with replacement, the same for both candidates, and the standard deviation of the
difference over the draws is its error (Efron & Tibshirani 1993, "An introduction to the bootstrap"), widened
for few groups. What another training run would have given is not in it.
"""

import math
from pathlib import Path

import numpy as np

from orchestrator.statistics import Interval, Posterior, posterior_of
from orchestrator.statistics.bootstrap import resampled_counts
from orchestrator.statistics.resampled import Batch, make_sample
from orchestrator.store.folder import claimed_hash
from orchestrator.store.predictions import DAMAGE, read_predictions
from trainables.errors import InputError

DRAWS = 2000
# A spread below it is what rounding leaves of none, which is no certainty.
ROUNDING = 1e-9
UNKNOWN = Posterior(math.nan, math.nan, math.nan)


def single_split_posterior(
    folders: tuple[Path, Path], metric: str, *, difference: float, rope: float
) -> Posterior:
    """Return the posterior of a difference of two finished trials on the same validation rows.

    Args:
        folders: the trials, baseline and treatment.
        metric: what is compared.
        difference: treatment - baseline.
        rope: half the width of the region of practical equivalence, 0 or more.

    Returns:
        Student's t around the difference; NaN where draws say nothing of this metric, or do not differ.

    Raises:
        InputError: predictions can't be read any more.
    """
    try:
        parts = [read_predictions(each, sha256=claimed_hash(each)).val for each in folders]
    except DAMAGE as damage:
        names = " or ".join(folder.name for folder in folders)
        raise InputError(f"no decision: the predictions of {names} can't be read any more") from damage
    one, other = parts
    assert one is not None and other is not None, "what has a validation score has validation rows"
    key, groups = one.key(), one.grouped()
    batch = Batch.of(
        [make_sample(key, each.labels, each.probabilities, each.predicted, groups) for each in (one, other)]
    )
    drawn = [
        found[metric][:, 1] - found[metric][:, 0]
        for counts in resampled_counts(groups, seed=(int(key[:16], 16),), draws=DRAWS)
        if metric in (found := batch.measures(counts))
    ]
    degrees = groups.num_groups - len(groups.strata)
    known = np.concatenate(drawn) if drawn else np.empty(0)
    known = known[np.isfinite(known)]
    if len(known) < 2 or degrees < 1:
        return UNKNOWN
    error = float(known.std(ddof=1)) * math.sqrt(groups.num_groups / degrees)
    if error < ROUNDING:
        return UNKNOWN
    nan = math.nan
    return posterior_of(Interval(1, difference, nan, nan, nan, error, degrees), rope=rope)
