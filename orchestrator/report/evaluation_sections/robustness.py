"""Section of robustness: what perturbations of the images do to each detector."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.analysis.robustness import HEADLINE, ConditionScore, Robustness
from orchestrator.report.drawing.canvas import limits
from orchestrator.report.drawing.picture import shorts
from orchestrator.report.drawing.robustness import draw_robustness
from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import (
    Block,
    Details,
    Figure,
    Items,
    Panel,
    Section,
    Table,
    figure,
    link,
    note,
    prose,
)
from orchestrator.report.shown import CURVES_OF_MANY, MOST_CURVES, MOST_LISTED, bounded
from orchestrator.store.evaluation_files import CLEAN
from orchestrator.wording.numbers import DASH, between, capital, metric_name, number, p_text
from orchestrator.wording.robustness import (
    AT_HOME,
    CONFOUNDED,
    KIND_NAMES,
    perturbation_sentences,
    robustness_caption,
    robustness_note,
    robustness_sentences,
)
from trainables.data.perturbations import KINDS, parse_perturbation

MOST_PAIRS = 15


def robustness_section(material: EvaluationMaterial) -> Section | None:
    """Show detectors under perturbations; None where there are none."""
    found = material.tables.robustness
    if len(found.conditions) < 2 or not found.means:
        return None
    names = [row.detector for row in found.means]
    shown = names[: bounded(len(names), MOST_CURVES, CURVES_OF_MANY)]
    shortcut = material.record.shortcut
    is_confounded = shortcut is not None and shortcut.verdict == "refused"
    blocks: list[Block | None] = [
        prose(CONFOUNDED, tone="warn") if is_confounded else None,
        *map(prose, robustness_sentences(found)),
        _figure(found, shown),
        Table(_levels(found, shown), "robustness", "wide"),
        *(_said(found, name, is_alone=len(shown) == 1) for name in shown),
        Table(_means(found), "robust-means") if len(names) > 1 else None,
        Table(_pairs(found), "robust-pairs") if found.differences else None,
        note(robustness_note(), " Every number is in ", link("tables/robustness.csv"), "."),
    ]
    return Section.of("robustness", "Under perturbations", blocks)


def _said(found: Robustness, name: str, *, is_alone: bool) -> Block | None:
    lines = perturbation_sentences(found.of(name), found.of(name, AT_HOME))
    items = Items(tuple((line,) for line in lines))
    if not lines:
        return None
    return items if is_alone else Details((f"{name}, by kind of perturbation",), (items,))


def _figure(found: Robustness, shown: list[str]) -> Figure | None:
    rows = [row for name in shown for row in found.of(name)]
    ends = limits(np.array([[row.mean, row.ci_low, row.ci_high] for row in rows], dtype=float).ravel())
    kinds = dict.fromkeys(row.kind for row in rows if row.kind != CLEAN)
    titles = shorts(shown, 32)
    numbered = "; ".join(f"{place} = {titles[name]}" for place, name in enumerate(shown, start=1))
    panels = []
    for kind in kinds:
        conditions = places_of(kind, found.conditions)
        points = [
            (number_of, conditions.index(row.condition), row.mean, row.ci_low, row.ci_high)
            for number_of, name in enumerate(shown, start=1)
            for row in found.of(name)
            if row.condition in conditions
        ]
        drawn = draw_robustness(
            pd.DataFrame(points, columns=["detector", "place", "mean", "low", "high"]),
            name=capital(KIND_NAMES.get(kind, kind)),
            places=[each.partition(":")[2] or each for each in conditions],
            metric=metric_name(HEADLINE),
            ends=ends,
        )
        said = f"{metric_name(HEADLINE)} over the strengths of {KIND_NAMES.get(kind, kind)}."
        panels.append(Panel(f"robustness-{kind}", drawn, f"{said} {numbered}."))
    key = f" {numbered}." if len(shown) > 1 else ""
    return figure(panels, robustness_caption(found, shown=len(shown)) + key)


def places_of(kind: str, conditions: Sequence[str]) -> list[str]:
    """Order the conditions of a kind along an axis: clean first, or where it stands among the strengths."""
    mine = [each for each in conditions if each.partition(":")[0] == kind]
    identity = KINDS[kind].identity
    if identity is None or not KINDS[kind].low < identity < KINDS[kind].high:
        return [CLEAN, *mine]
    strengths = {CLEAN: identity} | {each: parse_perturbation(each).strength for each in mine}
    return sorted(strengths, key=lambda each: strengths[each])


def _levels(found: Robustness, shown: list[str]) -> Grid:
    """Typeset the AUC under each condition, and its change with interval and p."""
    by_name = {name: {row.condition: row for row in found.of(name)} for name in shown}
    rows: list[list[GridCell | str]] = [
        [condition, *(_level(by_name[name].get(condition)) for name in shown)]
        for condition in found.conditions
    ]
    return grid("AUC by condition, and its change", ["Condition", *shown], rows)


def _level(row: ConditionScore | None) -> GridCell:
    if row is None:
        return GridCell(DASH)
    if row.mean != row.mean:
        return GridCell(DASH, row.reason)
    if row.condition == CLEAN:
        return GridCell(number(row.mean), between(row.ci_low, row.ci_high))
    bounds = between(row.change_low, row.change_high, sign=True)
    tested = f" ({bounds}), {p_text(row.p_holm)}" if row.p_holm == row.p_holm else ""
    return GridCell(number(row.mean), f"{number(row.change, sign=True)}{tested}")


def _means(found: Robustness) -> Grid:
    rows: list[list[GridCell | str]] = []
    for row in found.means[:MOST_LISTED]:
        known = [each for each in found.of(row.detector) if each.mean == each.mean]
        worst = min(known, key=lambda each: each.mean, default=None)
        bounds = between(row.ci_low, row.ci_high)
        least = DASH if worst is None else GridCell(number(worst.mean), worst.condition)
        mean = GridCell(number(row.mean), bounds if bounds != DASH else row.reason)
        rows.append([row.detector, f"{row.n} of {row.n_expected}", mean, least])
    return grid("Mean over all conditions", ["Detector", "Models", "Mean AUC", "Lowest"], rows, 2)


def _pairs(found: Robustness) -> Grid:
    ordered = sorted(found.differences, key=lambda row: (row.p_holm != row.p_holm, row.p_holm))
    rows: list[list[GridCell | str]] = [
        [
            row.baseline,
            row.treatment,
            GridCell(number(row.mean_diff, sign=True), between(row.ci_low, row.ci_high, sign=True)),
            p_text(row.p_holm) if row.p_holm == row.p_holm else GridCell(DASH, row.reason),
            "image and fold" if row.is_paired else "image",
        ]
        for row in ordered[:MOST_PAIRS]
    ]
    heads = ["Baseline", "Treatment", "Difference of the means", "Holm-corrected p", "Paired by"]
    return grid("Differences over all conditions", heads, rows, 2)
