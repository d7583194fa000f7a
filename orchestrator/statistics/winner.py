"""Score of a winner without what choosing adds to it: the nested estimate and BBC-CV, on arrays.

The best of several candidates is in part the luckiest. Where the images that a choice was taken on are test
images of other folds, its luck is in its mean test score, too. Two estimates of what choosing really gives:

Nested (Varma & Simon 2006, "Bias in error estimation when using cross-validation for model selection"): in
each outer fold the candidate that this fold's own deciding score names is scored on this fold's test rows,
which took no part in naming it.

BBC-CV (Tsamardinos, Greasidou & Borboudakis 2018, "Bootstrapping the out-of-sample predictions for efficient
and accurate cross-validation"): groups of test rows are drawn with replacement within each fold; the
candidate whose mean over folds is best on the drawn groups is scored on the groups that were not drawn.

Both choose the best mean alone. A rule that gives a tie to the cheaper candidate chooses by luck less often.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from orchestrator.statistics.bootstrap import resampled_counts
from orchestrator.statistics.resampled import Batch, Groups, Sample

WINNER_DRAWS = 500
# Intervals draw the same groups as streams 0 and 1.
STREAM = 2


def nested_mean(deciding: np.ndarray, test: np.ndarray, *, lower_is_better: bool) -> float:
    """Return the mean test score of the candidates that each fold would choose by itself.

    Args:
        deciding: the score that each fold's choice is taken on, float [candidates, folds].
        test: the score on the fold's test rows, float [candidates, folds].
        lower_is_better: the kind of score.
    """
    return float(_of_best(deciding, test, lower_is_better=lower_is_better).mean())


def bootstrap_corrected_mean(
    folds: Iterable[Sequence[Sample]],
    metric: str,
    *,
    lower_is_better: bool,
    draws: int = WINNER_DRAWS,
    members: np.ndarray | None = None,
) -> float | None:
    """Return the out-of-bag score of the candidate that is best in the bag, averaged over draws of groups.

    Args:
        folds: the test rows of one repeat: of each fold a sample per candidate, in the same order and with
            the same groups. They are taken one fold after the other.
        metric: one of those that `Batch.measures` gives.
        lower_is_better: the kind of score.
        draws: how many times.
        members: which candidate each sample belongs to, 0 .. candidates - 1, int [samples]; the score of a
            candidate is the mean over its samples. None = each sample is a candidate.

    Returns:
        The score; None where no draw has it, or where it is none of those metrics. A fold is left out of the
        draws in which a candidate lacks the metric on either side.
    """
    drawn, left = [], []
    with threadpool_limits(1):
        for samples in folds:
            belongs = np.arange(len(samples)) if members is None else members
            pair = _both_sides(Batch.of(samples), metric, draws, np.eye(int(belongs.max()) + 1)[belongs])
            if pair is None:
                return None
            drawn.append(pair[0])
            left.append(pair[1])
    inside, outside = np.stack(drawn), np.stack(left)
    is_there = np.isfinite(inside).all(axis=2) & np.isfinite(outside).all(axis=2)
    counted = is_there.sum(axis=0)
    kept = counted > 0
    if not kept.any():
        return None
    means = [
        np.where(is_there[:, :, None], side, 0.0).sum(axis=0)[kept] / counted[kept, None]
        for side in (inside, outside)
    ]
    return float(_of_best(means[0].T, means[1].T, lower_is_better=lower_is_better).mean())


def _both_sides(
    batch: Batch, metric: str, draws: int, belongs: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """One fold's metric on the groups of each draw and on those it leaves: float [draws, candidates].

    `belongs` is 1 where a sample is one of a candidate's, else 0, float [samples, candidates].
    """
    first = batch.samples[0]
    inside, outside = [], []
    for counts in resampled_counts(first.groups, seed=(int(first.key[:16], 16), STREAM), draws=draws):
        drawn = batch.measures(counts)
        if metric not in drawn:
            return None
        inside.append(drawn[metric])
        outside.append(batch.measures(_left_out(counts, first.groups))[metric])
    weights = belongs / belongs.sum(axis=0)
    return np.concatenate(inside) @ weights, np.concatenate(outside) @ weights


def _left_out(counts: np.ndarray, groups: Groups) -> np.ndarray:
    """Weights of the groups that were not drawn, float32 [draws, G].

    Those of a stratum sum to its size, as the counts of a draw do: an AUC of many rows is taken to first
    order, which holds for such weights alone.
    """
    weights: np.ndarray = (counts == 0).astype(np.float32)
    for first, end in groups.strata:
        number = weights[:, first:end].sum(axis=1, keepdims=True)
        weights[:, first:end] *= (end - first) / np.maximum(number, 1.0)
    return weights


def _of_best(deciding: np.ndarray, scores: np.ndarray, *, lower_is_better: bool) -> np.ndarray:
    """The score of the candidate whose deciding score is best, by column; equals share it: float [columns].

    Both are float [candidates, columns].
    """
    oriented = -deciding if lower_is_better else deciding
    is_best = oriented == oriented.max(axis=0)
    shared: np.ndarray = (scores * is_best).sum(axis=0) / is_best.sum(axis=0)
    return shared
