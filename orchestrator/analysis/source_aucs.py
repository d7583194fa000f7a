"""AUC of one source's fakes against chosen sources of real images, fold by fold, from kept counts of pairs.

Nothing here reads predictions: `trial_scores` counts the pairs of sources of each trial once and keeps them.
An AUC over folds exists where every fold of the protocol has one; else there is the reason why not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.holdout import FAKE, REAL
from orchestrator.analysis.trial_scores import MOST_PAIRS, Place
from orchestrator.statistics import Interval, corrected_rate
from orchestrator.store.records import StudyRecord
from trainables.evaluation.source_pairs import PairCount, auc_of_pairs


@dataclass(frozen=True, slots=True)
class SourceAuc:
    """AUC of the fakes of a source over the folds of an experiment.

    by_fold: of the folds that have one. interval: over all folds, None where one lacks it, which `reason`
    explains. step: how much one group of test images of the rarer side weighs in the mean over folds.
    """

    experiment: str
    fake_source: str
    by_fold: tuple[tuple[Place, float], ...]
    num_expected: int
    interval: Interval | None
    step: float
    reason: str = ""

    @property
    def values(self) -> np.ndarray:
        """The AUC of each fold in their order, float [n]."""
        return np.array([value for _, value in self.by_fold])


def data_sources(study: StudyRecord, experiment: Gathered) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sources of real and of fake images in the data of an experiment with two classes, by name.

    They are those of the study's record of the data; of data that it does not describe, those tested on.
    """
    found: dict[int, set[str]] = {REAL: set(), FAKE: set()}
    for data in study.data:
        if data.root == experiment.record.data:
            for each in data.counts:
                found.setdefault(each.label, set()).add(each.source)
    if not found[REAL] and not found[FAKE]:
        for trial in experiment.trials.values():
            found[REAL].update(str(row[0]) for row in trial.pairs)
            found[FAKE].update(str(row[1]) for row in trial.pairs)
    return tuple(sorted(found[REAL])), tuple(sorted(found[FAKE]))


def has_two_classes(experiment: Gathered) -> bool:
    """Tell whether an experiment tells real from fake, by its record and by what its trials found."""
    trials = experiment.trials.values()
    return experiment.record.num_classes == 2 and all(trial.num_classes == 2 for trial in trials)


def is_trained_on(experiment: Gathered, source: str) -> bool:
    """Tell whether training saw images of a source."""
    trained = experiment.record.recipe.train_sources
    return trained is None or source in trained


@dataclass(frozen=True, slots=True)
class FoldPairs:
    """Pairs of a real and a fake source in each test fold of an experiment with two classes."""

    experiment: Gathered
    counts: Mapping[Place, Mapping[tuple[str, str], PairCount]]

    @classmethod
    def of(cls, experiment: Gathered) -> "FoldPairs":
        """Take the counts that are kept of each trial."""
        return cls(
            experiment,
            {
                place: {(str(row[0]), str(row[1])): PairCount(*row) for row in trial.pairs}
                for place, trial in sorted(experiment.trials.items())
            },
        )

    def auc(self, fake_source: str, real_sources: Sequence[str]) -> SourceAuc:
        """Return the AUC of the fakes of one source against the real images of some, over all folds."""
        by_fold = []
        for place, counts in self.counts.items():
            mine = [counts[real, fake_source] for real in real_sources if (real, fake_source) in counts]
            value = auc_of_pairs(mine)
            if value is not None:
                by_fold.append((place, value))
        experiment = self.experiment
        step = _step(experiment, fake_source, real_sources)
        reason = self._why_incomplete({place for place, _ in by_fold}, fake_source)
        interval = None
        if not reason:
            interval = corrected_rate(
                np.array([value for _, value in by_fold]),
                test_share=experiment.test_share,
                folds=experiment.folds,
                step=step,
            )
        return SourceAuc(
            experiment.name, fake_source, tuple(by_fold), experiment.expected, interval, step, reason
        )

    def _why_incomplete(self, found: set[Place], fake_source: str) -> str:
        """Say why a fold has no AUC of a source; empty where every fold of the protocol has one."""
        experiment = self.experiment
        if len(found) == experiment.expected:
            return ""
        tested = experiment.record.recipe.eval_sources
        if tested is not None and fake_source not in tested:
            return f"it was not tested on {fake_source}"
        for place, problem in sorted(experiment.problems.items()):
            return f"{experiment.called(place)} {problem.state}: {problem.reason}"
        for place, counts in self.counts.items():
            if place in found:
                continue
            if not counts:
                return f"{experiment.called(place)} has one class, or more than {MOST_PAIRS} pairs of sources"
            is_there = any(fake == fake_source for _, fake in counts)
            lacking = "real image of the sources asked for" if is_there else f"fake image of {fake_source}"
            return f"{experiment.called(place)} has no {lacking}"
        return f"{len(experiment.trials)} of {experiment.expected} folds were asked for"


def _step(experiment: Gathered, fake_source: str, real_sources: Sequence[str]) -> float:
    """Weigh one group of test images of the rarer side, 1 over how many groups a repeat tests."""
    first = min((repeat for repeat, _ in experiment.trials), default=0)
    counts = [trial.num_groups for (repeat, _), trial in experiment.trials.items() if repeat == first]
    sides = ((fake_source,), tuple(real_sources))
    groups = [sum(each.get(name, 0) for each in counts for name in side) for side in sides]
    return 1.0 / min(groups) if min(groups) else 0.0
