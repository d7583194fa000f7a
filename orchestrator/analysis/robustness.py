"""Robustness of detectors: scores under each condition, the changes by perturbations, and a number for all.

Every condition has the same images and the same models, so that each is compared with the clean images,
paired by both. A detector's number is the mean AUC over the clean images and each kind of perturbation, all
of them with the same weight; strengths of one kind share the weight of their kind, which does not count more
because more of its strengths were asked for. Detectors are compared by the difference of these numbers.
Intervals are those of `elsewhere`: other models and other images. Changes are corrected by Holm over the
conditions of a detector, differences over all pairs.

Metrics at the home threshold say what the AUC does not: scores that all move by the same amount leave it as
it is.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.analysis.detectors import JudgedDetector
from orchestrator.analysis.elsewhere import (
    ImageSample,
    Measured,
    measure_detectors,
    score_interval,
    why_no_mean,
)
from orchestrator.analysis.elsewhere_pairs import DetectorDifference, detector_differences
from orchestrator.statistics.bootstrap import Deviations
from orchestrator.statistics.paired import holm
from orchestrator.store.evaluation_files import CLEAN, EvaluationRecord, read_scores
from orchestrator.store.folder import Store
from trainables.data.perturbations import parse_perturbation
from trainables.evaluation.metrics import TUNED

HEADLINE = "auc"
ROBUSTNESS_METRICS = (
    HEADLINE, "balanced_accuracy", "recall", f"balanced_accuracy{TUNED}", f"recall{TUNED}",
)  # fmt: skip
# The name of the weighted mean over all conditions, where a condition is named.
ALL_CONDITIONS = "all"


@dataclass(frozen=True, slots=True)
class ConditionScore:
    """A metric of a detector under a condition: n models of `n_expected`, their mean, and the change.

    The change is this condition less the clean images. What does not exist is NaN, with the reason.
    """

    detector: str
    condition: str
    kind: str
    strength: float
    metric: str
    images: int
    groups: int
    n: int
    n_expected: int
    mean: float = math.nan
    std: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    change: float = math.nan
    change_low: float = math.nan
    change_high: float = math.nan
    p_value: float = math.nan
    p_holm: float = math.nan
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RobustMean:
    """The mean AUC of a detector over all conditions, weighted as `condition_weights` says."""

    detector: str
    conditions: int
    n: int
    n_expected: int
    mean: float = math.nan
    std: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Robustness:
    """Detectors under perturbations: each by condition and metric, its mean, and every two of them.

    `conditions` begin with CLEAN. `clean_only` are detectors that are known by scores of the clean images
    alone.
    """

    conditions: tuple[str, ...]
    scores: tuple[ConditionScore, ...] = ()
    means: tuple[RobustMean, ...] = ()
    differences: tuple[DetectorDifference, ...] = ()
    clean_only: tuple[str, ...] = ()

    def of(self, detector: str, metric: str = HEADLINE) -> list[ConditionScore]:
        """Return a metric of a detector under every condition, in their order."""
        return [row for row in self.scores if (row.detector, row.metric) == (detector, metric)]


def condition_weights(conditions: Sequence[str]) -> dict[str, float]:
    """Return the weight of each condition in a detector's number: the same for clean and for each kind."""
    kinds = [_kind(each) for each in conditions]
    number = len(set(kinds))
    return {
        condition: 1.0 / (number * kinds.count(kind))
        for condition, kind in zip(conditions, kinds, strict=True)
    }


def under_conditions(
    store: Store, record: EvaluationRecord, detector: JudgedDetector, images: pd.DataFrame
) -> dict[str, JudgedDetector]:
    """Return an experiment's detector under each condition of an evaluation.

    Args:
        store: the results.
        record: the evaluation.
        detector: with its scores of the clean images.
        images: the evaluation's images.
    """
    known, paths = read_scores(store, record.name, detector.name), images["path"].tolist()
    found = {CLEAN: detector}
    for condition in record.conditions:
        if condition == CLEAN:
            continue
        given = {
            column: scores
            for column in detector.columns
            if known is not None and (scores := known.of(column, paths, condition=condition)) is not None
        }
        problem = detector.problem
        if not problem and len(given) < detector.num_expected:
            problem = f"{len(given)} of {detector.num_expected} models have scores under {condition}"
        found[condition] = dataclasses.replace(detector, scores=given, problem=problem)
    return found


def read_robustness(
    store: Store, record: EvaluationRecord, detectors: Sequence[JudgedDetector], images: pd.DataFrame
) -> Robustness:
    """Compute what the perturbations of an evaluation do to its detectors, from their stored scores.

    Args:
        store: the results.
        record: the evaluation.
        detectors: those with scores of its clean images.
        images: these images.
    """
    if len(record.conditions) < 2:
        return Robustness(record.conditions)
    perturbed = (under_conditions(store, record, each, images) for each in detectors if not each.is_foreign)
    clean_only = [each.name for each in detectors if each.is_foreign]
    return robustness(images, perturbed, record.conditions, clean_only=clean_only)


def robustness(
    images: pd.DataFrame,
    detectors: Iterable[Mapping[str, JudgedDetector]],
    conditions: Sequence[str],
    *,
    clean_only: Sequence[str] = (),
) -> Robustness:
    """Compute what perturbations do to detectors.

    Args:
        images: the evaluation's images.
        detectors: each under every condition; taken one after the other, and not kept.
        conditions: CLEAN first.
        clean_only: the names of detectors that have no scores under perturbations.
    """
    sample, weights = ImageSample.of(images), condition_weights(conditions)
    scores: list[ConditionScore] = []
    means: list[RobustMean] = []
    whole: list[JudgedDetector] = []
    overall: dict[str, Measured] = {}
    for under in detectors:
        measured = {
            condition: measure_detectors([each], images, np.arange(len(images)))[each.name]
            for condition, each in under.items()
            if each.scores
        }
        for metric in ROBUSTNESS_METRICS:
            scores += _under(under, measured, sample, metric)
        clean, problem = under[CLEAN], next((each.problem for each in under.values() if each.problem), "")
        if not problem:
            whole.append(clean)
            overall[clean.name] = total = _weighted(measured, weights)
            problem = why_no_mean(clean, total, HEADLINE)
        row = RobustMean(
            clean.name, len(under), min(len(each.scores) for each in under.values()), clean.num_expected,
            reason=problem,
        )  # fmt: skip
        if not problem:
            found = score_interval(clean, total, HEADLINE, sample)
            row = dataclasses.replace(
                row, mean=found.mean, std=found.std, ci_low=found.low, ci_high=found.high
            )
        means.append(row)
    differences = detector_differences(whole, overall, sample, condition=ALL_CONDITIONS, metric=HEADLINE)
    return Robustness(tuple(conditions), tuple(scores), tuple(means), tuple(differences), tuple(clean_only))


def _under(
    under: Mapping[str, JudgedDetector], measured: Mapping[str, Measured], sample: ImageSample, metric: str
) -> list[ConditionScore]:
    """Return a metric of one detector under each condition; nothing where it has no such metric."""
    if not any(len(each.array(metric)) for each in measured.values()):
        return []
    rows = []
    for condition, detector in under.items():
        row = ConditionScore(
            detector=detector.name,
            condition=condition,
            kind=_kind(condition),
            strength=math.nan if condition == CLEAN else parse_perturbation(condition).strength,
            metric=metric,
            images=len(sample.labels),
            groups=sample.groups.num_groups,
            n=len(detector.scores),
            n_expected=detector.num_expected,
            reason=detector.problem or why_no_mean(detector, measured[condition], metric),
        )
        if not row.reason:
            found = score_interval(detector, measured[condition], metric, sample)
            row = dataclasses.replace(
                row, mean=found.mean, std=found.std, ci_low=found.low, ci_high=found.high
            )
            if condition != CLEAN and not under[CLEAN].problem:
                row = _changed(row, under[CLEAN], detector, measured, sample)
        rows.append(row)
    corrected = iter(holm([row.p_value for row in rows if row.condition != CLEAN]))
    return [
        row if row.condition == CLEAN else dataclasses.replace(row, p_holm=next(corrected)) for row in rows
    ]


def _changed(
    row: ConditionScore,
    clean: JudgedDetector,
    other: JudgedDetector,
    measured: Mapping[str, Measured],
    sample: ImageSample,
) -> ConditionScore:
    """Compare the models of a detector with themselves: each is paired with itself, whatever its folds."""
    # Of a detector whose folds are not known its own name stands for them.
    folds_of = clean.folds_of or (clean.name,)
    pair = [
        dataclasses.replace(each, name=name, folds_of=folds_of)
        for name, each in ((CLEAN, clean), (row.condition, other))
    ]
    named = {CLEAN: measured[CLEAN], row.condition: measured[row.condition]}
    (found,) = detector_differences(pair, named, sample, condition=row.condition, metric=row.metric)
    return dataclasses.replace(
        row,
        change=found.mean_diff,
        change_low=found.ci_low,
        change_high=found.ci_high,
        p_value=found.p_value,
        reason=row.reason or found.reason,
    )


def _weighted(measured: Mapping[str, Measured], weights: Mapping[str, float]) -> Measured:
    """Return the mean AUC over conditions of each model, with its draws."""
    columns = list(next(iter(measured.values())).values.get(HEADLINE, {}))
    every = [(weight, measured[condition]) for condition, weight in weights.items()]
    reason = next((each.reasons[HEADLINE] for _, each in every if HEADLINE in each.reasons), "")
    if reason:
        return Measured({}, {}, {HEADLINE: reason})

    values = {
        column: math.fsum(weight * each.values[HEADLINE][column] for weight, each in every)
        for column in columns
    }
    return Measured(
        {HEADLINE: values},
        {HEADLINE: math.fsum(weight * each.ensemble[HEADLINE] for weight, each in every)},
        {},
        drawn=_mean_draws([(weight, each.drawn) for weight, each in every]),
        ensemble_drawn=_mean_draws([(weight, each.ensemble_drawn) for weight, each in every]),
    )


def _mean_draws(every: Sequence[tuple[float, Deviations]]) -> Deviations:
    """Return the weighted mean of draws that are the same draws of groups; none where one has none."""
    if any(HEADLINE not in drawn for _, drawn in every):
        return {}
    return {HEADLINE: np.sum([weight * drawn[HEADLINE] for weight, drawn in every], axis=0)}


def _kind(condition: str) -> str:
    return CLEAN if condition == CLEAN else parse_perturbation(condition).kind
