"""Balance of each experiment over the sources of fakes, beside its score: balance.csv.

On each fold a source's AUC is that of its fakes against all real images. `worst` is the mean over folds of
the lowest of them, `spread` that of their standard deviation (ddof 1) over sources; both lie in 0 to 1, and
so do their corrected intervals. The lowest of several AUCs is low in part by chance, and the more so the
fewer images a source has; that is the same for all experiments on the same rows, so differences are paired.
worst_source is the source that is the worst on most folds (worst_folds of them).

`difference` is the worst-source AUC minus that of `against`, the comparable experiment with the best mean
score, with its corrected interval; p_holm is corrected over all pairs of comparable experiments, since the
best mean was picked after its numbers were seen.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator import statistics
from orchestrator.analysis.comparing import test_share
from orchestrator.analysis.every_pair import EveryPair
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.rows import BalanceRow
from orchestrator.analysis.trial_scores import ALL, Place
from orchestrator.analysis.verdict_limits import error_floor
from orchestrator.statistics import PairedTest
from orchestrator.statistics.chosen_pair import MIN_FOLDS
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from orchestrator.statistics.ranking import all_pairs

BALANCE = list(BalanceRow.__annotations__)
# Of fewer sources there is no worst one.
MIN_SOURCES = 2


@dataclass(frozen=True, slots=True, eq=False)
class SourceAucs:
    """AUC of each source of fakes on each fold, float [sources, n]; `reason` where a fold lacks one."""

    sources: tuple[str, ...]
    places: tuple[Place, ...]
    aucs: np.ndarray
    reason: str = ""

    @property
    def worst(self) -> np.ndarray:
        """The lowest AUC on each fold, float [n]."""
        return np.asarray(self.aucs.min(axis=0))

    @property
    def spread(self) -> np.ndarray:
        """The standard deviation over sources on each fold, float [n]."""
        return np.asarray(self.aucs.std(axis=0, ddof=1))


def source_aucs(experiment: Gathered) -> SourceAucs | None:
    """Return the AUCs by source of all folds; None with fewer than two sources of fakes."""
    known = {
        source: experiment.values.get((source, metric), {})
        for source, metric in [*experiment.values, *experiment.reasons]
        if source != ALL and metric == "auc"
    }
    if len(known) < MIN_SOURCES:
        return None
    sources, places = tuple(sorted(known)), tuple(sorted(experiment.trials))
    for source in sources:
        if len(known[source]) != experiment.expected:
            why = experiment.why_missing(source, "auc")
            reason = why if experiment.problems else f"{source}: {why}"
            return SourceAucs(sources, places, np.empty((len(sources), 0)), reason)
    return SourceAucs(sources, places, np.array([[known[each][at] for at in places] for each in sources]))


def balance_table(experiments: Sequence[Gathered], comparable: EveryPair) -> pd.DataFrame:
    """Return balance.csv: a row for each experiment with two sources of fakes or more."""
    rows: list[BalanceRow] = []
    leader = _leader(comparable)
    found = {each.name: aucs for each in experiments if (aucs := source_aucs(each)) is not None}
    for each in experiments:
        if each.name in found:
            row = _row(each, found[each.name])
            if leader is not None and each.name in comparable.names and each is not leader:
                _add_difference(row, leader, each)
            rows.append(row)
    corrected = _over_pairs(comparable, leader, found)
    for row in rows:
        if "p_value" in row:
            row["p_holm"] = corrected.get(row["experiment"], math.nan)
    frame = pd.DataFrame(rows, columns=BALANCE)
    texts = ("experiment", "worst_source", "against", "reason")
    numbers = [name for name in BALANCE if name not in (*texts, "n", "n_expected", "sources", "worst_folds")]
    return frame.astype(dict.fromkeys(numbers, float) | {"worst_folds": "Int64"})


def worst_source_test(baseline: Gathered, treatment: Gathered) -> PairedTest | None:
    """Compare the worst-source AUC of two experiments on the same rows, paired by fold.

    None where one of them lacks an AUC, where they were not tested on the same folds, or where a single split
    or two folds give no test.
    """
    sides = (baseline, treatment)
    one, other = (source_aucs(side) for side in sides)
    if one is None or other is None or one.reason or other.reason or one.places != other.places:
        return None
    if any(baseline.trials[at].rows != treatment.trials[at].rows for at in one.places):
        return None
    if baseline.folds < MIN_FOLDS or one.aucs.shape[1] < MIN_FOLDS:
        return None
    # Of the source with the fewest groups one group weighs most.
    floor = max(error_floor(sides, "auc", source, has_same_rows=False) for source in one.sources)
    return statistics.corrected_paired_t_test(
        one.worst, other.worst, test_share=test_share(sides), folds=baseline.folds, floor=floor
    )


def _over_pairs(
    comparable: EveryPair, leader: Gathered | None, found: Mapping[str, SourceAucs]
) -> dict[str, float]:
    """Correct the p-values of all pairs of comparable experiments; return those of the leader's, by name.

    A pair that can't be tested counts as one of the family all the same.
    """
    every = comparable.experiments
    whole = [each for each in every if each.name in found and not found[each.name].reason]
    if leader is None or len(whole) < 2 or leader.folds < MIN_FOLDS:
        return {}
    if leader.name not in {each.name for each in whole}:
        return {}
    floor = max(LEAST_OF_A_GROUP * leader.step(source) for source in found[leader.name].sources)
    pairs = all_pairs(
        np.array([found[each.name].worst for each in whole]),
        test_share=np.array([each.test_share for each in whole]),
        folds=leader.folds,
        floor=floor,
    )
    untested = math.comb(len(every), 2) - len(pairs.p_value)
    p_holm = statistics.holm([*pairs.p_value.tolist(), *[math.nan] * untested])
    names = [
        (whole[one].name, whole[other].name) for one, other in zip(pairs.first, pairs.second, strict=True)
    ]
    return {
        other if one == leader.name else one: p
        for (one, other), p in zip(names, p_holm[: len(names)], strict=True)
        if leader.name in (one, other)
    }


def _leader(comparable: EveryPair) -> Gathered | None:
    """The comparable experiment with the best mean score; None where there is none to compare it with."""
    if len(comparable.experiments) < 2:
        return None
    return comparable.experiments[int(np.argmax(comparable.goodness))]


def _row(experiment: Gathered, found: SourceAucs) -> BalanceRow:
    row: BalanceRow = {
        "experiment": experiment.name,
        "n": found.aucs.shape[1] or len(experiment.trials),
        "n_expected": experiment.expected,
        "sources": len(found.sources),
        "reason": found.reason,
    }
    if found.reason:
        return row
    share, folds = experiment.test_share, experiment.folds
    step = max(experiment.step(source) for source in found.sources)
    worst = statistics.corrected_rate(found.worst, test_share=share, folds=folds, step=step)
    spread = statistics.corrected_rate(found.spread, test_share=share, folds=folds, step=0.0)
    counts = Counter(found.sources[place] for place in found.aucs.argmin(axis=0).tolist())
    source = min(counts, key=lambda name: (-counts[name], name))
    return {
        **row,
        "worst_source": source,
        "worst_folds": counts[source],
        "worst": worst.mean,
        "worst_std": worst.std,
        "worst_low": worst.low,
        "worst_high": worst.high,
        "spread": spread.mean,
        "spread_low": spread.low,
        "spread_high": spread.high,
    }


def _add_difference(row: BalanceRow, leader: Gathered, experiment: Gathered) -> None:
    test = worst_source_test(leader, experiment)
    # One that can't be tested counts among those that the others are corrected for.
    row["against"], row["p_value"] = leader.name, math.nan
    if test is not None:
        row["difference"], row["ci_low"] = test.difference.mean, test.difference.low
        row["ci_high"], row["p_value"] = test.difference.high, test.p_value
