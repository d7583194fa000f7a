"""Ranking of the comparable experiments of a phase, where there are three or more: ranking.csv.

Sorted by mean score. rank is the place by the mean (equal means share the better one), rank_low to rank_high
the ranks that the tests of all pairs leave open: 1 + how many are surely better, and the number of
experiments less how many are surely worse; may_be_best marks those that may have rank 1. to_best is the
difference to the experiment with the best mean, paired by fold, with its corrected interval; p_holm is
corrected over all pairs, since the best was picked after its numbers were seen. mean_rank (1 is best),
critical_difference (Nemenyi), friedman_p and letters (shared: closer than the critical difference) describe
ranks by fold, and `basis` says why they prove nothing: the folds are of one data set.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from orchestrator.analysis.every_pair import MIN_RANKED, EveryPair
from orchestrator.analysis.rows import RankingRow, SummaryRow
from orchestrator.statistics.ranking import rank, rank_bounds

RANKING = list(RankingRow.__annotations__)


def ranking_table(found: EveryPair, overall: Mapping[tuple[str, str], SummaryRow]) -> pd.DataFrame:
    """Return ranking.csv; empty with fewer than three comparable experiments, or a single split.

    Args:
        found: every pair of them.
        overall: rows of summary.csv over all sources, by experiment and metric.
    """
    count, folds = found.scores.shape[0], found.scores.shape[-1]
    if count < MIN_RANKED or folds < 2:
        return pd.DataFrame(columns=RANKING)
    goodness, names = found.goodness, found.names
    best = int(np.argmax(goodness))
    low, high = rank_bounds(found.is_better)
    by_fold = rank(found.scores, lower_is_better=found.is_lower)
    rows: list[RankingRow] = []
    for place in np.argsort(-goodness, kind="stable").tolist():
        summary = overall[names[place], found.metric]
        rows.append(
            {
                "metric": found.metric,
                "experiment": names[place],
                "rank": 1 + int(np.sum(goodness > goodness[place])),
                "rank_low": int(low[place]),
                "rank_high": int(high[place]),
                "may_be_best": "yes" if low[place] == 1 else "",
                "mean": float(found.means[place]),
                "ci_low": summary["ci_low"],
                "ci_high": summary["ci_high"],
                "to_best": 0.0 if place == best else float(found.difference[place, best]),
                "to_best_low": float(found.low[place, best]),
                "to_best_high": float(found.high[place, best]),
                "p_value": float(found.p_value[place, best]),
                "p_holm": float(found.p_holm[place, best]),
                "n": folds,
                "mean_rank": float(by_fold.mean_rank[place]),
                "critical_difference": by_fold.critical_difference,
                "friedman_p": by_fold.friedman_p,
                "letters": by_fold.letters[place],
                "basis": f"{folds} folds of one data set, which are not independent",
            }
        )
    return pd.DataFrame(rows, columns=RANKING)
