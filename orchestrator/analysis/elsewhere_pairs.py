"""Differences between detectors on the same images, and what each experiment loses against its home folds.

Two detectors are compared on the images that all detectors of an evaluation have scores of. Models of the
same folds are paired; images always are, since resampled images are the same for both. What an experiment
loses is, model by model, the score on its own test fold less the score here: of the same model on other
images, harder or unlike those that it learned from. Holm corrects over all pairs, and over all experiments.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.detectors import JudgedDetector
from orchestrator.analysis.elsewhere import ImageSample, Measured, floored, images_part, why_no_mean
from orchestrator.statistics.crossed import ErrorPart, crossed_interval, crossed_p_value, models_part
from orchestrator.statistics.intervals import Interval
from orchestrator.statistics.paired import holm
from trainables.evaluation.metrics import LOWER_IS_BETTER, TUNED, is_rate

# What does not hang on how many fakes there are, so that it may be held against another data set.
COMPARED_WITH_HOME = ("auc", "balanced_accuracy", f"balanced_accuracy{TUNED}")
PAIRED_BY = "auc"


@dataclass(frozen=True, slots=True)
class DetectorDifference:
    """`treatment` less `baseline` by a metric, as the mean over models and of the ensembles.

    `is_paired` tells whether models were paired by fold. What does not exist is NaN, with the reason.
    """

    baseline: str
    treatment: str
    metric: str
    condition: str
    images: int
    groups: int
    n: int
    is_paired: bool
    mean_diff: float = math.nan
    std_diff: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    p_value: float = math.nan
    p_holm: float = math.nan
    ensemble_diff: float = math.nan
    ensemble_low: float = math.nan
    ensemble_high: float = math.nan
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HomeLoss:
    """The score of an experiment's models on their own test folds, here, and what is lost (home less here).

    Of a metric of which lower is better the loss is here less home. NaN with the reason where there is none.
    """

    experiment: str
    metric: str
    condition: str
    n: int
    n_expected: int
    home: float = math.nan
    here: float = math.nan
    loss: float = math.nan
    std: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    p_value: float = math.nan
    p_holm: float = math.nan
    reason: str = ""


def detector_differences(
    detectors: Sequence[JudgedDetector],
    measured: Mapping[str, Measured],
    images: ImageSample,
    *,
    condition: str,
    metric: str = PAIRED_BY,
) -> list[DetectorDifference]:
    """Compare every two complete detectors by a metric.

    Args:
        detectors: those of an evaluation, in its order.
        measured: each of them on the images that all have.
        images: these images.
        condition: what was done to them.
        metric: what is compared.
    """
    whole = [each for each in detectors if each.name in measured and not each.problem]
    found = [
        _difference(one, other, measured, images, condition=condition, metric=metric)
        for one, other in itertools.combinations(whole, 2)
    ]
    corrected = holm([each.p_value for each in found])
    return [dataclasses.replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True)]


def home_losses(
    detectors: Iterable[JudgedDetector],
    measured: Mapping[str, Measured],
    samples: Mapping[str, ImageSample],
    *,
    condition: str,
) -> list[HomeLoss]:
    """Hold each experiment against its home test folds, by every metric of COMPARED_WITH_HOME."""
    found: list[HomeLoss] = []
    whole = [each for each in detectors if not each.is_foreign and each.name in measured]
    for metric in COMPARED_WITH_HOME:
        rows = [_loss(each, measured[each.name], samples[each.name], condition, metric) for each in whole]
        corrected = holm([row.p_value for row in rows])
        found += [dataclasses.replace(row, p_holm=p) for row, p in zip(rows, corrected, strict=True)]
    return sorted(found, key=lambda row: [each.name for each in whole].index(row.experiment))


def _difference(
    one: JudgedDetector,
    other: JudgedDetector,
    measured: Mapping[str, Measured],
    images: ImageSample,
    *,
    condition: str,
    metric: str,
) -> DetectorDifference:
    mine, theirs = measured[one.name], measured[other.name]
    first, second = mine.array(metric), theirs.array(metric)
    is_paired = _is_paired(one, other)
    row = DetectorDifference(
        baseline=one.name,
        treatment=other.name,
        metric=metric,
        condition=condition,
        images=len(images.labels),
        groups=images.groups.num_groups,
        n=len(first) if is_paired else len(first) + len(second),
        is_paired=is_paired,
    )
    if reason := why_no_mean(one, mine, metric) or why_no_mean(other, theirs, metric):
        return dataclasses.replace(row, reason=reason)
    drawn = _less(theirs.drawn, mine.drawn, metric)
    of_images = floored(images_part(drawn, images), images)
    interval = _paired_interval(one, other, first, second, of_images, is_paired=is_paired)
    low, high = _clipped(interval, metric)
    row = dataclasses.replace(
        row,
        mean_diff=interval.mean,
        std_diff=interval.std if is_paired else math.nan,
        ci_low=low,
        ci_high=high,
        p_value=crossed_p_value(interval),
        reason="" if of_images is not None else "there are too few groups to resample",
    )
    return _with_ensembles(row, mine, theirs, images)


def _with_ensembles(
    row: DetectorDifference, mine: Measured, theirs: Measured, images: ImageSample
) -> DetectorDifference:
    """Add the difference of two ensembles, of which one may be a single model, for these models alone."""
    difference = theirs.ensemble[row.metric] - mine.ensemble[row.metric]
    drawn = _less(theirs.ensemble_drawn, mine.ensemble_drawn, row.metric)
    interval = crossed_interval(np.array([difference]), [floored(images_part(drawn, images), images)])
    low, high = _clipped(interval, row.metric)
    return dataclasses.replace(row, ensemble_diff=difference, ensemble_low=low, ensemble_high=high)


def _paired_interval(
    one: JudgedDetector,
    other: JudgedDetector,
    first: np.ndarray,
    second: np.ndarray,
    of_images: ErrorPart | None,
    *,
    is_paired: bool,
) -> Interval:
    if of_images is None:
        return crossed_interval(np.array([float(np.mean(second)) - float(np.mean(first))]), [])
    share, folds = max(one.test_share, other.test_share), min(one.folds, other.folds)
    if is_paired:
        differences = second - first
        of_models = models_part(differences, test_share=share, folds=folds)
        return crossed_interval(differences, [of_models, of_images])
    parts = [
        models_part(values, test_share=each.test_share, folds=each.folds)
        for each, values in ((one, first), (other, second))
    ]
    return crossed_interval(np.array([np.mean(second) - np.mean(first)]), [*parts, of_images])


def _is_paired(one: JudgedDetector, other: JudgedDetector) -> bool:
    """Tell whether two experiments have a model of the same training images for each fold."""
    return bool(one.folds_of) and one.folds_of == other.folds_of and one.columns == other.columns


def _less(theirs: Mapping[str, np.ndarray], mine: Mapping[str, np.ndarray], metric: str) -> np.ndarray | None:
    if metric not in theirs or metric not in mine:
        return None
    return np.asarray(theirs[metric] - mine[metric])


def _clipped(interval: Interval, metric: str) -> tuple[float, float]:
    """The interval of a difference; that of two rates is within -1 to 1."""
    if not is_rate(metric):
        return interval.low, interval.high
    low, high = np.clip([interval.low, interval.high], -1.0, 1.0).tolist()
    return low, high


def _loss(
    detector: JudgedDetector, measured: Measured, images: ImageSample, condition: str, metric: str
) -> HomeLoss:
    here, home = measured.values.get(metric, {}), detector.home.get(metric, {})
    both = [column for column in detector.columns if column in here and column in home]
    row = HomeLoss(
        experiment=detector.name,
        metric=metric,
        condition=condition,
        n=len(both),
        n_expected=detector.num_expected,
        reason=detector.problem or measured.reasons.get(metric, "") or detector.home_problem,
    )
    if len(both) < detector.num_expected or row.reason:
        return dataclasses.replace(row, reason=row.reason or "not every home test fold has it")
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    losses = sign * np.array([home[column] - here[column] for column in both])
    of_images = floored(measured.images_part(metric, images), images)
    of_models = models_part(losses, test_share=detector.test_share, folds=detector.folds)
    reason = ""
    if of_images is None or of_models is None:
        # With one fold nothing says how much other home images would change.
        reason = "one home fold has no interval" if of_models is None else "too few groups to resample"
        interval = crossed_interval(losses, [])
    else:
        interval = crossed_interval(losses, [of_models, of_images])
    low, high = _clipped(interval, metric)
    return dataclasses.replace(
        row,
        home=float(np.mean([home[column] for column in both])),
        here=float(np.mean([here[column] for column in both])),
        loss=interval.mean,
        std=interval.std,
        ci_low=low,
        ci_high=high,
        p_value=crossed_p_value(interval) if not reason else math.nan,
        reason=reason,
    )
