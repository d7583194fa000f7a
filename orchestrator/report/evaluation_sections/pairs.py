"""Section of differences between detectors on the images that all of them have scores of."""

import math

import numpy as np

from orchestrator.analysis.elsewhere_pairs import DetectorDifference
from orchestrator.report.drawing.elsewhere import draw_detector_differences
from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Figure, Panel, Section, Table, figure, note
from orchestrator.report.shown import LINES_OF_MANY, MOST_LINES, MOST_LISTED, bounded
from orchestrator.wording.numbers import DASH, between, integer, number, p_value, spread


def pairs_section(material: EvaluationMaterial) -> Section | None:
    """Show every two detectors, of many the surest differences; None with fewer than two."""
    rows = list(material.tables.differences)
    if not rows:
        return None
    surest = sorted(rows, key=lambda row: (math.isnan(row.p_value), row.p_value))
    listed = [row for row in rows if row in surest[:MOST_LISTED]]
    drawn = surest[: bounded(len(rows), MOST_LINES, LINES_OF_MANY)]
    shown = [row for row in rows if row in drawn and not math.isnan(row.mean_diff)]
    more = f" The surest {MOST_LISTED} of {len(rows)} pairs." if len(listed) < len(rows) else ""
    number_of = f"{integer(material.tables.common)} images that all detectors have scores of"
    blocks: list[Block | None] = [
        _figure(shown),
        Table(_grid(listed), name="elsewhere_differences"),
        note(
            f"AUC on the {number_of}; p by Holm over {_counted(len(rows), 'pair')}. Images are "
            "paired always: resampled groups are the same for both. Models are paired by fold where both "
            "experiments have the same folds; else their spreads add up, and a single model has none: it is "
            f"compared as it is. The ensembles’ difference is for these models alone.{more}"
        ),
    ]
    return Section.of("differences", "Differences between detectors", blocks, name="Differences")


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _grid(listed: list[DetectorDifference]) -> Grid:
    rows: list[list[GridCell | str]] = []
    for row in listed:
        is_there = not math.isnan(row.mean_diff)
        ensemble = between(row.ensemble_low, row.ensemble_high, sign=True)
        rows.append(
            [
                row.baseline,
                row.treatment,
                GridCell(number(row.mean_diff, sign=True), spread(row.std_diff) if is_there else row.reason),
                between(row.ci_low, row.ci_high, sign=True),
                DASH if math.isnan(row.p_holm) else p_value(row.p_holm),
                GridCell(number(row.ensemble_diff, sign=True), "" if ensemble == DASH else ensemble),
                "by fold" if row.is_paired else "no",
            ]
        )
    heads = ["Baseline", "Treatment", "AUC", "95 % interval", "p (Holm)", "AUC of ensembles", "Models paired"]
    return grid("Differences between detectors, treatment less baseline", heads, rows, 2)


def _figure(shown: list[DetectorDifference]) -> Figure | None:
    if not shown:
        return None
    values = np.array([[row.mean_diff, row.ci_low, row.ci_high] for row in shown])
    said = "; ".join(
        f"{row.treatment} against {row.baseline} {number(row.mean_diff, sign=True)}" for row in shown
    )
    picture = draw_detector_differences(
        values, [row.treatment for row in shown], [row.baseline for row in shown]
    )
    panel = Panel("elsewhere-differences", picture, f"Differences in AUC: {said}.")
    return figure(
        [panel], "Difference in AUC on the same images, treatment less baseline, with its interval."
    )
