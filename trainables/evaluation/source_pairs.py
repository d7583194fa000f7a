"""Counts of ordered pairs of images by source: each source of fakes against each source of real images.

The AUC of some fakes against some real images is the share of pairs in which the fake has the higher score,
ties counting half (Hanley & McNeil 1982). Counts of pairs add up over sources, so that the AUC of any union
of sources against any other follows from these counts without another look at the scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainables.evaluation.curve import Curve


@dataclass(frozen=True, slots=True)
class PairCount:
    """Pairs of one real and one fake source: `twice_right` is twice those in order, ties counting one."""

    real_source: str
    fake_source: str
    twice_right: int
    num_real: int
    num_fake: int


def count_pairs(
    labels: np.ndarray, curve: Curve, source: np.ndarray, names: Sequence[str]
) -> list[PairCount]:
    """Count the pairs of each real and each fake source that have rows, in the order of `names`.

    Args:
        labels: int [N], 1 = fake.
        curve: the rows' scores, P(fake), sorted.
        source: the source of each row by its place in `names`, int [N].
        names: the sources.
    """
    fake = labels == 1
    fakes = {name: curve.place[fake & (source == index)] for index, name in enumerate(names)}
    reals = {name: curve.place[~fake & (source == index)] for index, name in enumerate(names)}
    found = []
    for real_source, places in reals.items():
        if not len(places):
            continue
        held = np.bincount(places, minlength=len(curve.scores))
        twice_below = 2 * np.cumsum(held) - held
        found += [
            PairCount(real_source, fake_source, int(twice_below[mine].sum()), len(places), len(mine))
            for fake_source, mine in fakes.items()
            if len(mine)
        ]
    return found


def auc_of_pairs(pairs: Sequence[PairCount]) -> float | None:
    """Return the AUC of all fakes of these pairs against all their real images; None without any."""
    total = sum(pair.num_real * pair.num_fake for pair in pairs)
    return sum(pair.twice_right for pair in pairs) / (2 * total) if total else None
