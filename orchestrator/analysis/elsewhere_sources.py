"""Scores of detectors on single sources of an evaluation's images, where there are two classes.

Of a source of fakes: the AUC against all real images, and the share that is detected. Of a source of real
images: the share of false alarms. Decisions are at 0.5. Intervals are those of `elsewhere`.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.analysis.detectors import JudgedDetector
from orchestrator.analysis.elsewhere import ImageSample, Measured, images_part, measure_detectors
from orchestrator.statistics.crossed import crossed_interval, models_part

# A bootstrap for each: of more sources there are no intervals. Its draws are fewer than those of all images.
MOST_RESAMPLED, DRAWS_OF_SOURCES = 30, 1000
FAKE = 1


@dataclass(frozen=True, slots=True)
class SourceScore:
    """A metric of a detector on a source: n models, mean, std and interval, and the ensemble's value."""

    detector: str
    condition: str
    source: str
    kind: str
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
    reason: str = ""


def source_scores(
    detectors: Sequence[JudgedDetector], images: pd.DataFrame, *, condition: str
) -> list[SourceScore]:
    """Return the scores of every detector on every source, by source; nothing with several classes."""
    scored = [each for each in detectors if each.scores]
    if any(each.ndim > 1 for detector in scored for each in detector.scores.values()):
        return []
    labels, sources = images["label"].to_numpy(), images["source"].to_numpy()
    found: list[SourceScore] = []
    pairs = (
        images[["source", "label"]]
        .drop_duplicates()
        .sort_values(["label", "source"], ascending=[False, True])
    )
    draws = DRAWS_OF_SOURCES if len(pairs) <= MOST_RESAMPLED else 0
    for source, label in pairs.itertuples(index=False, name=None):
        mine = (sources == source) & (labels == label)
        asked = np.flatnonzero(mine | (labels != label))
        for detector in scored:
            places = asked[np.isin(asked, detector.rows)]
            own = places[mine[places]]
            if not len(own):
                continue
            found += _of_source(
                detector,
                images,
                places,
                own,
                source=str(source),
                label=int(label),
                draws=draws,
                condition=condition,
            )
    return found


def _of_source(
    detector: JudgedDetector,
    images: pd.DataFrame,
    places: np.ndarray,
    own: np.ndarray,
    *,
    source: str,
    label: int,
    draws: int,
    condition: str,
) -> list[SourceScore]:
    measured = measure_detectors([dataclasses.replace(detector, thresholds={})], images, places, draws=draws)[
        detector.name
    ]
    sample = ImageSample.of(images.iloc[places])
    kind, metrics = ("fake", ("auc", "detection_rate")) if label == FAKE else ("real", ("false_alarm_rate",))
    rows = []
    for metric in metrics:
        values, ensemble, drawn = _rates(measured, metric)
        row = SourceScore(
            detector=detector.name,
            condition=condition,
            source=source,
            kind=kind,
            metric=metric,
            images=len(own),
            groups=int(images["group"].iloc[own].nunique()),
            n=len(values),
            n_expected=detector.num_expected,
            reason=detector.problem or ("" if len(values) else "there is no image of the other class"),
        )
        if not row.reason and len(values) == detector.num_expected:
            part = images_part(drawn, sample)
            of_models = models_part(values, test_share=detector.test_share, folds=detector.folds)
            step = 1.0 / row.groups
            interval = crossed_interval(values, [] if part is None else [of_models, part], step=step)
            row = dataclasses.replace(
                row, mean=interval.mean, std=interval.std, ci_low=interval.low, ci_high=interval.high
            )
            if detector.num_expected > 1:
                row = dataclasses.replace(row, ensemble=ensemble)
        rows.append(row)
    return rows


def _rates(measured: Measured, metric: str) -> tuple[np.ndarray, float, np.ndarray | None]:
    """A rate of each model, of the ensemble, and the deviations of the mean in the draws."""
    if metric == "auc":
        return measured.array("auc"), measured.ensemble.get("auc", math.nan), measured.drawn.get("auc")
    if metric == "detection_rate":
        return _recalls(measured)
    # The recall of the real rows is twice the balanced accuracy less the recall of the fakes.
    balanced, recall = measured.array("balanced_accuracy"), measured.array("recall")
    if not len(balanced):
        # There are real images alone, of which each that is called right is no false alarm.
        return 1.0 - measured.array("accuracy"), 1.0 - measured.ensemble.get("accuracy", math.nan), None
    ensemble = 1.0 - (2 * measured.ensemble["balanced_accuracy"] - measured.ensemble["recall"])
    drawn = None
    if "balanced_accuracy" in measured.drawn and "recall" in measured.drawn:
        drawn = measured.drawn["recall"] - 2 * measured.drawn["balanced_accuracy"]
    return np.clip(1.0 - (2 * balanced - recall), 0.0, 1.0), min(max(ensemble, 0.0), 1.0), drawn


def _recalls(measured: Measured) -> tuple[np.ndarray, float, np.ndarray | None]:
    return measured.array("recall"), measured.ensemble.get("recall", math.nan), measured.drawn.get("recall")


def worst_sources(rows: Sequence[SourceScore]) -> Mapping[str, str]:
    """Return the source of fakes with the lowest mean AUC of each detector that has several."""
    aucs: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        if row.metric == "auc" and not math.isnan(row.mean):
            aucs.setdefault(row.detector, []).append((row.mean, row.source))
    return {name: min(each)[1] for name, each in aucs.items() if len(each) > 1}
