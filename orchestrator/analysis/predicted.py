"""Predictions for images that no study holds: one row per image, and the numbers that belong to all of them.

Columns of two classes: path, p_fake (mean of the models' calibrated probabilities), spread (standard
deviation over the models), one column per model (r<repeat>f<fold>), calibrated, confidence (the probability
of the class that is named), label, threshold, threshold_by, true_label where true labels are told, and
reason, which is empty where the image was scored. Of several classes p0 .. pN stand for p_fake, and
p<class>_r<R>f<K> for the models; spread is that of the class that is named. Where overlays were drawn,
overlay is the picture of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.analysis.joint_models import JointModels, JointThreshold
from orchestrator.store.final_file import FinalMetric
from trainables.data.dataset.named_images import NamedImages
from trainables.predict import JointScores


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Predictions by the models that could score, and the metrics of images whose class is told.

    `table` is the one of the module; `metrics` are those of labelled images, which are `num_labelled` in
    `num_groups`; `num_learned` of the images the models have learned from or were chosen by.
    """

    models: JointModels
    threshold: JointThreshold
    images: NamedImages
    table: pd.DataFrame
    metrics: tuple[FinalMetric, ...]
    num_labelled: int
    num_groups: int
    num_learned: int


def predicted_table(
    images: NamedImages, scores: JointScores, models: JointModels, threshold: JointThreshold
) -> pd.DataFrame:
    """Make the table of predictions.

    Args:
        images: all images that were named.
        scores: of the usable ones, in their order.
        models: those that scored, in the order of `scores`.
        threshold: where fake begins; not used with several classes.
    """
    decided = scores.predicted(threshold.value)
    is_binary = scores.num_classes == 2
    columns: dict[str, object] = _probabilities(scores.mean, "p_fake" if is_binary else "")
    columns["spread"] = scores.spread(decided)
    for each, model in zip(scores.each, models.trials, strict=True):
        columns |= _probabilities(each, model.trial.column)
    columns["calibrated"] = calibration_state(models)
    columns["confidence"] = scores.confidence(decided)
    columns["label"] = _names(decided, models.classes)
    if is_binary:
        columns |= {"threshold": threshold.value, "threshold_by": threshold.by or "none"}
    rows = images.rows
    found = pd.DataFrame(columns, index=images.usable.index).reindex(rows.index)
    found.insert(0, "path", rows["path"])
    if images.are_labelled:
        found["true_label"] = _names(rows["label"].to_numpy(), models.classes)
    return found.assign(reason=rows["reason"]).fillna({"calibrated": "", "label": "", "threshold_by": ""})


def calibration_state(models: JointModels) -> str:
    """Say whether probabilities are calibrated and how, in a cell: yes (temperature), no, 3 of 5 (...)."""
    number, total = sum(each.is_calibrated for each in models.trials), len(models.trials)
    if not number:
        return "no"
    return f"yes ({models.method})" if number == total else f"{number} of {total} models ({models.method})"


def _probabilities(values: np.ndarray, name: str) -> dict[str, object]:
    if values.ndim == 1:
        return {name: values}
    end = f"_{name}" if name else ""
    return {f"p{label}{end}": values[:, label] for label in range(values.shape[1])}


def _names(labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    return [classes[label] if label >= 0 else "" for label in labels]
