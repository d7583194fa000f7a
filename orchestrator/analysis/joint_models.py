"""Finished trials of an experiment that predict together: their calibrations, and their decision threshold.

Both come from inner validation rows alone, and from those of its own trial for each trial: other trials have
learned from these rows, so there are none that the mean of all could be tuned on. A calibration is fitted on
them. The threshold of the mean is the mean of the trials' thresholds, of which each has the best value of the
experiment's `threshold_by` on its rows, calibrated: so what one trial's scores are too high by, its threshold
is too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from orchestrator.store.find_experiment import recorded_classes
from orchestrator.store.finished_trials import FinishedTrial, finished_trials
from orchestrator.store.folder import Store, claimed_hash
from orchestrator.store.predictions import DAMAGE, Part, read_predictions
from orchestrator.store.records import ExperimentRecord
from trainables.data.dataset.polarity import BINARY
from trainables.errors import InputError
from trainables.evaluation.calibration import Method, Parameters, calibrated, fit
from trainables.evaluation.metrics import ThresholdMetric
from trainables.evaluation.thresholds import best_threshold

CalibrationChoice = Literal["temperature", "platt", "isotonic", "none"]
# What is decided by where no threshold could be tuned.
EVEN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedTrial:
    """A finished trial, how its scores are calibrated, and its inner validation rows calibrated so.

    labels are int64 [N], probabilities P(fake), [N], or one column per class, [N, C]; N may be 0.
    """

    trial: FinishedTrial
    calibration: Parameters
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def is_calibrated(self) -> bool:
        """Whether its scores are changed at all."""
        return self.calibration["outcome"] != "not fitted"


@dataclass(frozen=True, slots=True, eq=False)
class JointModels:
    """The trials of an experiment that predict together, and what is wrong with others (`problems`).

    `classes` are the names of the classes that they tell apart; `num_expected` is how many trials were asked
    for.
    """

    experiment: ExperimentRecord
    trials: tuple[CalibratedTrial, ...]
    classes: tuple[str, ...]
    method: CalibrationChoice
    num_expected: int
    problems: tuple[str, ...] = ()

    def without(self, failed: Collection[int], problems: Sequence[str]) -> "JointModels":
        """Leave out the trials at some places, and say why."""
        kept = tuple(each for place, each in enumerate(self.trials) if place not in failed)
        return replace(self, trials=kept, problems=(*self.problems, *problems))


@dataclass(frozen=True, slots=True)
class JointThreshold:
    """From which P(fake) on an image is called fake.

    `by` is the metric that it was tuned for, on `num_rows` rows of `num_models` models; "" where it is EVEN,
    for the reason given.
    """

    value: float
    by: ThresholdMetric | Literal[""]
    num_rows: int
    num_models: int
    reason: str = ""


def joint_models(
    store: Store,
    experiment: ExperimentRecord,
    *,
    folds: Collection[int] | None = None,
    method: CalibrationChoice = "temperature",
) -> JointModels:
    """Find the models of an experiment, and calibrate each of them.

    Args:
        store: results, which are only read.
        experiment: its record.
        folds: only these; None = all.
        method: how to calibrate.

    Raises:
        InputError: there is no such fold, or no trial has a model.
    """
    planned = tuple(trial for trial in experiment.trials if folds is None or trial.fold in folds)
    known = sorted({trial.fold for trial in experiment.trials})
    if unknown := sorted(set(folds or ()) - set(known)):
        raise InputError(
            f"{experiment.name} has no fold {', '.join(map(str, unknown))}; its folds are "
            f"{', '.join(map(str, known))}"
        )
    found = finished_trials(store, experiment.model_copy(update={"trials": planned}))
    trials = tuple(_calibrated(trial, method) for trial in found.trials)
    return JointModels(
        experiment,
        trials,
        _class_names(store, experiment, trials[0].trial.num_classes),
        method,
        len(planned),
        found.problems,
    )


def joint_threshold(models: JointModels) -> JointThreshold:
    """Average the thresholds of two classes that suit the calibrated inner validation rows of each trial."""
    if len(models.classes) != 2:
        return JointThreshold(EVEN, "", 0, 0, "of several classes the likeliest is taken")
    metric = models.experiment.threshold_by
    best = [own_threshold(each, models) for each in models.trials]
    tuned = [(each, value) for each, value in zip(models.trials, best, strict=True) if value is not None]
    if not tuned:
        return JointThreshold(
            EVEN, "", 0, 0, "no model has inner validation rows of both classes to tune it on"
        )
    mean = float(np.mean([value for _, value in tuned]))
    return JointThreshold(mean, metric, sum(len(each.labels) for each, _ in tuned), len(tuned))


def own_threshold(each: CalibratedTrial, models: JointModels) -> float | None:
    """Return the best threshold of two classes on a trial's own calibrated inner validation rows."""
    if len(models.classes) != 2:
        return None
    return best_threshold(each.labels, each.probabilities, metric=models.experiment.threshold_by)


def _calibrated(trial: FinishedTrial, method: CalibrationChoice) -> CalibratedTrial:
    """Fit a trial's calibration on its inner validation rows; not fitted where there are none to read."""
    part: Part | None = None
    reason = "it kept no inner validation rows"
    try:
        predictions = read_predictions(trial.folder, sha256=claimed_hash(trial.folder))
    except DAMAGE as error:
        reason = f"its predictions can't be read ({' '.join(str(error).split())[:100]})"
    else:
        part = predictions.val
        # A trial that no study names any more does not say how many classes there were.
        trial = replace(trial, num_classes=predictions.test.num_classes)
    if part is None:
        shape = (0,) if trial.num_classes == 2 else (0, trial.num_classes)
        return CalibratedTrial(
            trial, _not_fitted(method, reason), np.zeros(0, dtype=np.int64), np.zeros(shape)
        )
    raw = part.probabilities.astype(np.float64)
    if not np.isfinite(raw).all():
        return CalibratedTrial(
            trial, _not_fitted(method, "a validation score is no number"), part.labels[:0], raw[:0]
        )
    parameters = (
        _not_fitted(method, "it was not asked for") if method == "none" else fit(method, part.labels, raw)
    )
    return CalibratedTrial(trial, parameters, part.labels, calibrated(parameters, raw))


def _not_fitted(method: CalibrationChoice, reason: str) -> Parameters:
    named: Method = "temperature" if method == "none" else method
    return {"method": named, "outcome": "not fitted", "reason": reason, "num_rows": 0}


def _class_names(store: Store, experiment: ExperimentRecord, num_classes: int) -> tuple[str, ...]:
    """The names of the classes of an experiment's data; numbers where no study names them any more."""
    if num_classes == len(BINARY):
        return BINARY
    named = recorded_classes(store, experiment)
    return named if named is not None and len(named) == num_classes else tuple(map(str, range(num_classes)))
