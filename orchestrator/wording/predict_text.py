"""Predictions for new images in sentences: by which models, how calibrated, how decided, and how good."""

from collections.abc import Iterable

import pandas as pd

from orchestrator.analysis.joint_models import JointModels, JointThreshold
from orchestrator.analysis.predicted import Predicted
from orchestrator.wording.final_text import metric_interval, metric_value
from orchestrator.wording.numbers import metric_name, number

# Metrics that are said, in this order; all of them are in the JSON.
SAID = ("auc", "balanced_accuracy", "accuracy", "ece")
# Of more, the first are named.
MOST_NAMED = 3


def predicted_sentences(found: Predicted) -> list[str]:
    """Say what was predicted, how, and what weakens it."""
    lines = [_models(found), _calls(found), _calibration(found.models)]
    lines += _metrics(found)
    if found.num_learned:
        lines.append(
            f"{found.num_learned} of these images are among those that the models learned from or were "
            "chosen by: on them, scores say nothing of new images."
        )
    return [*lines, *found.images.notes]


def unusable_sentence(found: Predicted) -> str:
    """Say which files could not be scored; empty where there are none."""
    rows = found.images.rows
    left = rows[rows["reason"] != ""]
    if left.empty:
        return ""
    named = (f"{path}: {reason}" for path, reason in zip(left["path"], left["reason"], strict=True))
    return f"{len(left)} of {len(rows)} files are no usable images: {_few(named, len(left))}"


def left_out_sentence(models: JointModels) -> str:
    """Say which models of an experiment are missing; empty where there are none."""
    missing = models.num_expected - len(models.trials)
    if not missing:
        return ""
    return (
        f"{missing} of the {models.num_expected} models of {models.experiment.name} are missing: "
        f"{_few(models.problems, len(models.problems))}"
    )


def overlay_sentence(models: JointModels) -> str:
    """Say what Grad-CAM overlays show."""
    return (
        f"Overlays (Grad-CAM) show what {models.trials[0].trial.column} alone bases the class on that "
        "it names itself"
    )


def _few(texts: Iterable[str], total: int) -> str:
    named = [text for text, _ in zip(texts, range(MOST_NAMED), strict=False)]
    return "; ".join(named) + (f"; and {total - len(named)} more" if total > len(named) else "")


def _models(found: Predicted) -> str:
    models = found.models
    names = [each.trial.column for each in models.trials]
    by = f"the mean of {len(names)} models" if len(names) > 1 else "one model"
    return (
        f"{len(found.images.usable)} images, scored by {by} of {models.experiment.name} ({', '.join(names)})."
    )


def _calls(found: Predicted) -> str:
    counts = found.table.loc[found.table["reason"] == "", "label"].value_counts()
    said = ", ".join(f"{int(counts.get(name, 0))} {name}" for name in found.models.classes)
    return f"Called {said}; {_threshold(found.models, found.threshold)}."


def _threshold(models: JointModels, threshold: JointThreshold) -> str:
    if len(models.classes) != 2:
        return threshold.reason
    if not threshold.by:
        return f"fake from P(fake) {threshold.value:g} on, since {threshold.reason}"
    metric, rows = metric_name(threshold.by), threshold.num_rows
    if threshold.num_models == 1:
        how = f"best {metric} on its {rows} inner validation rows"
    else:
        how = (
            f"mean of {threshold.num_models} thresholds, each with the best {metric} on its own model's "
            f"inner validation rows, {rows} in all"
        )
    return f"fake from P(fake) {number(threshold.value)} on ({how})"


def _calibration(models: JointModels) -> str:
    if models.method == "none":
        return "Probabilities are raw: no calibration was asked for."
    raw = [each for each in models.trials if not each.is_calibrated]
    if not raw:
        return f"Probabilities are calibrated ({models.method}), each model on its own inner validation rows."
    reasons = {f"{each.trial.column}, {each.calibration['reason']}": None for each in raw}
    if len(raw) == len(models.trials):
        return (
            f"Probabilities are raw, since no {models.method} could be fitted: {_few(reasons, len(reasons))}."
        )
    return (
        f"Probabilities are calibrated ({models.method}) for {len(models.trials) - len(raw)} of "
        f"{len(models.trials)} models, each on its own inner validation rows; those of the others are raw: "
        f"{_few(reasons, len(reasons))}."
    )


def _metrics(found: Predicted) -> list[str]:
    if not found.num_labelled:
        return []
    by_name = {each.metric: each for each in found.metrics}
    known = [by_name[name] for name in SAID if name in by_name]
    said = ", ".join(
        f"{metric_name(each.metric)} {metric_value(each)}"
        + ("" if each.ci_low is None else f" (95 % interval {metric_interval(each)})")
        for each in known
    )
    lines = [f"On the {found.num_labelled} images whose class is told ({found.num_groups} groups): {said}."]
    if any(each.ci_low is not None for each in known):
        lines.append(
            "The intervals are those of other images of this kind for these models: a bootstrap over groups."
        )
    else:
        lines.append(f"There are no intervals: {_lacking(found)}.")
    return lines


def _lacking(found: Predicted) -> str:
    labels = pd.unique(found.table.loc[found.table["reason"] == "", "true_label"])
    absent = [name for name in found.models.classes if name not in set(labels)]
    return f"no image is {' or '.join(absent)}" if absent else "the images are too few groups"
