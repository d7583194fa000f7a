"""Galleries of single experiments: learning, ROC, precision, reliability, confidence.

`tests` are the test rows of the experiments shown, by fold. Scores of different folds come from different
models: curves are averaged over folds, and only probabilities that were calibrated are put together.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from orchestrator.analysis.collect import Tables, num_expected
from orchestrator.analysis.roc_curves import GRID, precision_points, roc_points
from orchestrator.report.charts import Gallery, slug
from orchestrator.report.drawing.picture import Panel, shorts
from orchestrator.report.evidence import Evidence, Place
from orchestrator.store.predictions import Part
from orchestrator.store.records import ExperimentRecord
from orchestrator.wording.numbers import metric_name, number
from trainables.evaluation.calibration import Parameters, calibrated, confidence
from trainables.evaluation.metrics import LOWER_IS_BETTER

DISPLAYED = "temperature"
RAW = "none"
Parts = Mapping[Place, Part]


def learning(tables: Tables, evidence: Evidence, names: Sequence[str]) -> dict[str, tuple[Panel, ...]]:
    """Draw losses and the selection metric by epoch of each experiment; no panels where it has no history."""
    found = {}
    for position, experiment in enumerate(tables.study.experiments, start=1):
        name = experiment.name
        if name in names:
            history = evidence.history[evidence.history["experiment"] == name]
            found[name] = tuple(_learning(experiment, history, position))
    return found


def _learning(experiment: ExperimentRecord, history: pd.DataFrame, position: int) -> list[Panel]:
    if history.empty or not {"epoch", "train_loss", "val_loss"} <= set(history):
        return []
    # What was fitted in one go (a support vector machine) has no losses by epoch.
    history = history[history["val_loss"].notna()]
    if history.empty:
        return []
    from orchestrator.report.drawing.learning import draw_losses, draw_validation_scores

    name = experiment.name
    stem = f"{position:02d}-{slug(name)}"
    # An incomplete set of folds is drawn, and never averaged.
    is_whole = history["trial"].nunique() == num_expected(experiment)
    label = f"Training and validation loss by epoch of {name}. {_last_losses(history) if is_whole else ''}"
    drawn = draw_losses(history, name=name, is_whole=is_whole)
    panels = [Panel.of(f"loss-{stem}", drawn, label.strip())]
    metric = str(experiment.recipe.plain().get("select_by"))
    column = f"val_{metric}"
    # Selected by log loss, the score is the loss, which is drawn already.
    if metric in LOWER_IS_BETTER or column not in history:
        metric, column = "auc", "val_auc"
    if column in history and history[column].notna().any():
        said = metric_name(metric)
        drawn = draw_validation_scores(history, column, metric=said, name=name, is_whole=is_whole)
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


def titled(name: str, names: Iterable[str], found: int, expected: int) -> str:
    """Name one of the experiments in a figure; where folds are missing, that is part of its name."""
    if found == expected:
        return shorts(names, 38)[name]
    return f"{shorts(names, 22)[name]} ({found} of {expected} folds)"


def rocs(
    tables: Tables,
    evidence: Evidence,
    order: Mapping[str, int],
    expected: Mapping[str, int],
    *,
    note: str,
) -> Gallery:
    """Draw ROC curves: of two classes a curve a fold, of several a curve a class against the rest."""
    from orchestrator.report.drawing.roc import draw_roc

    panels, aucs = [], {}
    kinds = set()
    for name, parts in evidence.tests.items():
        usable = _with_all_classes(parts)
        is_whole = len(usable) == expected[name]
        if not usable or (usable[0].num_classes > 2 and not is_whole):
            # A curve of a class is a mean over folds.
            continue
        kinds.add(usable[0].num_classes > 2)
        curves = _roc_curves(usable)
        title = titled(name, expected, len(usable), expected[name])
        sides = ("the class", "others") if usable[0].num_classes > 2 else ("fake", "real images")
        drawn = draw_roc(curves, name=title, positive=sides[0], negative=sides[1], is_whole=is_whole)
        what = "classes against the rest" if usable[0].num_classes > 2 else _folds(len(curves))
        label = f"ROC curves of {name}: {len(curves)} {what}"
        row = tables.overall.get((name, "auc"))
        if is_whole and row is not None and not math.isnan(row["mean"]):
            aucs[name] = float(row["mean"])
            label += f"{' and their mean' if len(curves) > 1 else ''}; AUC {number(aucs[name])}"
        panels.append(Panel.of(f"roc-{order[name]:02d}-{slug(name)}", drawn, f"{label}."))
    if not panels:
        return Gallery(())
    thin = "one test fold"
    if True in kinds:
        of_several = "one class against the rest, averaged over folds"
        thin = of_several if kinds == {True} else f"{thin}, or of several classes {of_several}"
    caption = (
        f"{_largest(aucs, bool(note))}Thin: {thin}. Thick: mean detection rate at equal false alarm rate, "
        "where no fold is missing. Dotted: chance. "
    )
    return Gallery(tuple(panels), (caption + note).strip())


def _largest(aucs: Mapping[str, float], is_choice: bool) -> str:
    """Name the one with the largest AUC; nothing where two look alike, or there is no other."""
    ranked = sorted(aucs, key=lambda name: -aucs[name])
    if len(ranked) < 2 or number(aucs[ranked[0]]) == number(aucs[ranked[1]]):
        return ""
    among = "Of those shown, " if is_choice else ""
    return f"{among}{ranked[0]} has the largest AUC ({number(aucs[ranked[0]])}). "


def _folds(count: int) -> str:
    return "test fold" if count == 1 else "test folds"


def _with_all_classes(parts: Parts) -> list[Part]:
    return [part for part in parts.values() if len(np.unique(part.labels)) == part.num_classes]


def _roc_curves(whole: Sequence[Part]) -> list[np.ndarray]:
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
    from orchestrator.report.drawing.roc import draw_precision_recall

    panels, chances = [], []
    for name, parts in evidence.tests.items():
        usable = [part for part in _with_all_classes(parts) if part.num_classes == 2]
        if not usable:
            continue
        is_whole = len(usable) == expected[name]
        curves = [precision_points(part.labels, part.probabilities) for part in usable]
        chance = float(np.mean(np.concatenate([part.labels for part in usable])))
        chances.append(f"{100 * chance:.1f}")
        title = titled(name, expected, len(usable), expected[name])
        drawn = draw_precision_recall(curves, name=title, chance=chance, is_whole=is_whole)
        mean = " and their mean" if is_whole and len(curves) > 1 else ""
        label = (
            f"Precision over recall of {name}, {len(curves)} {_folds(len(curves))}{mean}; guessing has a "
            f"precision of {number(chance)}."
        )
        panels.append(Panel.of(f"precision-{order[name]:02d}-{slug(name)}", drawn, label))
    if not panels:
        return Gallery(())
    shares = sorted(set(chances), key=float)
    share = shares[0] if len(shares) == 1 else f"{shares[0]} to {shares[-1]}"
    caption = (
        f"Precision hangs on the share of fakes, here {share} % of the test images of these folds (dotted: "
        "the precision of guessing). Thin: one test fold. Thick: mean precision at equal recall, where no "
        "fold is missing. "
    )
    return Gallery(tuple(panels), (caption + note).strip())


def reliabilities(
    tables: Tables, order: Mapping[str, int], names: Sequence[str], listed: Sequence[str], *, note: str
) -> Gallery:
    """Draw reliability before and after calibration of each experiment that has bins.

    Args:
        tables: the phase's tables.
        order: the number of each experiment.
        names: the experiments to draw.
        listed: those in the table below.
        note: which are drawn.
    """
    rows = tables.reliability
    if rows.empty:
        return Gallery(())
    from orchestrator.report.drawing.reliability import draw_reliability

    several = {each.name: each.num_classes > 2 for each in tables.study.experiments}
    panels = []
    fitted = set(rows.loc[rows["method"] == DISPLAYED, "experiment"])
    gains = [_gain(tables.calibration, name) for name in listed if name in fitted]
    for name in names:
        bins = rows[rows["experiment"] == name]
        if bins.empty:
            continue
        method = DISPLAYED if (bins["method"] == DISPLAYED).any() else None
        axis = "probability of the likeliest class" if several.get(name) else "P(fake)"
        title = shorts(names, 38)[name]
        drawn = draw_reliability(bins, name=title, method=method, axis=axis)
        errors = bins.groupby("method", sort=False)["ece"].first()
        said = f"Reliability of {name}, all folds together: ECE {errors[RAW]:.3f} as predicted"
        if method is not None:
            said += f", {errors[method]:.3f} after {method} scaling"
        panels.append(Panel.of(f"reliability-{order[name]:02d}-{slug(name)}", drawn, f"{said}."))
    caption = (
        f"Temperature scaling lowers the mean ECE of {sum(gain > 0 for gain in gains)} of {len(gains)} "
        f"{'experiment' if len(gains) == 1 else 'experiments'} (table below). "
        if gains
        else ""
    )
    caption += (
        "Mean confidence of a bin of equally many test images, all folds together, and accuracy, the share "
        "of them that it is right for; on the dotted line a probability can be taken at its word. Each fold "
        "is calibrated on its own inner validation images. "
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
    from orchestrator.report.drawing.confidence import draw_confidence

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
        drawn = draw_confidence(
            hits, misses, name=titled(name, expected, len(parts), expected[name]), least=1.0 / classes
        )
        said = f"Confidence of {name} on {len(parts)} of {expected[name]} test folds."
        if len(parts) == expected[name]:
            said = (
                f"Mean confidence of {name}: {_mean(hits)} where it is right, {_mean(misses)} where it is "
                "wrong."
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
        every = "None of these could" if len(raw) == len(panels) else f"{', '.join(raw)} could not"
        caption += f"{every} be calibrated in each fold: the probabilities are shown as they were predicted. "
    return Gallery(tuple(panels), (caption + note).strip())


def _fitted(calibration: pd.DataFrame, name: str) -> dict[Place, Parameters]:
    """The parameters of the displayed method by fold, as far as it could be fitted."""
    if calibration.empty:
        return {}
    rows = calibration[(calibration["experiment"] == name) & (calibration["method"] == DISPLAYED)]
    return {
        (int(row["repeat"]), int(row["fold"])): cast(
            Parameters,
            {"method": row["method"], "outcome": row["outcome"], **json.loads(row["parameters"])},
        )
        for row in rows.to_dict("records")
        if row["outcome"] != "not fitted"
    }


def _confidence(parameters: Parameters | None, probabilities: np.ndarray) -> np.ndarray:
    return confidence(probabilities if parameters is None else calibrated(parameters, probabilities))


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" if len(values) else "none"
