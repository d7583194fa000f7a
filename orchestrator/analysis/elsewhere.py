"""Scores of detectors on the images of an evaluation: each model, their mean, and the ensemble of all.

The mean over models is what one model gives; its interval is that of other models and other images
(`statistics.crossed`). The ensemble is the mean of their probabilities; its interval is that of other images
for these models, by a bootstrap over groups. Detectors on the same images share the draws, so that any two of
them can be paired.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from orchestrator.analysis.detectors import JudgedDetector
from orchestrator.statistics.bootstrap import KEPT, Bounds, Deviations, Redrawn, bootstrap
from orchestrator.statistics.crossed import ErrorPart, crossed_interval, models_part
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP, Interval
from orchestrator.statistics.resampled import Groups, Sample, make_sample
from orchestrator.store.fingerprint import fingerprint
from trainables.evaluation.detection import threshold_metrics
from trainables.evaluation.metrics import AT_A_THRESHOLD, METRICS, TUNED, is_rate
from trainables.evaluation.scoring import all_metrics, predicted_classes

# Every metric that says how good scores are, each by one name; the last ones at the home threshold.
SHOWN_ELSEWHERE = (
    *(name for name, facts in METRICS.items() if facts.is_compared and not facts.alias_of),
    *(f"{name}{TUNED}" for name in AT_A_THRESHOLD),
)


@dataclass(frozen=True, slots=True)
class ElsewhereScore:
    """A metric of a detector: n models of `n_expected`, their mean, std and interval, and the ensemble's.

    What does not exist is NaN, with the reason.
    """

    detector: str
    kind: str
    condition: str
    metric: str
    images: int
    groups: int
    n: int
    n_expected: int
    mean: float = math.nan
    std: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    ensemble: float = math.nan
    ensemble_low: float = math.nan
    ensemble_high: float = math.nan
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSample:
    """Images as they are resampled: labels int [N], groups, and a key that seeds the draws.

    `least_groups` is how many groups hold the class that the fewest groups hold.
    """

    key: str
    labels: np.ndarray
    groups: Groups
    least_groups: int

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "ImageSample":
        """Take rows with the columns path, group and label."""
        labels = rows["label"].to_numpy(dtype=np.int64)
        codes = pd.factorize(rows["group"])[0].astype(np.int64)
        key = fingerprint([rows["path"].tolist(), rows["group"].tolist(), labels.tolist()])
        groups = Groups.of(codes, labels)
        held = [len(np.unique(groups.of_row[labels == each])) for each in np.unique(labels)]
        return cls(key, labels, groups, min(held))

    @property
    def degrees(self) -> int:
        """Degrees of freedom of an error by resampled groups.

        A class has about a half of those of all groups, and none has more than its groups less one.
        """
        free = (self.groups.num_groups - len(self.groups.strata)) // 2
        return max(1, min(free, self.least_groups - 1))

    @property
    def step(self) -> float:
        """How much a group weighs, of the class that the fewest groups hold."""
        return 1.0 / self.least_groups

    def sample(self, scores: np.ndarray, predicted: np.ndarray, *, counts_auc: bool = True) -> Sample:
        """Sum scores and decisions by group, for the bootstrap."""
        found = make_sample(self.key, self.labels, scores, predicted, self.groups)
        return found if counts_auc else dataclasses.replace(found, runs=())


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A detector on some images: metric -> model's column -> value, and that of the ensemble.

    `reasons` say why a metric does not exist. `drawn` are deviations of the mean over models, and
    `ensemble_drawn` those of the ensemble, in the same draws for every detector on these images.
    """

    values: Mapping[str, Mapping[str, float]]
    ensemble: Mapping[str, float]
    reasons: Mapping[str, str]
    drawn: Deviations = field(default_factory=dict)
    ensemble_drawn: Deviations = field(default_factory=dict)
    ensemble_bounds: Bounds = field(default_factory=dict)

    def array(self, metric: str) -> np.ndarray:
        """Return a metric of every model, float [n]."""
        return np.array(list(self.values.get(metric, {}).values()), dtype=np.float64)

    def images_part(self, metric: str, images: ImageSample) -> ErrorPart | None:
        """Return the part of other images in the error of the mean; None where it is not known."""
        return images_part(self.drawn.get(metric), images)


def images_part(drawn: np.ndarray | None, images: ImageSample) -> ErrorPart | None:
    """Return the error by resampled images from deviations of draws; None without draws."""
    if drawn is None:
        return None
    known = drawn[np.isfinite(drawn)]
    if len(known) < 2:
        return None
    return ErrorPart(float(np.std(known, dtype=np.float64, ddof=1)), images.degrees)


def measure_detectors(
    detectors: Sequence[JudgedDetector], images: pd.DataFrame, places: np.ndarray, *, draws: int = KEPT
) -> dict[str, Measured]:
    """Measure detectors on images that each of them has scores of.

    Args:
        detectors: with at least one model each.
        images: the evaluation's table.
        places: the rows of it to measure on, int, ascending.
        draws: of the bootstrap; none are drawn where a class has no image.
    """
    rows = images.iloc[places]
    sampled = ImageSample.of(rows)
    scores = {each.name: each.at(places) for each in detectors}
    found = {each.name: _values(sampled.labels, scores[each.name], each.thresholds) for each in detectors}
    first = next(iter(scores[detectors[0].name].values())) if detectors else np.zeros(0)
    num_classes = 2 if first.ndim == 1 else first.shape[1]
    if not detectors or len(np.unique(sampled.labels)) < num_classes:
        return found
    plain = _drawn(sampled, [_decided(scores[each.name], {}) for each in detectors], draws, counts_auc=True)
    tuned = _drawn(
        sampled,
        [_decided(scores[each.name], each.thresholds) if each.thresholds else [] for each in detectors],
        draws,
        counts_auc=False,
    )
    for each, at_half, at_home in zip(detectors, plain, tuned, strict=True):
        found[each.name] = dataclasses.replace(
            found[each.name],
            drawn=at_half[0] | _renamed(at_home[0]),
            ensemble_drawn=at_half[1] | _renamed(at_home[1]),
            ensemble_bounds=at_half[2] | _renamed(at_home[2]),
        )
    return found


def elsewhere_scores(
    detector: JudgedDetector, measured: Measured, images: ImageSample, *, condition: str
) -> list[ElsewhereScore]:
    """Return one row per metric of a detector; an incomplete set of models has no mean."""
    rows = []
    for metric in SHOWN_ELSEWHERE:
        values = measured.array(metric)
        if not len(values) and metric not in measured.reasons:
            continue
        row = ElsewhereScore(
            detector=detector.name,
            kind="foreign" if detector.is_foreign else "experiment",
            condition=condition,
            metric=metric,
            images=len(images.labels),
            groups=images.groups.num_groups,
            n=len(values),
            n_expected=detector.num_expected,
            reason=detector.problem or why_no_mean(detector, measured, metric),
        )
        if not row.reason:
            row = _with_numbers(row, detector, measured, images)
        rows.append(row)
    return rows


def why_no_mean(detector: JudgedDetector, measured: Measured, metric: str) -> str:
    """Say why a metric has no mean over all models of a detector; empty where it has one."""
    number = len(measured.values.get(metric, {}))
    if number == detector.num_expected:
        return ""
    return measured.reasons.get(metric, f"{number} of {detector.num_expected} models have it")


def score_interval(
    detector: JudgedDetector, measured: Measured, metric: str, images: ImageSample
) -> Interval:
    """Return mean, spread and interval of a metric over the models of a complete detector."""
    values = measured.array(metric)
    drawn = measured.images_part(metric, images)
    if drawn is None:
        # Without the part of other images an interval would claim too much.
        return crossed_interval(values, [])
    of_models = models_part(values, test_share=detector.test_share, folds=detector.folds)
    step = images.step if is_rate(metric) else None
    return crossed_interval(values, [of_models, drawn], step=step)


def floored(part: ErrorPart | None, images: ImageSample) -> ErrorPart | None:
    """Give the image part of a difference of rates its least error: no group was seen to differ by chance."""
    if part is None:
        return None
    return ErrorPart(max(part.error, LEAST_OF_A_GROUP * images.step), part.degrees)


def _with_numbers(
    row: ElsewhereScore, detector: JudgedDetector, measured: Measured, images: ImageSample
) -> ElsewhereScore:
    interval = score_interval(detector, measured, row.metric, images)
    row = dataclasses.replace(
        row, mean=interval.mean, std=interval.std, ci_low=interval.low, ci_high=interval.high
    )
    if detector.num_expected == 1 or row.metric not in measured.ensemble:
        return row
    low, high = measured.ensemble_bounds.get(row.metric, (math.nan, math.nan))
    return dataclasses.replace(
        row, ensemble=measured.ensemble[row.metric], ensemble_low=low, ensemble_high=high
    )


def _values(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], thresholds: Mapping[str, float]
) -> Measured:
    values: dict[str, dict[str, float]] = {}
    reasons: dict[str, str] = {}
    for column, each in scores.items():
        found, lacking = _metrics(labels, each, thresholds.get(column))
        reasons |= lacking
        for metric, value in found.items():
            values.setdefault(metric, {})[column] = value
    ensemble: dict[str, float] = {}
    if scores:
        mean = np.mean(list(scores.values()), axis=0)
        ensemble, _ = _metrics(labels, mean, _mean_threshold(scores, thresholds))
    return Measured(values, ensemble, reasons)


def _metrics(
    labels: np.ndarray, scores: np.ndarray, threshold: float | None
) -> tuple[dict[str, float], dict[str, str]]:
    found = all_metrics(labels, scores, predicted_classes(scores))
    values, reasons = dict(found.values), dict(found.reasons)
    if scores.ndim == 1 and threshold is not None:
        tuned = threshold_metrics(labels, (scores >= threshold).astype(np.int64))
        values |= {f"{name}{TUNED}": value for name, value in tuned.values.items()}
        reasons |= {f"{name}{TUNED}": reason for name, reason in tuned.reasons.items()}
    shown = set(SHOWN_ELSEWHERE)
    return (
        {name: value for name, value in values.items() if name in shown},
        {name: reason for name, reason in reasons.items() if name in shown},
    )


def _mean_threshold(scores: Mapping[str, np.ndarray], thresholds: Mapping[str, float]) -> float | None:
    """The home threshold of the ensemble: the mean of its models', where each has one."""
    if not scores or any(column not in thresholds for column in scores):
        return None
    return float(np.mean([thresholds[column] for column in scores]))


Decided = list[tuple[np.ndarray, np.ndarray]]
Value = TypeVar("Value")
_NOTHING = Redrawn({}, {})


def _decided(scores: Mapping[str, np.ndarray], thresholds: Mapping[str, float]) -> Decided:
    """Scores and decisions of each model, and of the ensemble last; at 0.5 without thresholds."""
    threshold = _mean_threshold(scores, thresholds)
    if thresholds and threshold is None:
        return []
    mean = np.mean(list(scores.values()), axis=0)
    pairs = [*scores.items(), ("", mean)]
    found = []
    for column, each in pairs:
        cut = thresholds.get(column, threshold)
        found.append((each, predicted_classes(each) if cut is None else (each >= cut).astype(np.int64)))
    return found


_Draws = tuple[Deviations, Deviations, Bounds]


def _drawn(images: ImageSample, decided: Sequence[Decided], draws: int, *, counts_auc: bool) -> list[_Draws]:
    """Bootstrap each detector: deviations of the mean over models, those of the ensemble, and its bounds."""
    # Every model is drawn on its own, in the same draws as all others, so that their draws can be averaged.
    singles = [[images.sample(*each, counts_auc=counts_auc)] for members in decided for each in members]
    found = iter(bootstrap(singles, draws=draws) if singles and draws else [])
    result: list[_Draws] = []
    for members in decided:
        *models, ensemble = [next(found, _NOTHING) for _ in members] or [_NOTHING]
        shared = set.intersection(*(set(each.deviations) for each in models)) if models else set()
        mean = {name: np.mean([each.deviations[name] for each in models], axis=0) for name in sorted(shared)}
        result.append((mean, ensemble.deviations, ensemble.bounds))
    return result


def _renamed(found: Mapping[str, Value]) -> dict[str, Value]:
    """Name what was found at the home threshold; the rest does not hang on one."""
    return {f"{name}{TUNED}": value for name, value in found.items() if name in AT_A_THRESHOLD}
