"""Galleries of single experiments: learning, ROC, precision, reliability, confidence.

`tests` are the test rows of the experiments shown, by fold. Scores of different folds come from different
models: curves are averaged over folds, and only probabilities that were calibrated are put together.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.collect import Tables
from orchestrator.predictions import Part
from orchestrator.report.charts import Gallery, slug
from orchestrator.report.evidence import Evidence, Place
from orchestrator.report.panels import Panel
from orchestrator.report.verdict import metric_name
from trainables.evaluation.metrics import LOWER_IS_BETTER

DISPLAYED = "temperature"
RAW = "none"
Parts = Mapping[Place, Part]


def learning(tables: Tables, evidence: Evidence, names: Sequence[str]) -> dict[str, tuple[Panel, ...]]:
    """Draw losses and the selection metric by epoch of each experiment; no panels where it has no history."""
    found = {}
    for position, experiment in enumerate(tables.study["experiments"], start=1):
        name = str(experiment["name"])
        if name in names:
            history = evidence.history[evidence.history["experiment"] == name]
            found[name] = tuple(_learning(experiment, history, position))
    return found


def _learning(experiment: Mapping[str, Any], history: pd.DataFrame, position: int) -> list[Panel]:
    if history.empty or not {"epoch", "train_loss", "val_loss"} <= set(history):
        return []
    # What was fitted in one go (a support vector machine) has no losses by epoch.
    history = history[history["val_loss"].notna()]
    if history.empty:
        return []
    from orchestrator.report import figures

    name = str(experiment["name"])
    stem = f"{position:02d}-{slug(name)}"
    label = f"Training and validation loss by epoch of {name}. {_last_losses(history)}"
    panels = [Panel.of(f"loss-{stem}", figures.losses(history, name=name), label)]
    metric = str(experiment["recipe"].get("select_by"))
    column = f"val_{metric}"
    # Selected by log loss, the score is the loss, which is drawn already.
    if metric in LOWER_IS_BETTER or column not in history:
        metric, column = "auc", "val_auc"
    if column in history and history[column].notna().any():
        said = metric_name(metric)
        drawn = figures.validation_scores(history, column, metric=said, name=name)
        label = f"Validation {said} by epoch of {name}; its best value is {history[column].max():.3f}."
        panels.append(Panel.of(f"validation-{stem}", drawn, label))
    return panels


def _last_losses(history: pd.DataFrame) -> str:
    best = history[history["epoch"] == history["best_epoch"]]
    if best.empty:
        return ""
    return (
        f"At the epochs kept, training loss is {best['train_loss'].mean():.3f} and validation loss "
        f"{best['val_loss'].mean():.3f} on average."
    )


def titled(name: str, found: int, expected: int) -> str:
    """Name an experiment in a figure; where folds are missing, that is part of its name."""
    return name if found == expected else f"{name} ({found} of {expected} folds)"


def rocs(evidence: Evidence, order: Mapping[str, int], expected: Mapping[str, int], *, note: str) -> Gallery:
    """Draw ROC curves: of two classes a curve a fold, of several a curve a class against the rest."""
    from orchestrator.report import curve_figures

    panels, aucs = [], {}
    several = False
    for name, parts in evidence.tests.items():
        curves = _roc_curves(parts)
        several |= any(part.num_classes > 2 for part in parts.values())
        if curves:
            title = titled(name, len(parts), expected[name])
            sides = ("the class", "others") if several else ("fake", "real images")
            drawn = curve_figures.roc(curves, name=title, positive=sides[0], negative=sides[1])
            area = float(np.mean([np.trapezoid(y, x) for x, y in curves]))
            if title == name:
                aucs[name] = area
            what = "classes against the rest" if several else "test folds"
            label = f"ROC curves of {name}: {len(curves)} {what} and their mean; mean area {area:.3f}."
            panels.append(Panel.of(f"roc-{order[name]:02d}-{slug(name)}", drawn, label))
    if not panels:
        return Gallery(())
    best = max(aucs, key=lambda name: (aucs[name], name), default="")
    leader = f"{best} has the largest mean area ({aucs[best]:.3f}). " if best else ""
    thin = "one class against the rest, averaged over folds" if several else "one test fold"
    caption = f"{leader}Thin: {thin}. Thick: mean detection rate at equal false alarm rate. Dotted: chance. "
    return Gallery(tuple(panels), (caption + note).strip())


def _roc_curves(parts: Parts) -> list[np.ndarray]:
    from orchestrator.report.curve_figures import GRID, roc_points

    whole = [part for part in parts.values() if len(np.unique(part.labels)) == part.num_classes]
    if not whole:
        return []
    if whole[0].probabilities.ndim == 1:
        return [roc_points(part.labels, part.probabilities) for part in whole]
    found = []
    for index in range(whole[0].num_classes):
        curves = [roc_points(part.labels == index, part.probabilities[:, index]) for part in whole]
        if len(curves) == 1:
            found.append(curves[0])
        else:
            mean = np.mean([np.interp(GRID, x, y) for x, y in curves], axis=0)
            found.append(np.stack([np.append(0.0, GRID), np.append(0.0, mean)]))
    return found


def precisions(
    evidence: Evidence, order: Mapping[str, int], expected: Mapping[str, int], *, note: str
) -> Gallery:
    """Draw precision over recall, a curve a fold; nothing with several classes."""
    from orchestrator.report import curve_figures

    panels = []
    chances = []
    for name, parts in evidence.tests.items():
        whole = [
            part
            for part in parts.values()
            if part.probabilities.ndim == 1 and len(np.unique(part.labels)) == 2
        ]
        if whole:
            curves = [curve_figures.precision_points(part.labels, part.probabilities) for part in whole]
            chance = float(np.mean([part.labels.mean() for part in whole]))
            chances.append(chance)
            drawn = curve_figures.precision_recall(
                curves, name=titled(name, len(parts), expected[name]), chance=chance
            )
            label = (
                f"Precision over recall of {name}, {len(curves)} test folds and their mean; guessing has a "
                f"precision of {chance:.3f}."
            )
            panels.append(Panel.of(f"precision-{order[name]:02d}-{slug(name)}", drawn, label))
    if not panels:
        return Gallery(())
    caption = (
        f"Precision hangs on the share of fakes, here {100 * float(np.mean(chances)):.1f} % of the "
        "test images (dotted: the precision of guessing). Thin: one test fold. Thick: mean "
        "precision at equal recall. "
    )
    return Gallery(tuple(panels), (caption + note).strip())


def reliabilities(tables: Tables, order: Mapping[str, int], names: Sequence[str], *, note: str) -> Gallery:
    """Draw reliability before and after calibration of each experiment that has bins."""
    rows = tables.reliability
    if rows.empty:
        return Gallery(())
    from orchestrator.report import curve_figures

    several = {each["name"]: int(each["num_classes"]) > 2 for each in tables.study["experiments"]}
    panels, gains = [], []
    for name in names:
        bins = rows[rows["experiment"] == name]
        if bins.empty:
            continue
        method = DISPLAYED if (bins["method"] == DISPLAYED).any() else None
        axis = "probability of the likeliest class" if several.get(name) else "P(fake)"
        drawn = curve_figures.reliability(bins, name=name, method=method, axis=axis)
        errors = bins.groupby("method", sort=False)["ece"].first()
        said = f"Reliability of {name}, all folds together: ECE {errors[RAW]:.3f} as predicted"
        if method is not None:
            said += f", {errors[method]:.3f} after {method} scaling"
            gains.append(_gain(tables.calibration, name))
        panels.append(Panel.of(f"reliability-{order[name]:02d}-{slug(name)}", drawn, f"{said}."))
    caption = (
        f"Temperature scaling lowers the mean ECE of {sum(gain > 0 for gain in gains)} of {len(gains)} "
        f"{'experiment' if len(gains) == 1 else 'experiments'} (table below). "
        if gains
        else ""
    )
    caption += (
        "What was claimed (mean of a bin of equally many test images, all folds together) and how often it "
        "came true; on the dotted line a probability can be taken at its word. Each fold is calibrated on "
        "its own inner validation images. "
    )
    return Gallery(tuple(panels), (caption + note).strip())


def _gain(calibration: pd.DataFrame, name: str) -> float:
    """Say by how much the calibration that is shown lowers the mean ECE over folds."""
    rows = calibration[(calibration["experiment"] == name) & (calibration["method"] == DISPLAYED)]
    return float(rows["ece_before"].mean() - rows["ece_after"].mean())


def confidences(
    tables: Tables,
    evidence: Evidence,
    order: Mapping[str, int],
    expected: Mapping[str, int],
    *,
    note: str,
) -> Gallery:
    """Draw how sure right and wrong predictions were, by the calibrated probability where there is one."""
    from orchestrator.report import curve_figures

    panels, raw = [], []
    for name, parts in evidence.tests.items():
        fitted = _fitted(tables.calibration, name)
        usable = len(fitted) == len(parts) and bool(parts)
        right, wrong, classes = [], [], 2
        for place, part in parts.items():
            sure = _confidence(fitted[place] if usable else None, part.probabilities)
            is_right = part.predicted == part.labels
            right.append(sure[is_right])
            wrong.append(sure[~is_right])
            classes = part.num_classes
        if not parts:
            continue
        if not usable:
            raw.append(name)
        hits, misses = np.concatenate(right), np.concatenate(wrong)
        drawn = curve_figures.confidences(
            hits, misses, name=titled(name, len(parts), expected[name]), least=1.0 / classes
        )
        said = (
            f"Mean confidence of {name}: {_mean(hits)} where it is right, {_mean(misses)} where it is wrong."
        )
        panels.append(Panel.of(f"confidence-{order[name]:02d}-{slug(name)}", drawn, said))
    if not panels:
        return Gallery(())
    caption = (
        "Confidence is max(p, 1 − p) of the calibrated probability, of several classes the largest one; "
        "shares of the test images of all folds. The wrong predictions of a detector that knows its limits "
        "are on the left. "
    )
    if raw:
        every = "No experiment could" if len(raw) == len(panels) else f"{', '.join(raw)} could not"
        caption += f"{every} be calibrated in each fold: the probabilities are shown as they were predicted. "
    return Gallery(tuple(panels), (caption + note).strip())


def _fitted(calibration: pd.DataFrame, name: str) -> dict[Place, dict[str, Any]]:
    """The parameters of the displayed method by fold, as far as it could be fitted."""
    if calibration.empty:
        return {}
    rows = calibration[(calibration["experiment"] == name) & (calibration["method"] == DISPLAYED)]
    return {
        (int(row["repeat"]), int(row["fold"])): {
            "method": row["method"],
            "outcome": row["outcome"],
            **json.loads(row["parameters"]),
        }
        for row in rows.to_dict("records")
        if row["outcome"] != "not fitted"
    }


def _confidence(parameters: Mapping[str, Any] | None, probabilities: np.ndarray) -> np.ndarray:
    from trainables.evaluation.calibration import calibrated, confidence

    return confidence(probabilities if parameters is None else calibrated(parameters, probabilities))


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" if len(values) else "none"
