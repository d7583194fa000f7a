"""Section of single sources of the evaluation's images: the AUC on each source of fakes, and rates."""

import math

import pandas as pd

from orchestrator.analysis.elsewhere_sources import SourceScore, worst_sources
from orchestrator.report.drawing.heat_map import draw_heat_map
from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Figure, Panel, Section, Table, figure, note
from orchestrator.wording.numbers import DASH, between, integer, number, spread

# Columns of a heat map that are still legible, and rows of a table: the hardest sources are kept.
MOST_COLUMNS, MOST_ROWS = 8, 60
RATES = {"auc": "AUC", "detection_rate": "Detection rate", "false_alarm_rate": "False alarm rate ↓"}


def by_source_section(material: EvaluationMaterial) -> Section | None:
    """Show every source; None with several classes."""
    rows = [row for row in material.tables.sources if row.detector in material.listed]
    if not rows:
        return None
    found, is_cut = _grid(material, rows)
    blocks: list[Block | None] = [
        _figure(material, rows),
        Table(found, name="elsewhere_sources"),
        note(
            "Of a source of fakes: the AUC against all real images, and the share that is called fake at "
            "0.5; of a source of real images the share that is called fake. Intervals are made as those of "
            "the scores; the lowest of several means is low by chance, too."
            + (f" The first {MOST_ROWS} rows; all are in the CSV." if is_cut else "")
        ),
    ]
    return Section.of("sources", "By source", blocks, name="Sources")


def _grid(material: EvaluationMaterial, rows: list[SourceScore]) -> tuple[Grid, bool]:
    worst = worst_sources(rows)
    by_place: dict[tuple[str, str, str], dict[str, SourceScore]] = {}
    for row in rows:
        by_place.setdefault((row.detector, row.kind, row.source), {})[row.metric] = row
    lines: list[list[GridCell | str]] = []
    for (detector, kind, source), metrics in sorted(
        by_place.items(), key=lambda each: material.listed.index(each[0][0])
    ):
        first = next(iter(metrics.values()))
        mark = "lowest AUC" if worst.get(detector) == source and kind == "fake" else ""
        cells = [_cell(metrics.get(metric)) for metric in RATES]
        lines.append([detector, GridCell(source, mark), kind, *cells, integer(first.images)])
    heads = ["Detector", "Source", "Class", *RATES.values(), "Images"]
    return grid("Rates by source", heads, lines[:MOST_ROWS], 3), len(lines) > MOST_ROWS


def _cell(row: SourceScore | None) -> GridCell:
    if row is None:
        return GridCell(DASH)
    if math.isnan(row.mean):
        return GridCell(DASH, row.reason, "muted")
    interval = between(row.ci_low, row.ci_high)
    return GridCell(f"{number(row.mean)} {spread(row.std)}".strip(), "" if interval == DASH else interval)


def _figure(material: EvaluationMaterial, rows: list[SourceScore]) -> Figure | None:
    known = [row for row in rows if row.metric == "auc" and row.detector in material.lines]
    table = pd.DataFrame(
        [(row.detector, row.source, row.mean) for row in known], columns=["detector", "source", "mean"]
    ).dropna()
    if table["source"].nunique() < 2:
        return None
    values = table.pivot_table(index="detector", columns="source", values="mean", aggfunc="first")
    values = values.reindex([name for name in material.lines if name in values.index])
    hardest = values.mean().sort_values(kind="stable").index[:MOST_COLUMNS]
    values = values[[source for source in values.columns if source in set(hardest)]]
    said = "; ".join(
        f"{name}: " + ", ".join(f"{source} {number(row[source])}" for source in values.columns)
        for name, row in values.iterrows()
    )
    panel = Panel("elsewhere-sources", draw_heat_map(values), f"AUC by source. {said}.")
    few = f" The {MOST_COLUMNS} hardest sources." if table["source"].nunique() > MOST_COLUMNS else ""
    caption = f"Mean AUC of each detector on the fakes of each source; the lowest of each is framed.{few}"
    return figure([panel], caption)
