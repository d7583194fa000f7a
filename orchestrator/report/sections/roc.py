"""Section of ROC and precision: what is found at every threshold.

Scores of different folds come from different models: curves are averaged over folds, and never made of scores
that were put together.
"""

import math
from collections.abc import Sequence

import numpy as np

from orchestrator.analysis.roc_curves import GRID, precision_points, roc_points
from orchestrator.report.drawing.picture import fold_title
from orchestrator.report.drawing.roc import draw_precision_recall, draw_roc
from orchestrator.report.export import slug
from orchestrator.report.material import Material, Parts
from orchestrator.report.section import Block, Figure, Panel, Section, figure, note, prose
from orchestrator.store.predictions import Part
from orchestrator.wording.curve_captions import precision_caption, roc_caption
from orchestrator.wording.numbers import number


def roc_section(material: Material) -> Section:
    """Draw ROC curves, and precision over recall."""
    rocs, precisions = roc_figure(material), precision_figure(material)
    blocks: list[Block | None] = [rocs, precisions]
    if rocs is None:
        blocks = [prose("No finished fold has test images of every class yet.")]
    elif precisions is None and material.has_several_classes:
        blocks.append(note("Precision over recall needs two classes, real and fake; this data has more."))
    return Section.of("roc", "ROC and precision", blocks)


def roc_figure(material: Material) -> Figure | None:
    """Draw ROC curves: of two classes one curve per fold, of several one per class against the rest."""
    panels, aucs = [], {}
    kinds = set()
    shown = material.bounds.curves
    expected, order = material.expected(shown.names), material.order
    for name, parts in material.tests.items():
        usable = _with_all_classes(parts)
        is_whole = len(usable) == expected[name]
        if not usable or (usable[0].num_classes > 2 and not is_whole):
            # A curve of a class is a mean over folds.
            continue
        has_several = usable[0].num_classes > 2
        kinds.add(has_several)
        curves = _curves(usable)
        title = fold_title(name, expected, len(usable), expected[name])
        sides = ("the class", "others") if has_several else ("fake", "real images")
        drawn = draw_roc(curves, name=title, positive=sides[0], negative=sides[1], is_whole=is_whole)
        what = "classes against the rest" if has_several else _folds(len(curves))
        said = f"ROC curves of {name}: {len(curves)} {what}"
        row = material.tables.overall.get((name, "auc"))
        if is_whole and row is not None and not math.isnan(row["mean"]):
            aucs[name] = float(row["mean"])
            said += f"{' and their mean' if len(curves) > 1 else ''}; AUC {number(aucs[name])}"
        panels.append(Panel(f"roc-{order[name]:02d}-{slug(name)}", drawn, f"{said}."))
    caption = roc_caption(aucs, has_two=False in kinds, has_several=True in kinds, is_choice=bool(shown.note))
    return figure(panels, (caption + shown.note).strip())


def _folds(count: int) -> str:
    return "test fold" if count == 1 else "test folds"


def _with_all_classes(parts: Parts) -> list[Part]:
    return [part for part in parts.values() if len(np.unique(part.labels)) == part.num_classes]


def _curves(whole: Sequence[Part]) -> list[np.ndarray]:
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


def precision_figure(material: Material) -> Figure | None:
    """Draw precision over recall, one curve per fold; None with several classes."""
    panels, chances = [], []
    shown = material.bounds.curves
    expected, order = material.expected(shown.names), material.order
    for name, parts in material.tests.items():
        usable = [part for part in _with_all_classes(parts) if part.num_classes == 2]
        if not usable:
            continue
        is_whole = len(usable) == expected[name]
        curves = [precision_points(part.labels, part.probabilities) for part in usable]
        chance = float(np.mean(np.concatenate([part.labels for part in usable])))
        chances.append(chance)
        title = fold_title(name, expected, len(usable), expected[name])
        drawn = draw_precision_recall(curves, name=title, chance=chance, is_whole=is_whole)
        mean = " and their mean" if is_whole and len(curves) > 1 else ""
        said = (
            f"Precision over recall of {name}, {len(curves)} {_folds(len(curves))}{mean}; guessing has a "
            f"precision of {number(chance)}."
        )
        panels.append(Panel(f"precision-{order[name]:02d}-{slug(name)}", drawn, said))
    return figure(panels, (precision_caption(chances) + shown.note).strip()) if panels else None
