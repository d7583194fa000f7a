"""AUC of each source of fakes against each source of real images, and how far the sources are apart.

The spread of an experiment is computed in each fold and then averaged: the standard deviation (ddof 1) of its
AUCs over the sources of fakes, and their range. Both are above 0 even where all sources are equally hard,
since the AUCs of few images differ by chance; so experiments are compared with each other, on equal test
rows, and not with 0.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.analysis.comparing import test_share
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.source_aucs import (
    FoldPairs,
    SourceAuc,
    data_sources,
    has_two_classes,
    is_trained_on,
)
from orchestrator.analysis.trial_scores import ALL
from orchestrator.statistics import Interval, PairedTest, corrected_rate
from orchestrator.statistics.chosen_pair import chosen_pair
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from orchestrator.store.records import StudyRecord

FLOATS = ("mean", "std", "ci_low", "ci_high")
PAIRWISE_SOURCES = [
    "experiment", "real_source", "fake_source", "measure", "n", "n_expected", *FLOATS, "reason",
]  # fmt: skip
# Among more the pairs would be tens of thousands.
MOST_COMPARED = 200


@dataclass(frozen=True, slots=True)
class SourceSpread:
    """How far the AUCs of an experiment are apart over its sources of fakes, against some real images.

    aucs: of each source of fakes. by_fold: the standard deviation of each fold, float [n]. deviation and
    extent: it and the range over all folds, None where one lacks an AUC, which `reason` explains.
    real_source: ALL for all of them together.
    """

    experiment: str
    real_source: str
    aucs: tuple[SourceAuc, ...]
    by_fold: tuple[float, ...] = ()
    deviation: Interval | None = None
    extent: Interval | None = None
    reason: str = ""

    @property
    def step(self) -> float:
        """How much one group of test images of the rarest source weighs."""
        return max((auc.step for auc in self.aucs), default=0.0)


@dataclass(frozen=True, slots=True)
class LeastBalanced:
    """The experiment with the greatest spread over sources, the next one, and the difference of the two.

    They are among `num_experiments` that were trained on every source and tested on the same rows.
    """

    first: SourceSpread
    second: SourceSpread
    test: PairedTest
    num_experiments: int


def source_spreads(study: StudyRecord, experiments: Mapping[str, Gathered]) -> tuple[SourceSpread, ...]:
    """Return the AUCs and the spread of each experiment with two classes, against each source of real images.

    Of several real sources all of them together come first, of one this one stands for all.
    """
    found = []
    for experiment in experiments.values():
        if not has_two_classes(experiment):
            continue
        real_sources, fake_sources = data_sources(study, experiment)
        tested = experiment.record.recipe.eval_sources
        reals, fakes = (
            [source for source in sources if tested is None or source in tested]
            for sources in (real_sources, fake_sources)
        )
        pairs = FoldPairs.of(experiment)
        sides = (
            [(reals[0], reals)] if len(reals) == 1 else [(ALL, reals), *((name, [name]) for name in reals)]
        )
        found += [_spread(experiment, pairs, called, chosen, fakes) for called, chosen in sides]
    return tuple(found)


def against_all(spreads: Sequence[SourceSpread]) -> dict[str, SourceSpread]:
    """Return the spread of each experiment against all its real images: its first one."""
    found: dict[str, SourceSpread] = {}
    for spread in spreads:
        found.setdefault(spread.experiment, spread)
    return found


def least_balanced(
    study: StudyRecord, experiments: Mapping[str, Gathered], spreads: Sequence[SourceSpread]
) -> LeastBalanced | None:
    """Compare the greatest spread with the next; None with fewer than two that can be compared.

    An experiment that a source was held out of is unbalanced by design and is left out, and of those that
    share their trials all but the first.
    """
    whole = {name: spread for name, spread in against_all(spreads).items() if spread.deviation is not None}
    by_rows: dict[tuple[object, ...], dict[tuple[object, ...], SourceSpread]] = {}
    for name, spread in whole.items():
        experiment = experiments[name]
        if all(is_trained_on(experiment, source) for source in data_sources(study, experiment)[1]):
            places = sorted(experiment.trials.items())
            rows = tuple((place, trial.rows) for place, trial in places)
            folders = tuple(str(experiment.folders[place]) for place, _ in places)
            by_rows.setdefault(rows, {}).setdefault(folders, spread)
    chosen = list(max(by_rows.values(), key=len).values())[:MOST_COMPARED] if by_rows else []
    if len(chosen) < 2:
        return None
    values = np.array([spread.by_fold for spread in chosen])
    order = np.argsort(-values.mean(axis=1), kind="stable")
    first, second = int(order[0]), int(order[1])
    mine = [experiments[spread.experiment] for spread in chosen]
    test = chosen_pair(
        values,
        first,
        second,
        test_share=test_share(mine),
        folds=mine[0].folds,
        floor=LEAST_OF_A_GROUP * max(spread.step for spread in chosen),
    )
    return LeastBalanced(chosen[first], chosen[second], test, len(chosen))


def pairwise_table(spreads: Sequence[SourceSpread]) -> pd.DataFrame:
    """Return pairwise_sources.csv: `auc` of each pair of sources, then `std` and `range` over the fakes."""
    rows = [row for spread in spreads for row in _rows(spread)]
    frame = pd.DataFrame(rows, columns=PAIRWISE_SOURCES)
    return frame.astype(dict.fromkeys(FLOATS, float) | {"n": int, "n_expected": int})


def _spread(
    experiment: Gathered, pairs: FoldPairs, called: str, reals: Sequence[str], fakes: Sequence[str]
) -> SourceSpread:
    aucs = tuple(pairs.auc(fake, reals) for fake in fakes)
    found = SourceSpread(experiment.name, called, aucs)
    reasons = [f"{auc.fake_source}: {auc.reason}" for auc in aucs if auc.reason]
    if len(aucs) < 2 or reasons:
        few = f"{len(aucs)} source of fakes; a spread needs two"
        return SourceSpread(experiment.name, called, aucs, reason=reasons[0] if reasons else few)
    values = np.array([auc.values for auc in aucs])
    deviations, extents = np.std(values, axis=0, ddof=1), np.ptp(values, axis=0)
    deviation, extent = (
        corrected_rate(each, test_share=experiment.test_share, folds=experiment.folds, step=found.step)
        for each in (deviations, extents)
    )
    return SourceSpread(experiment.name, called, aucs, tuple(deviations.tolist()), deviation, extent)


def _rows(spread: SourceSpread) -> Iterator[tuple[object, ...]]:
    for auc in spread.aucs:
        counts = (len(auc.by_fold), auc.num_expected)
        numbers = _numbers(auc.interval)
        yield (spread.experiment, spread.real_source, auc.fake_source, "auc", *counts, *numbers, auc.reason)
    for measure, interval in (("std", spread.deviation), ("range", spread.extent)):
        n = min((len(auc.by_fold) for auc in spread.aucs), default=0)
        expected = max((auc.num_expected for auc in spread.aucs), default=0)
        where = (spread.experiment, spread.real_source, ALL, measure, n, expected)
        yield (*where, *_numbers(interval), spread.reason)


def _numbers(interval: Interval | None) -> tuple[float, ...]:
    if interval is None:
        return (math.nan,) * len(FLOATS)
    return interval.mean, interval.std, interval.low, interval.high
