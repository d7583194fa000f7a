"""Detectors of an evaluation: the scores of their models on its images, and what those models did at home.

An experiment has a model for each trial, a file of foreign scores one without a home. A home threshold is
that of the model's own inner validation rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from orchestrator.analysis.experiment_scores import Gathered, read_experiment
from orchestrator.analysis.trial_scores import ALL, Place, Reader, independent_folds
from orchestrator.store.evaluation_files import (
    CLEAN,
    FOREIGN_COLUMN,
    EvaluatedExperiment,
    EvaluationRecord,
    read_scores,
)
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.folder import Store
from trainables.errors import InputError

THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True, eq=False)
class JudgedDetector:
    """A detector with scores of images.

    `scores` holds those of each model by its column, float [N] or [N, C], for the images whose places in the
    evaluation's table are `rows`. `home` is metric -> column -> value of the model's own test fold, and
    `thresholds` its decision threshold from its inner validation rows. `problem` is why there is no mean over
    its models; empty where there is one. Models of the same `folds_of` are paired by fold.
    """

    name: str
    is_foreign: bool
    rows: np.ndarray
    scores: Mapping[str, np.ndarray]
    num_expected: int
    problem: str = ""
    folds: int = 1
    test_share: float = 0.0
    folds_of: tuple[str, ...] = ()
    home: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    home_problem: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its models, in order."""
        return tuple(self.scores)

    def at(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """Return its models' scores of images, by places of the evaluation's table that are in `rows`."""
        at = np.searchsorted(self.rows, places)
        return {column: each[at] for column, each in self.scores.items()}


def read_detectors(
    store: Store, record: EvaluationRecord, images: pd.DataFrame, *, condition: str = CLEAN
) -> list[JudgedDetector]:
    """Read every detector of an evaluation.

    Args:
        store: the results.
        record: the evaluation.
        images: its images, as `read_evaluated_images` gives them.
        condition: what was done to the images.
    """
    reader = Reader(store)
    found = []
    for experiment in record.experiments:
        found.append(_experiment(store, reader, record, experiment, images, condition))
        reader.forget()
    if condition == CLEAN:
        found += [_foreign(store, record, each.name, images) for each in record.foreign]
    return found


def _experiment(
    store: Store,
    reader: Reader,
    record: EvaluationRecord,
    evaluated: EvaluatedExperiment,
    images: pd.DataFrame,
    condition: str,
) -> JudgedDetector:
    paths, table = images["path"].tolist(), read_scores(store, record.name, evaluated.name)
    places: dict[Place, str] = {}
    scores: dict[str, np.ndarray] = {}
    for trial in evaluated.trials:
        given = None if table is None else table.of(trial.column, paths, condition=condition)
        if given is not None:
            places[trial.repeat, trial.fold], scores[trial.column] = trial.column, given
    home = _home(store, reader, evaluated)
    values: dict[str, dict[str, float]] = {}
    for place, column in places.items():
        for (source, metric), by_place in home.values.items() if home is not None else ():
            if source == ALL and place in by_place:
                values.setdefault(metric, {})[column] = by_place[place]
    return JudgedDetector(
        name=evaluated.name,
        is_foreign=False,
        rows=np.arange(len(paths)),
        scores=scores,
        num_expected=evaluated.num_expected,
        problem=_incomplete(evaluated, len(scores)),
        folds=independent_folds(places) if places else 1,
        test_share=_test_share(home, evaluated),
        folds_of=(home.record.fold_files or ()) if home is not None else (),
        home=values,
        thresholds=values.get(THRESHOLD, {}),
        home_problem=_home_problem(home, places),
    )


def _home(store: Store, reader: Reader, evaluated: EvaluatedExperiment) -> Gathered | None:
    """What the experiment's trials did on their own folds; None where it is not in results/ any more."""
    try:
        return read_experiment(reader, store, find_experiment(store, evaluated.asked or evaluated.name))
    except InputError:
        return None


def _home_problem(home: Gathered | None, places: Mapping[Place, str]) -> str:
    if home is None:
        return "the experiment is not in results/ any more"
    lacking = [place for place in places if place not in home.trials]
    if not lacking:
        return ""
    problem = home.problems.get(lacking[0])
    return f"{home.called(lacking[0])}: {'it is not there any more' if problem is None else problem.reason}"


def _incomplete(evaluated: EvaluatedExperiment, number: int) -> str:
    if number == evaluated.num_expected:
        return ""
    reason = f": {evaluated.problems[0]}" if evaluated.problems else ""
    return f"{number} of {evaluated.num_expected} models have scores{reason}"


def _test_share(home: Gathered | None, evaluated: EvaluatedExperiment) -> float:
    """n_test / n_train of the home folds; where no trial says so, that of as many folds as there are."""
    if home is not None and home.trials:
        return home.test_share
    places = [(trial.repeat, trial.fold) for trial in evaluated.trials]
    return 1.0 / max(1, independent_folds(places) - 1) if places else 1.0


def _foreign(store: Store, record: EvaluationRecord, name: str, images: pd.DataFrame) -> JudgedDetector:
    found = read_scores(store, record.name, name)
    scored = set() if found is None else set(found.table["path"])
    rows = np.flatnonzero(images["path"].isin(list(scored)).to_numpy())
    paths = images["path"].to_numpy()[rows].tolist()
    given = None if found is None else found.of(FOREIGN_COLUMN, paths)
    return JudgedDetector(
        name=name,
        is_foreign=True,
        rows=rows,
        scores={} if given is None or not len(rows) else {FOREIGN_COLUMN: given},
        num_expected=1,
        problem="" if given is not None and len(rows) else "none of the images that are left has a score",
    )
