"""Tables of an evaluation: every number that its page and its sentences rest on, written beside its scores.

scores.csv one row per model and metric; summary.csv per detector and metric (`elsewhere`); per_source.csv per
source (`elsewhere_sources`); differences.csv per pair of detectors and drop.csv per experiment against its
home folds (`elsewhere_pairs`); with perturbations robustness.csv per detector, condition and metric,
robust_means.csv per detector and robust_differences.csv per pair (`robustness`). Same scores, same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.csv_text import as_csv
from orchestrator.analysis.detectors import THRESHOLD, JudgedDetector, read_detectors
from orchestrator.analysis.elsewhere import (
    ElsewhereScore,
    ImageSample,
    Measured,
    elsewhere_scores,
    measure_detectors,
)
from orchestrator.analysis.elsewhere_pairs import (
    DetectorDifference,
    HomeLoss,
    detector_differences,
    home_losses,
)
from orchestrator.analysis.elsewhere_sources import SourceScore, source_scores
from orchestrator.analysis.robustness import ConditionScore, RobustMean, Robustness, read_robustness
from orchestrator.store.evaluation_files import (
    CLEAN,
    EvaluationRecord,
    evaluation_tables_folder,
    read_evaluated_images,
)
from orchestrator.store.folder import Store
from trainables.files import write_text

MODEL_SCORES = ["detector", "condition", "repeat", "fold", "metric", "value", THRESHOLD]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationTables:
    """The numbers of an evaluation. `common` is how many images every detector has scores of."""

    record: EvaluationRecord
    models: pd.DataFrame
    summary: tuple[ElsewhereScore, ...]
    sources: tuple[SourceScore, ...]
    differences: tuple[DetectorDifference, ...]
    losses: tuple[HomeLoss, ...]
    common: int
    robustness: Robustness

    @property
    def texts(self) -> dict[str, str]:
        """Every table as the text of its file, by name."""
        perturbed = {
            "robustness": as_csv(_frame(ConditionScore, self.robustness.scores)),
            "robust_means": as_csv(_frame(RobustMean, self.robustness.means)),
            "robust_differences": as_csv(_frame(DetectorDifference, self.robustness.differences)),
        }
        return {
            "scores": as_csv(self.models),
            "summary": as_csv(_frame(ElsewhereScore, self.summary)),
            "per_source": as_csv(_frame(SourceScore, self.sources)),
            "differences": as_csv(_frame(DetectorDifference, self.differences)),
            "drop": as_csv(_frame(HomeLoss, self.losses)),
            **(perturbed if len(self.record.conditions) > 1 else {}),
        }

    def score(self, detector: str, metric: str) -> ElsewhereScore | None:
        """Return a metric of a detector; None where there is no such row."""
        return next((row for row in self.summary if row.detector == detector and row.metric == metric), None)

    def loss(self, experiment: str, metric: str) -> HomeLoss | None:
        """Return what an experiment loses by a metric; None where there is no such row."""
        return next(
            (row for row in self.losses if row.experiment == experiment and row.metric == metric), None
        )


def evaluation_tables(store: Store, record: EvaluationRecord) -> EvaluationTables:
    """Compute the tables of an evaluation from its stored scores, and write them.

    Raises:
        InputError: its images can't be read.
    """
    images = read_evaluated_images(store, record.name)
    detectors = [each for each in read_detectors(store, record, images) if each.scores]
    measured, samples = _measure_all(detectors, images)
    common = _common_rows(detectors, len(images))
    on_common = measured
    if len(common) < len(images):
        on_common = measure_detectors(detectors, images, common) if len(common) else {}
    tables = EvaluationTables(
        record,
        models=_model_rows(detectors, measured),
        summary=tuple(
            row
            for each in detectors
            for row in elsewhere_scores(each, measured[each.name], samples[each.name], condition=CLEAN)
        ),
        sources=tuple(source_scores(detectors, images, condition=CLEAN)),
        differences=tuple(
            detector_differences(detectors, on_common, ImageSample.of(images.iloc[common]), condition=CLEAN)
            if len(common)
            else ()
        ),
        losses=tuple(home_losses(detectors, measured, samples, condition=CLEAN)),
        common=len(common),
        robustness=read_robustness(store, record, detectors, images),
    )
    for name, text in tables.texts.items():
        write_text(evaluation_tables_folder(store, record.name) / f"{name}.csv", text)
    return tables


def _measure_all(
    detectors: Sequence[JudgedDetector], images: pd.DataFrame
) -> tuple[dict[str, Measured], dict[str, ImageSample]]:
    """Measure each detector on its own images; those that have the same share their draws."""
    alike: dict[bytes, list[JudgedDetector]] = {}
    for each in detectors:
        alike.setdefault(each.rows.tobytes(), []).append(each)
    measured: dict[str, Measured] = {}
    samples: dict[str, ImageSample] = {}
    for members in alike.values():
        rows = members[0].rows
        measured |= measure_detectors(members, images, rows)
        samples |= dict.fromkeys((each.name for each in members), ImageSample.of(images.iloc[rows]))
    return measured, samples


def _common_rows(detectors: Sequence[JudgedDetector], number: int) -> np.ndarray:
    """The images that every detector has scores of."""
    there = np.ones(number, dtype=bool)
    for each in detectors:
        there &= np.isin(np.arange(number), each.rows)
    return np.flatnonzero(there)


def _model_rows(detectors: Sequence[JudgedDetector], measured: Mapping[str, Measured]) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for detector in detectors:
        for metric, values in measured[detector.name].values.items():
            for column, value in values.items():
                repeat, fold = _place(column)
                threshold = detector.thresholds.get(column, np.nan)
                rows.append((detector.name, CLEAN, repeat, fold, metric, value, threshold))
    return pd.DataFrame(rows, columns=MODEL_SCORES)


def _place(column: str) -> tuple[int, int]:
    """Repeat and fold of a model by its column; that of foreign scores is its first and only one."""
    repeat, _, fold = column.removeprefix("r").partition("f")
    return (int(repeat), int(fold)) if fold.isdigit() else (0, 0)


def _frame(kind: type[Any], rows: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=[each.name for each in fields(kind)])
