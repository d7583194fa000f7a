"""Per-fold scores of each experiment, before aggregation.

Trials are read through their cache. What needs the rows of all folds at once (the bootstrap, the loss on
held-out sources) is computed for complete experiments alone and kept too, by the hashes of the predictions
that it comes from, so that one new trial costs one experiment.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pandas as pd

from orchestrator.analysis import calibrate, holdout
from orchestrator.analysis.bootstraps import Bootstraps
from orchestrator.analysis.data_sizes import size_series
from orchestrator.analysis.image_scores import keep_image_scores
from orchestrator.analysis.rows import CalibrationRow, HoldoutRow, ReliabilityRow
from orchestrator.analysis.trial_scores import (
    ALL,
    CACHE,
    Place,
    Problem,
    Reader,
    TrialScores,
    independent_folds,
    place_name,
)
from orchestrator.statistics.bootstrap import Deviations
from orchestrator.store.folder import State, Store, trial_state
from orchestrator.store.predictions import DAMAGE
from orchestrator.store.race_file import EliminationRecord, RaceRecord, read_race
from orchestrator.store.records import ExperimentRecord, StudyRecord
from trainables import memo
from trainables.evaluation.metrics import GAP

# What is kept of a complete experiment; `bootstraps` keeps the intervals.
KEPT = ("holdout", "calibration", "reliability")
Slice = tuple[str, str]
# With fewer groups a class and fold an interval is rough (simulated in benchmarks/validity).
ROUGH_GROUPS = 20


@dataclass(slots=True)
class Gathered:
    """One experiment: its record, its trials by (repeat, fold), and why others have no scores.

    values: (source, metric) -> fold -> value, of the test rows, and train_val_gap. reasons: the same for what
    does not exist. bounds: metric -> bootstrap interval. deviations: bootstrap draws of each repeat, where it
    is compared. holdout: one row per held-out source of fakes.
    calibration and reliability: rows as in `calibrate`. setup: what the trials ran with, once it was asked.
    elimination: how it left a race, so that trials after that are not looked at; num_spared of them never ran
    to their end.
    """

    record: ExperimentRecord
    folders: dict[Place, Path] = field(default_factory=dict)
    trials: dict[Place, TrialScores] = field(default_factory=dict)
    problems: dict[Place, Problem] = field(default_factory=dict)
    values: dict[Slice, dict[Place, float]] = field(default_factory=dict)
    reasons: dict[Slice, dict[Place, str]] = field(default_factory=dict)
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    deviations: list[Deviations] = field(default_factory=list)
    holdout: list[HoldoutRow] = field(default_factory=list)
    calibration: list[CalibrationRow] = field(default_factory=list)
    reliability: list[ReliabilityRow] = field(default_factory=list)
    setup: dict[str, frozenset[str]] | None = None
    elimination: EliminationRecord | None = None
    num_spared: int = 0

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.record.name

    @property
    def expected(self) -> int:
        """How many trials the protocol asks for."""
        return num_expected(self.record)

    @property
    def repeats(self) -> int:
        """How many repeats the protocol asks for."""
        return self.record.recipe.cv_repeats

    @property
    def is_complete(self) -> bool:
        """Whether every trial that the protocol asks for is there."""
        return len(self.trials) == self.expected

    @property
    def test_share(self) -> float:
        """n_test / n_train of the folds, over the trials that are there.

        Of a subsample it is the share by which the folds were dealt: training parts that are cut to a share
        overlap as much as whole ones do, and a test fold that is large beside them tells more, not less.
        """
        recipe, trials = self.record.recipe, self.trials.values()
        if recipe.subsample < 1.0 and recipe.protocol == "cv":
            return 1.0 / (recipe.cv_folds - 1)
        if recipe.subsample < 1.0 and recipe.protocol == "holdout":
            return recipe.test_ratio / (1.0 - recipe.test_ratio)
        return sum(trial.n_test for trial in trials) / sum(trial.n_train for trial in trials)

    @property
    def folds(self) -> int:
        """How many folds degrees of freedom come from; see `independent_folds`."""
        return independent_folds(self.trials)

    @property
    def fewest_groups(self) -> int:
        """The fewest groups of a class in a test fold."""
        return min((trial.num_groups[ALL] for trial in self.trials.values()), default=0)

    @property
    def has_rough_intervals(self) -> bool:
        """Whether test folds have so few groups of a class that intervals are rough."""
        return bool(self.trials) and self.fewest_groups < ROUGH_GROUPS

    def step(self, source: str = ALL) -> float:
        """Return how much one group of test images weighs in a mean over folds; 0 where there is none."""
        first = min((repeat for repeat, _ in self.trials), default=0)
        counts = [
            trial.num_groups.get(source, 0) for (repeat, _), trial in self.trials.items() if repeat == first
        ]
        return 1.0 / sum(counts) if any(counts) else 0.0

    def why_missing(self, source: str, metric: str) -> str:
        """Say why a metric has no mean; empty where it has one."""
        values = self.values.get((source, metric), {})
        if len(values) == self.expected:
            return ""
        if self.elimination is not None:
            return elimination_reason(self.elimination)
        for place, problem in sorted(self.problems.items()):
            return f"{self.called(place)} {problem.state}: {problem.reason}"
        for place, reason in sorted(self.reasons.get((source, metric), {}).items()):
            return f"{self.called(place)}: {reason}"
        if len(self.trials) < self.expected:
            return f"{len(self.trials)} of {self.expected} folds were asked for"
        return f"{len(values)} of {self.expected} folds have it"

    def called(self, place: Place) -> str:
        """Name a trial by its fold, and its repeat where there are several."""
        return f"repeat {place[0]} fold {place[1]}" if self.repeats > 1 else f"fold {place[1]}"

    def add(self, place: Place, folder: Path, found: TrialScores | Problem) -> None:
        """Take what a trial says."""
        self.folders[place] = folder
        if isinstance(found, Problem):
            self.problems[place] = found
            return
        self.trials[place] = found
        for rows, target in ((found.scores, self.values), (found.missing, self.reasons)):
            for split, source, metric, content in rows:
                if split == "test" or metric == GAP:
                    target.setdefault((source, metric), {})[place] = content


def num_expected(experiment: ExperimentRecord) -> int:
    """Return how many trials the experiment's protocol asks for."""
    return experiment.recipe.num_folds * experiment.recipe.cv_repeats


def gather(store: Store, study: StudyRecord) -> list[Gathered]:
    """Read every trial of a study."""
    reader = Reader(store)
    bootstraps = Bootstraps(store.cached(CACHE))
    compared = {name for each in study.phase.comparisons for name in (each.baseline, each.treatment)}
    compared |= {name for names in size_series(study) for name in names}
    compared |= set(study.phase.decision.names if study.phase.decision is not None else ())
    race = read_race(store, study.phase.name)
    found = []
    for record in study.experiments:
        experiment = read_experiment(reader, store, record, race=race)
        key = _key(experiment)
        path = store.cached(CACHE, f"experiment-{key[:24]}.memo")
        known = memo.read(path, key) if experiment.is_complete else None
        try:
            if known is not None:
                for name in KEPT:
                    setattr(experiment, name, known[name])
            else:
                experiment.calibration, experiment.reliability = _calibrations(reader, experiment)
                if experiment.is_complete:
                    experiment.holdout = _holdout(reader, experiment)
                    memo.write(path, key, {name: getattr(experiment, name) for name in KEPT})
            if experiment.is_complete:
                keep_image_scores(store, reader, experiment.trials, experiment.folders)
                bootstraps.ask(
                    experiment.name,
                    experiment.trials,
                    experiment.folders,
                    reader,
                    is_compared=experiment.name in compared,
                )
        except DAMAGE:
            # A trial was taken away, or begun again, after its scores were read: by now it has none.
            experiment = read_experiment(reader, store, record, race=race)
        found.append(experiment)
        reader.forget()
        bootstraps.compute_many()
    bootstraps.compute()
    for experiment in found:
        experiment.bounds = bootstraps.bounds(experiment.name)
        experiment.deviations = bootstraps.deviations(experiment.name)
    return found


def read_experiment(
    reader: Reader, store: Store, record: ExperimentRecord, *, race: RaceRecord | None = None
) -> Gathered:
    """Read the trials that a record names, without what needs the rows of all folds at once.

    Of an experiment that left a race, trials after that are left out, finished or not: which of them had been
    begun by then hangs on the machine.
    """
    elimination = None if race is None else race.elimination(record)
    experiment = Gathered(record, elimination=elimination)
    for trial in record.trials:
        folder, place = store.trial(trial.folder), (trial.repeat, trial.fold)
        if elimination is not None and place > elimination.place:
            experiment.num_spared += trial_state(folder) != State.DONE
            problem = Problem(State.ELIMINATED, elimination_reason(elimination))
            experiment.add(place, folder, problem)
            continue
        experiment.add(place, folder, reader.read(folder, threshold_by=record.threshold_by))
    return experiment


def elimination_reason(elimination: EliminationRecord) -> str:
    """Say when an experiment left a race, and behind whom."""
    return f"eliminated after {place_name(elimination.place)} by the race, behind {elimination.leader}"


def _calibrations(reader: Reader, experiment: Gathered) -> tuple[list[CalibrationRow], list[ReliabilityRow]]:
    """Calibrate every trial that is there; the bins are those of all folds together."""
    trials = {
        place: (experiment.folders[place].name, reader.predictions(experiment.folders[place]))
        for place in sorted(experiment.trials)
    }
    return calibrate.calibrate(experiment.name, trials, num_expected=experiment.expected)


def _holdout(reader: Reader, experiment: Gathered) -> list[HoldoutRow]:
    """Compare held-out sources with those trained on, where the recipe restricts the training sources."""
    trained = experiment.record.recipe.train_sources
    if not trained or any(trial.num_classes > 2 for trial in experiment.trials.values()):
        return []
    frames = [
        reader.predictions(folder).test.frame(repeat=repeat, fold=fold)
        for (repeat, fold), folder in sorted(experiment.folders.items())
    ]
    try:
        deltas = holdout.holdout_deltas(
            pd.concat(frames, ignore_index=True), train_sources=trained, test_share=experiment.test_share
        )
    except ValueError as error:
        return [
            {"source": ALL, "n": 0, "n_expected": experiment.expected, "by_fold": [], "reason": str(error)}
        ]
    return [_holdout_row(delta, num_expected=experiment.expected) for delta in deltas]


def _holdout_row(found: holdout.Holdout, *, num_expected: int) -> HoldoutRow:
    numbers = {
        "in_source": found.in_source.mean,
        "held_out": found.held_out.mean,
        "delta": found.delta.mean,
        "std": found.delta.std,
        "ci_low": found.delta.low,
        "ci_high": found.delta.high,
        "p_value": found.p_value,
    }
    # JSON has no NaN: what does not exist is left out.
    known = cast(HoldoutRow, {name: value for name, value in numbers.items() if math.isfinite(value)})
    lacking = found.num_expected - found.num_folds
    have = "fold has" if lacking == 1 else "folds have"
    reason = f"{lacking} {have} no image of one side" if lacking else ""
    return {
        **known,
        "source": found.source,
        "n": found.num_folds,
        "n_expected": num_expected,
        "by_fold": list(found.by_fold),
        "reason": reason,
    }


def _key(experiment: Gathered) -> str:
    """What hold-out and calibration hang on."""
    trials = [
        # The folder too: calibration.csv names it, and equal predictions may lie in another one.
        [*place, experiment.folders[place].name, trial.sha256, trial.n_test, trial.n_train]
        for place, trial in sorted(experiment.trials.items())
    ]
    inputs = [experiment.name, experiment.record.recipe.train_sources, trials]
    return memo.key(inputs, code=__name__, libraries=("numpy", "scipy"))


def score_rows(experiments: Iterable[Gathered]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of scores.csv; what does not exist has no value."""
    for experiment in experiments:
        for (repeat, fold), trial in experiment.trials.items():
            where = (experiment.name, repeat, fold)
            name = experiment.folders[repeat, fold].name
            for split, source, metric, value in trial.scores:
                yield (*where, split, source, metric, value, name)
            for split, source, metric, _ in trial.missing:
                yield (*where, split, source, metric, math.nan, name)
