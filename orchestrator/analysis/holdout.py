"""Loss of a detector on a source that it never saw: in-source minus held-out AUC, fold by fold.

In:  the stored test predictions of one experiment, and the sources that it was trained on.
Out: one `Holdout` per held-out source of fakes: both AUCs and their difference, each with its corrected
interval.

Both AUCs of a fold set their fakes against the same real images, those of the sources that were trained on,
so that the difference is the fakes' alone. Real images of a source that was not trained on are left out: an
alarm on them is another question (`false_alarm_rate` by source answers it).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from orchestrator.analysis.trial_scores import independent_folds
from orchestrator.statistics import Interval, PairedTest, corrected_paired_t_test, corrected_rate
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from trainables.evaluation.curve import roc_auc

REAL, FAKE = 0, 1
# From which loss of AUC on a held-out source a model is said to have learned what belongs to its sources.
FLAGGED, STRONG = 0.05, 0.10
LossGrade = Literal["strong", "flagged"]


@dataclass(frozen=True, slots=True)
class Holdout:
    """One held-out source: `delta` is in-source minus held-out, positive where generalising costs something.

    `num_folds` have both AUCs, of `num_expected` folds in the predictions. Unless they are all, there is no
    mean over folds: the intervals and the p-value are NaN, and `by_fold` is empty. `by_fold` are the losses
    by repeat and fold, in order.
    """

    source: str
    num_folds: int
    num_expected: int
    in_source: Interval
    held_out: Interval
    delta: Interval
    p_value: float
    by_fold: tuple[float, ...]


def holdout_deltas(
    predictions: pd.DataFrame, *, train_sources: Sequence[str], test_share: float
) -> tuple[Holdout, ...]:
    """Compare the AUC on trained and on held-out sources, on the same folds.

    Args:
        predictions: test rows of one experiment with two classes; columns repeat, fold, source, group,
            label (1 = fake), score (P(fake)).
        train_sources: the sources that were trained on, real ones included.
        test_share: n_test / n_train of a fold, for the corrected interval (see `statistics`).

    Returns:
        One result per held-out source of fakes, in the order of their names; empty when there is none.

    Raises:
        ValueError: no fake and real source among `train_sources` has rows, so there is nothing to compare
            with.
    """
    trained = predictions["source"].isin(list(train_sources))
    real = predictions[trained & (predictions["label"] == REAL)]
    known = predictions[trained & (predictions["label"] == FAKE)]
    unseen = predictions[~trained & (predictions["label"] == FAKE)]
    if real.empty or known.empty:
        lacking = "real" if real.empty else "fake"
        raise ValueError(
            f"no {lacking} image of the sources trained on ({', '.join(train_sources)}) is scored"
        )
    places = predictions[["repeat", "fold"]].drop_duplicates().sort_values(["repeat", "fold"])
    folds = list(places.itertuples(index=False, name=None))
    inside = _auc_by_fold(real, known, folds)
    return tuple(
        _compare(
            str(source),
            inside,
            _auc_by_fold(real, rows, folds),
            test_share=test_share,
            num_folds=independent_folds(folds),
            floor=_least_error(real, known, rows),
        )
        for source, rows in unseen.groupby("source", sort=True)
    )


def loss_grade(delta: float) -> LossGrade | None:
    """Return how far a loss says that what was learned belongs to the sources trained on; None: it does not.

    Args:
        delta: in-source minus held-out AUC; NaN where there is none.
    """
    if delta > STRONG:
        return "strong"
    return "flagged" if delta > FLAGGED else None


def _auc_by_fold(real: pd.DataFrame, fake: pd.DataFrame, folds: list[tuple[Any, ...]]) -> np.ndarray:
    """AUC of each fold, float [folds]; NaN where one side has no image."""
    both = pd.concat([real, fake])
    by_fold: dict[Any, pd.DataFrame] = dict(iter(both.groupby(["repeat", "fold"], sort=False)))
    values = []
    for fold in folds:
        rows = by_fold.get(fold)
        value = None if rows is None else roc_auc(rows["label"].to_numpy(), rows["score"].to_numpy())
        values.append(math.nan if value is None else value)
    return np.array(values)


def _least_error(*sides: pd.DataFrame) -> float:
    """What the error of a difference is at least: a part of the weight of one group of the rarest side."""
    counts = [
        side[side["repeat"] == side["repeat"].min()].groupby("fold")["group"].nunique().sum()
        for side in sides
    ]
    return LEAST_OF_A_GROUP / int(min(counts))


def _compare(
    source: str,
    inside: np.ndarray,
    outside: np.ndarray,
    *,
    test_share: float,
    num_folds: int,
    floor: float,
) -> Holdout:
    is_whole = np.isfinite(inside) & np.isfinite(outside)
    found, expected = int(is_whole.sum()), len(inside)
    if found < expected:
        nothing = Interval(found, math.nan, math.nan, math.nan, math.nan, math.nan, num_folds - 1)
        return Holdout(source, found, expected, nothing, nothing, nothing, math.nan, ())
    test: PairedTest = corrected_paired_t_test(
        outside, inside, test_share=test_share, folds=num_folds, floor=floor
    )
    in_source, held_out = (
        corrected_rate(values, test_share=test_share, folds=num_folds, step=0.0)
        for values in (inside, outside)
    )
    losses = tuple((inside - outside).tolist())
    return Holdout(source, found, expected, in_source, held_out, test.difference, test.p_value, losses)
