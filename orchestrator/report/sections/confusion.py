"""Section of the confusion matrices, and of the scores by class where there are more than two."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.analysis.collect import ALL, Tables, num_expected
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Group, Heading, Section, Table, note, prose
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.wording.numbers import class_name, integer

BY_CLASS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "support": "Images per fold"}


def confusion_section(material: Material) -> Section:
    """Show which classes are taken for which."""
    tables, lines = material.tables, material.bounds.lines
    blocks: list[Block | None] = []
    if matrices := confusion_grids(tables, lines.names):
        blocks += [
            Group("matrices", tuple(_matrix(*each, place) for place, each in enumerate(matrices, start=1))),
            note(
                "Counts summed over the finished test folds; below each the share of its row. " + lines.note
            ),
        ]
    else:
        blocks.append(prose("No trial has finished yet."))
    if (classes := class_grid(tables, material.summary, lines.names)) is not None:
        blocks += [Heading("Scores by class"), Table(classes, "classes", "wide")]
    return Section.of("confusion", "Confusion matrices", blocks, name="Confusion")


def _matrix(name: str, found: Grid, place: int) -> Group:
    table = Table(found, f"confusion-{place:02d}-{slug(name)}", "confusion", has_links=False)
    return Group("matrix", (Heading(name, is_name=True), table))


def confusion_grids(tables: Tables, names: Sequence[str]) -> list[tuple[str, Grid]]:
    """Typeset the confusion matrix of each of `names` that has test rows, summed over its folds."""
    classes = {data.root: data.classes for data in tables.study.data}
    found = []
    for each in tables.study.experiments:
        if each.name not in names:
            continue
        rows = tables.confusion[tables.confusion["experiment"] == each.name]
        if len(rows):
            found.append((each.name, _grid(rows, classes.get(each.data, ()))))
    return found


def _grid(rows: pd.DataFrame, classes: Sequence[str]) -> Grid:
    size = max(len(classes) - 1, int(rows["actual"].max()), int(rows["predicted"].max())) + 1
    names = [class_name(classes, index) for index in range(size)]
    table = np.zeros((size, size), dtype=np.int64)
    places = [rows[side].to_numpy(dtype=np.int64) for side in ("actual", "predicted")]
    np.add.at(table, tuple(places), rows["count"].to_numpy(dtype=np.int64))
    cells: list[list[GridCell | str]] = []
    for name, found in zip(names, table.tolist(), strict=True):
        total = sum(found)
        line: list[GridCell | str] = [name]
        for count in found:
            share = count / total if total else 0.0
            line.append(GridCell(integer(count), f"{100 * share:.1f} %", "heat", round(share, 3)))
        cells.append(line)
    return grid("Confusion matrix", ["Actual ↓  predicted →", *names], cells)


def class_grid(tables: Tables, summary: SummaryCells, names: Sequence[str]) -> Grid | None:
    """Typeset precision, recall, F1 and number of images of each class; None with two classes."""
    rows: list[list[GridCell | str]] = []
    classes = {data.root: data.classes for data in tables.study.data}
    for each in tables.study.experiments:
        name, count = each.name, each.num_classes
        if name not in names or (name, "recall[0]", ALL) not in summary.rows:
            continue
        for index in range(count):
            called = class_name(classes.get(each.data, ()), index)
            cells = [
                summary.cell(name, f"{metric}[{index}]", ALL, expected=num_expected(each), interval=False)
                for metric in BY_CLASS
            ]
            rows.append([name, called, *cells])
    heads = ["Experiment", "Class", *BY_CLASS.values()]
    return grid("Scores by class", heads, rows, 2) if rows else None
