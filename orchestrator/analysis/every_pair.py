"""Every pair of the comparable experiments of a phase, by its headline metric.

Comparable are those that have the metric on every fold, with the fold files and rows of most. What was
trained without a source that it is tested on loses by design: it is left out where others saw all of them,
unless the phase itself compares it or chooses among it. Each pair is
the paired test that `comparing` makes of two, with the same floor below its standard error; Holm's correction
runs over all pairs, so that a pair may be picked after its numbers were seen. pairs.csv has a row for each;
`ranking` and `pareto` stand on them. On two folds there are no p-values, on a single split no intervals.
"""

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.comparing import SIGNIFICANT
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.headline import has_whole
from orchestrator.analysis.source_aucs import is_trained_on
from orchestrator.analysis.trial_scores import ALL, Place
from orchestrator.analysis.verdict_limits import error_floor
from orchestrator.statistics.bootstrap import difference_errors
from orchestrator.statistics.chosen_pair import MIN_FOLDS
from orchestrator.statistics.ranking import Pairs, all_pairs
from orchestrator.store.records import PhaseRecord
from trainables.evaluation.metrics import LOWER_IS_BETTER

MIN_RANKED, MOST_RANKED = 3, 200
PAIRS = [
    "metric", "first", "second", "n", "mean_diff", "std_diff", "ci_low", "ci_high", "p_value", "p_holm",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class EveryPair:
    """Comparable experiments, in the order of the study, and the test of every two; E of them.

    `scores` are those by fold, float [E, n]. `difference`, `low`, `high`, `p_value` and `p_holm` are of the
    row's experiment minus the column's, float [E, E], NaN where there is no test. `left_out` says of every
    other experiment of the phase why it is not among them.
    """

    metric: str
    experiments: tuple[Gathered, ...]
    scores: np.ndarray
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray
    p_holm: np.ndarray
    pairs: Pairs
    left_out: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the experiments."""
        return tuple(each.name for each in self.experiments)

    @property
    def is_lower(self) -> bool:
        """Whether the metric is better when lower."""
        return self.metric in LOWER_IS_BETTER

    @property
    def means(self) -> np.ndarray:
        """Mean score of each experiment, float [E]."""
        return np.asarray(self.scores.mean(axis=1))

    @property
    def goodness(self) -> np.ndarray:
        """Mean score of each experiment with the sign of better, float [E]."""
        return -self.means if self.is_lower else self.means

    @property
    def is_better(self) -> np.ndarray:
        """Whether the row's experiment is surely better than the column's, bool [E, E]."""
        gain = -self.difference if self.is_lower else self.difference
        return np.asarray((self.p_holm < SIGNIFICANT) & (gain > 0.0))


def declared_names(phase: PhaseRecord) -> frozenset[str]:
    """Name the experiments that a phase compares, or chooses among."""
    compared = {name for each in phase.comparisons for name in (each.baseline, each.treatment)}
    return frozenset(compared | set(phase.decision.names if phase.decision is not None else ()))


def unseen_sources(experiment: Gathered) -> tuple[str, ...]:
    """Name the sources that an experiment is tested on, and was not trained on."""
    tested = {source for trial in experiment.trials.values() for source in trial.num_groups} - {ALL}
    return tuple(sorted(source for source in tested if not is_trained_on(experiment, source)))


def pair_all(experiments: Sequence[Gathered], metric: str, *, declared: Collection[str] = ()) -> EveryPair:
    """Test every pair of the comparable experiments; of more than 200 those with the best mean are taken.

    Args:
        experiments: all of a phase.
        metric: what is compared.
        declared: those that stay among the comparable ones whatever they were trained on.
    """
    having = [each for each in experiments if has_whole(each, metric)]
    alike = _alike(having)
    staying = {each.name for each in alike if not unseen_sources(each)}
    entered = [each for each in alike if each.name in staying.union(declared)] if staying else alike
    chosen = _best(entered, metric)
    reasons = dict.fromkeys((each.name for each in having), "not tested on the same rows")
    reasons |= {each.name: f"trained without {' and '.join(unseen_sources(each))}" for each in alike}
    best = f"not among the {MOST_RANKED} with the best mean"
    reasons |= dict.fromkeys((each.name for each in entered), best)
    taken = {each.name for each in chosen}
    left_out = {
        each.name: reasons.get(each.name) or each.why_missing(ALL, metric)
        for each in experiments
        if each.name not in taken
    }
    scores = np.array([_by_fold(each, metric) for each in chosen]) if chosen else np.empty((0, 1))
    pairs = _tested(chosen, scores, metric)
    square = functools.partial(_square, pairs, len(chosen))
    return EveryPair(
        metric,
        tuple(chosen),
        scores,
        difference=square(pairs.mean, -pairs.mean),
        low=square(pairs.low, -pairs.high),
        high=square(pairs.high, -pairs.low),
        p_value=square(pairs.p_value, pairs.p_value),
        p_holm=square(pairs.p_holm, pairs.p_holm),
        pairs=pairs,
        left_out=left_out,
    )


def _square(pairs: Pairs, count: int, of_second: np.ndarray, of_first: np.ndarray) -> np.ndarray:
    """Put numbers of pairs, float [M], into a matrix of the row's experiment minus the column's."""
    found = np.full((count, count), math.nan)
    found[pairs.second, pairs.first], found[pairs.first, pairs.second] = of_second, of_first
    return found


def pairs_table(found: EveryPair) -> pd.DataFrame:
    """Return pairs.csv; empty with fewer than three experiments, or a single split."""
    if len(found.experiments) < MIN_RANKED or found.scores.shape[1] < 2:
        return pd.DataFrame(columns=PAIRS)
    names, pairs = found.names, found.pairs
    return pd.DataFrame(
        {
            "metric": found.metric,
            "first": [names[place] for place in pairs.first],
            "second": [names[place] for place in pairs.second],
            "n": found.scores.shape[1],
            "mean_diff": pairs.mean,
            "std_diff": pairs.std,
            "ci_low": pairs.low,
            "ci_high": pairs.high,
            "p_value": pairs.p_value,
            "p_holm": pairs.p_holm,
        },
        columns=PAIRS,
    )


def _tested(chosen: Sequence[Gathered], scores: np.ndarray, metric: str) -> Pairs:
    """The pairs of experiments that are alike; without what two folds, or one, can't say."""
    first, second = np.triu_indices(len(chosen), k=1)
    nothing = np.full(len(first), math.nan)
    if not len(first):
        return Pairs(first, second, *[nothing] * 6)
    if scores.shape[1] < 2:
        mean = (scores[second] - scores[first]).mean(axis=1)
        return Pairs(first, second, mean, *[nothing] * 5)
    # What one group of test images weighs, which is the same for all; and what draws of them change.
    step = error_floor((chosen[0], chosen[1]), metric, has_same_rows=False)
    drawn = difference_errors([each.deviations for each in chosen], metric)
    folds = chosen[0].folds
    shares = np.array([each.test_share for each in chosen])
    found = all_pairs(scores, test_share=shares, folds=folds, floor=np.fmax(step, drawn))
    if folds >= MIN_FOLDS:
        return found
    return Pairs(first, second, found.mean, found.std, found.low, found.high, nothing, nothing)


def _by_fold(experiment: Gathered, metric: str) -> list[float]:
    return [value for _, value in sorted(experiment.values[ALL, metric].items())]


def _best(experiments: Sequence[Gathered], metric: str) -> list[Gathered]:
    """The MOST_RANKED experiments with the best mean, in the order of the study."""
    if len(experiments) <= MOST_RANKED:
        return list(experiments)
    means = np.array([_by_fold(each, metric) for each in experiments]).mean(axis=1)
    order = np.argsort(means if metric in LOWER_IS_BETTER else -means, kind="stable")
    return [experiments[place] for place in np.sort(order[:MOST_RANKED])]


def _alike(experiments: Sequence[Gathered]) -> list[Gathered]:
    """The largest set of experiments with the same fold files and the same rows in each fold."""
    by_rows: dict[tuple[Any, ...], list[Gathered]] = {}
    for each in experiments:
        rows: list[tuple[Place, str]] = sorted((place, trial.rows) for place, trial in each.trials.items())
        by_rows.setdefault((each.record.fold_files, *rows), []).append(each)
    return max(by_rows.values(), key=len) if by_rows else []
