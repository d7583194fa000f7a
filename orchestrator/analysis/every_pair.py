"""Every pair and the mean ranks of all experiments of a phase, where there are more than five.

pairs.csv: every pair by the headline metric, p_holm over all pairs; no p-values on two folds. ranking.csv:
mean_rank (1 is best), critical_difference (Nemenyi), friedman_p, letters (shared: closer than the critical
difference), and `basis`, which says that the folds are of one data set: ranks describe, they prove nothing.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.comparing import test_share
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import ALL, Place
from orchestrator.analysis.verdict_limits import MIN_FOLDS, error_floor
from orchestrator.statistics.ranking import all_pairs, rank

MIN_RANKED, MOST_RANKED = 6, 200
PAIRS = ["metric", "first", "second", "n", "mean_diff", "std_diff", "p_value", "p_holm"]
RANKING = [
    "metric", "experiment", "mean_rank", "mean", "n", "critical_difference", "friedman_p", "letters", "basis",
]  # fmt: skip


def rank_all(experiments: Sequence[Gathered]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare every pair and rank all, among the experiments with the folds and rows of most.

    Returns:
        pairs.csv and ranking.csv; empty with fewer than 6 such experiments, or a single fold. Of more than
        200 the 200 with the best mean are taken.
    """
    metric = next((name for name in ("auc", "accuracy") if _having(experiments, name)), "auc")
    chosen = _alike(_having(experiments, metric))
    if len(chosen) < MIN_RANKED or chosen[0].expected < 2:
        return pd.DataFrame(columns=PAIRS), pd.DataFrame(columns=RANKING)
    scores = np.array([_by_fold(each, metric) for each in chosen])
    best = np.sort(np.argsort(-scores.mean(axis=1), kind="stable")[:MOST_RANKED])
    chosen, scores = [chosen[place] for place in best], scores[best]
    names, count = [each.name for each in chosen], scores.shape[1]
    folds = chosen[0].folds
    # Draws are kept of compared experiments alone: the floor is what one group of test images weighs.
    floor = error_floor((chosen[0], chosen[1]), metric, has_same_rows=False)
    pairs = all_pairs(scores, test_share=test_share(chosen), folds=folds, floor=floor)
    is_tested = folds >= MIN_FOLDS
    matrix = pd.DataFrame(
        {
            "metric": metric,
            "first": [names[place] for place in pairs.first],
            "second": [names[place] for place in pairs.second],
            "n": count,
            "mean_diff": pairs.mean,
            "std_diff": pairs.std,
            "p_value": pairs.p_value if is_tested else math.nan,
            "p_holm": pairs.p_holm if is_tested else math.nan,
        },
        columns=PAIRS,
    )
    found = rank(scores, lower_is_better=False)
    table = pd.DataFrame(
        {
            "metric": metric,
            "experiment": names,
            "mean_rank": found.mean_rank,
            "mean": scores.mean(axis=1),
            "n": count,
            "critical_difference": found.critical_difference,
            "friedman_p": found.friedman_p,
            "letters": found.letters,
            "basis": f"{count} folds of one data set, which are not independent",
        },
        columns=RANKING,
    )
    return matrix, table.sort_values(["mean_rank", "experiment"], kind="stable", ignore_index=True)


def _having(experiments: Sequence[Gathered], metric: str) -> list[Gathered]:
    return [each for each in experiments if each.expected == len(each.values.get((ALL, metric), ()))]


def _by_fold(experiment: Gathered, metric: str) -> list[float]:
    return [value for _, value in sorted(experiment.values[ALL, metric].items())]


def _alike(experiments: Sequence[Gathered]) -> list[Gathered]:
    """The largest set of experiments with the same fold files and the same rows in each fold."""
    by_rows: dict[tuple[Any, ...], list[Gathered]] = {}
    for each in experiments:
        rows: list[tuple[Place, str]] = sorted((place, trial.rows) for place, trial in each.trials.items())
        by_rows.setdefault((each.record.fold_files, *rows), []).append(each)
    return max(by_rows.values(), key=len) if by_rows else []
