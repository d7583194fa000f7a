"""Robustness of detectors: scores under each condition, the changes by perturbations, and a number for all.

Every condition has the same images and the same models, so that each is compared with the clean images,
paired by both (`statistics.two_way`). A detector's number is the mean AUC over the clean images and each kind
of perturbation, all of them with the same weight; strengths of one kind share the weight of their kind, which
does not count more because more of its strengths were asked for. Detectors are compared by the difference of
these numbers, paired by image, and by fold where both were trained on the same folds. Changes under the
conditions are corrected by Holm over the conditions of a detector, differences over all pairs.

Metrics at a threshold use that which each model had chosen at home: scores that all move by the same amount
leave the AUC as it is, and those metrics not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from orchestrator.analysis.trial_scores import Place
from orchestrator.statistics import Interval, PairedTest, holm
from orchestrator.statistics.bootstrap import KEPT, bootstrap
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from orchestrator.statistics.resampled import Batch, Groups, Sample, make_sample
from orchestrator.statistics.two_way import OverModels, two_way_rate, two_way_test
from trainables.data.perturbations import parse_perturbation

CLEAN = "clean"
HEADLINE = "auc"
ROBUSTNESS_METRICS = (HEADLINE, "balanced_accuracy", "accuracy", "recall")


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedImages:
    """The images: labels, int [N], and groups; `key` names both and the paths, 64 hexadecimal digits."""

    key: str
    labels: np.ndarray
    groups: Groups

    @property
    def free(self) -> int:
        """How many more groups there are than strata."""
        return self.groups.num_groups - len(self.groups.strata)


@dataclass(frozen=True, slots=True, eq=False)
class PerturbedScores:
    """A detector's scores: condition -> model -> P(fake), float [N], or [N, C], in the order of the images.

    `num_expected` is how many models the detector has when all are trained, `folds` how many training folds
    there are in a repeat. Models without a threshold use 0.5.
    """

    name: str
    num_expected: int
    folds: int
    scores: Mapping[str, Mapping[Place, np.ndarray]]
    thresholds: Mapping[Place, float]


@dataclass(frozen=True, slots=True)
class Level:
    """A metric under one condition: its mean over models, and its change against the clean images."""

    interval: Interval
    change: PairedTest | None
    p_holm: float | None = None


@dataclass(frozen=True, slots=True)
class UnderCondition:
    """A detector under one condition: `n` models of `num_expected`; without levels the `reason`."""

    condition: str
    n: int
    num_expected: int
    levels: Mapping[str, Level]
    reason: str = ""

    @property
    def kind(self) -> str:
        """The kind of the perturbation; that of clean images is CLEAN."""
        return CLEAN if self.condition == CLEAN else parse_perturbation(self.condition).kind


@dataclass(frozen=True, slots=True)
class DetectorRobustness:
    """A detector under every condition, clean first, and its number over all; None with the `reason`."""

    name: str
    conditions: tuple[UnderCondition, ...]
    overall: Interval | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OverallDifference:
    """How much more robust the treatment is than the baseline, by their numbers over all conditions."""

    baseline: str
    treatment: str
    test: PairedTest
    p_holm: float
    is_by_fold: bool


@dataclass(frozen=True, slots=True)
class Robustness:
    """What perturbations do to some detectors on the same images; `reason` where nothing can be told."""

    conditions: tuple[str, ...]
    images: int
    groups: int
    detectors: tuple[DetectorRobustness, ...]
    differences: tuple[OverallDifference, ...]
    reason: str = ""


# The draws of a detector: condition -> metric -> its models.
_Drawn = dict[str, dict[str, OverModels]]


def condition_weights(conditions: Sequence[str]) -> dict[str, float]:
    """Return the weight of each condition in a detector's number: the same for clean and for each kind."""
    kinds = [CLEAN if each == CLEAN else parse_perturbation(each).kind for each in conditions]
    number = len(set(kinds))
    return {
        condition: 1.0 / (number * kinds.count(kind))
        for condition, kind in zip(conditions, kinds, strict=True)
    }


def robustness(
    images: EvaluatedImages, detectors: Iterable[PerturbedScores], conditions: Sequence[str]
) -> Robustness:
    """Compute what perturbations do to detectors.

    Args:
        images: on which every detector has scores.
        detectors: read one after the other; their arrays are not kept.
        conditions: CLEAN and the perturbations, in the order in which they are shown.

    Returns:
        Differences are those between detectors of which every model scored under every condition.
    """
    number = len(images.labels)
    if images.free < 1 or len(np.unique(images.labels)) < 2:
        reason = "the images have too few groups, or one class alone"
        return Robustness(tuple(conditions), number, images.groups.num_groups, (), (), reason)
    found, overall = [], dict[str, tuple[OverModels, tuple[Place, ...]]]()
    for each in detectors:
        drawn, problems = _drawn(images, each, conditions)
        places = tuple(sorted(each.scores.get(CLEAN, ())))
        total = None if problems else _overall(drawn, condition_weights(conditions))
        if total is not None:
            overall[each.name] = total, places
        found.append(
            DetectorRobustness(
                each.name,
                tuple(_under(images, each, condition, drawn, problems) for condition in conditions),
                None if total is None else _rate(images, total),
                next(iter(problems.values()), ""),
            )
        )
    differences = _differences(images, overall)
    return Robustness(tuple(conditions), number, images.groups.num_groups, _corrected(found), differences)


def _drawn(
    images: EvaluatedImages, detector: PerturbedScores, conditions: Sequence[str]
) -> tuple[_Drawn, dict[str, str]]:
    """Return the draws under every condition that is complete, and why others are not."""
    problems = {}
    for condition in conditions:
        there = len(detector.scores.get(condition, ()))
        if there < detector.num_expected:
            problems[condition] = f"{there} of {detector.num_expected} models have scores under {condition}"
    whole = [condition for condition in conditions if condition not in problems]
    places = {condition: sorted(detector.scores[condition]) for condition in whole}
    samples = [
        _sample(images, detector.scores[condition][place], detector.thresholds.get(place, 0.5))
        for condition in whole
        for place in places[condition]
    ]
    if not samples:
        return {}, problems
    once = np.ones((1, images.groups.num_groups), dtype=np.float32)
    points = Batch.of(samples).measures(once)
    redrawn = bootstrap([[sample] for sample in samples], draws=KEPT)
    drawn: _Drawn = {}
    start = 0
    for condition in whole:
        end = start + len(places[condition])
        drawn[condition] = {
            metric: OverModels(
                points[metric][0, start:end],
                np.stack([each.deviations[metric] for each in redrawn[start:end]]),
                detector.folds,
            )
            for metric in ROBUSTNESS_METRICS
        }
        start = end
    return drawn, problems


def _sample(images: EvaluatedImages, scores: np.ndarray, threshold: float) -> Sample:
    predicted = scores.argmax(axis=1) if scores.ndim == 2 else (scores >= threshold).astype(np.int64)
    return make_sample(images.key, images.labels, scores, predicted, images.groups)


def _under(
    images: EvaluatedImages,
    detector: PerturbedScores,
    condition: str,
    drawn: _Drawn,
    problems: Mapping[str, str],
) -> UnderCondition:
    there, levels = len(detector.scores.get(condition, ())), dict[str, Level]()
    for metric, models in drawn.get(condition, {}).items():
        change = None
        if condition != CLEAN and CLEAN in drawn:
            change = _test(images, models.plus(drawn[CLEAN][metric].times(-1.0)))
        levels[metric] = Level(_rate(images, models), change)
    return UnderCondition(condition, there, detector.num_expected, levels, problems.get(condition, ""))


def _rate(images: EvaluatedImages, models: OverModels) -> Interval:
    return two_way_rate(models, free=images.free, step=_step(images))


def _test(images: EvaluatedImages, *terms: OverModels) -> PairedTest:
    return two_way_test(terms, free=images.free, floor=LEAST_OF_A_GROUP * _step(images))


def _step(images: EvaluatedImages) -> float:
    """Return how much one group weighs in the class that has the fewest."""
    held = [len(np.unique(images.groups.of_row[images.labels == c])) for c in np.unique(images.labels)]
    return 1.0 / min(held)


def _overall(drawn: _Drawn, weights: Mapping[str, float]) -> OverModels:
    first, *others = (drawn[condition][HEADLINE].times(weight) for condition, weight in weights.items())
    for each in others:
        first = first.plus(each)
    return first


def _corrected(detectors: Sequence[DetectorRobustness]) -> tuple[DetectorRobustness, ...]:
    """Correct the p-values of each metric over the conditions of a detector."""
    return tuple(
        DetectorRobustness(each.name, _holm_over(each.conditions), each.overall, each.reason)
        for each in detectors
    )


def _holm_over(conditions: Sequence[UnderCondition]) -> tuple[UnderCondition, ...]:
    corrected: dict[tuple[str, str], float] = {}
    for metric in ROBUSTNESS_METRICS:
        tested = {
            each.condition: change.p_value
            for each in conditions
            if metric in each.levels and (change := each.levels[metric].change) is not None
        }
        for condition, p in zip(tested, holm(list(tested.values())), strict=True):
            corrected[condition, metric] = p
    return tuple(
        UnderCondition(
            each.condition,
            each.n,
            each.num_expected,
            {
                metric: Level(level.interval, level.change, corrected.get((each.condition, metric)))
                for metric, level in each.levels.items()
            },
            each.reason,
        )
        for each in conditions
    )


def _differences(
    images: EvaluatedImages, overall: Mapping[str, tuple[OverModels, tuple[Place, ...]]]
) -> tuple[OverallDifference, ...]:
    found = []
    for baseline, treatment in combinations(overall, 2):
        (one, places), (other, others) = overall[baseline], overall[treatment]
        is_by_fold = places == others and one.folds == other.folds
        minus = one.times(-1.0)
        test = _test(images, other.plus(minus)) if is_by_fold else _test(images, other, minus)
        found.append((baseline, treatment, test, is_by_fold))
    corrected = holm([test.p_value for _, _, test, _ in found])
    return tuple(
        OverallDifference(baseline, treatment, test, p, is_by_fold)
        for (baseline, treatment, test, is_by_fold), p in zip(found, corrected, strict=True)
    )
