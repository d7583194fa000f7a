"""Section of sources against each other: trained without one, tested on each; fakes against real ones."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.analysis.source_matrix import SourceMatrix, why_no_matrix
from orchestrator.analysis.source_spread import SourceSpread, against_all, least_balanced
from orchestrator.analysis.trial_scores import ALL
from orchestrator.report.drawing.source_matrix import draw_source_matrix
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Details,
    Figure,
    Heading,
    Panel,
    Section,
    Table,
    figure,
    link,
    note,
    prose,
)
from orchestrator.report.shown import bounded
from orchestrator.wording.numbers import DASH, between, number, p_value, spread
from orchestrator.wording.source_matrix import (
    gap_family_sentence,
    gap_note,
    matrix_sentences,
    no_matrix_sentence,
    row_name,
)
from orchestrator.wording.source_spread import least_balanced_sentence

# Of more than 6 matrices four are drawn, of more than 12 rows eight.
MOST_MATRICES, MATRICES_OF_MANY, MOST_ROWS, ROWS_OF_MANY = 6, 4, 12, 8
MOST_COLUMNS, MOST_GAPS, MOST_UNFOLDED = 8, 50, 24


def source_matrix_section(material: Material) -> Section | None:
    """Show what each model does on sources that it was not trained on, and how even it is over sources.

    Where nothing is held out, the pairs of sources stand alone; None where there are none either.
    """
    study, experiments = material.study, material.tables.experiments
    matrices, spreads = material.tables.matrices, material.tables.spreads
    blocks: list[Block | None] = []
    if matrices:
        blocks += _matrices(matrices)
    elif (reason := why_no_matrix(study, experiments)) != "nothing held out":
        blocks.append(prose(no_matrix_sentence(reason)))
    is_about_pairs = not blocks
    if any(len(spread.aucs) > 1 for spread in spreads):
        blocks.append(Heading("Fakes of each source against real images"))
        blocks.append(prose(least_balanced_sentence(least_balanced(study, experiments, spreads))))
        blocks += _pairs(spreads, material)
    if not blocks:
        return None
    if is_about_pairs:
        return Section.of("source-matrix", "Pairs of sources", blocks)
    return Section.of(
        "source-matrix", "Sources held out, and pairs of sources", blocks, name="Held-out sources"
    )


def _matrices(matrices: Sequence[SourceMatrix]) -> list[Block | None]:
    shown = matrices[: bounded(len(matrices), MOST_MATRICES, MATRICES_OF_MANY)]
    blocks: list[Block | None] = [matrices_figure(matrices, shown)]
    for matrix in shown:
        if len(shown) > 1:
            blocks.append(Heading(matrix.name, is_name=True))
        blocks += [prose(sentence) for sentence in matrix_sentences(matrix)]
    if family := gap_family_sentence(matrices):
        blocks.append(prose(family))
    found = gaps_grid(matrices)
    blocks.append(Table(found, "source-gaps", "wide"))
    total = sum(len(matrix.held_out) for matrix in matrices)
    if total > len(found.rows):
        blocks.append(note(f"The first {len(found.rows)} of {total} held-out cells."))
    blocks.append(
        note(
            "Gap: AUC when trained with the source − AUC when trained without it, on the same fakes and the "
            "same real images of the same folds; so it is what leaving the source out of training costs. "
            "Delta in the section by source is another question: there a model’s own other sources are what "
            "is compared with. Interval and p: corrected resampled t-test; Holm: over all held-out cells of "
            "the phase. Every cell: ",
            link("tables/source_matrix.csv"),
            ".",
        )
    )
    return blocks


def matrices_figure(matrices: Sequence[SourceMatrix], shown: Sequence[SourceMatrix]) -> Figure | None:
    """Draw the matrices `shown`; rows and columns of large ones are bounded."""
    panels = []
    is_cut = False
    for place, matrix in enumerate(shown, start=1):
        rows = matrix.experiments[: bounded(len(matrix.experiments), MOST_ROWS, ROWS_OF_MANY)]
        held_out = [cell.tested_on for cell in matrix.of_sources()]
        first = [*held_out, *(source for source in matrix.columns if source not in held_out)][:MOST_COLUMNS]
        columns = [source for source in matrix.columns if source in first]
        is_cut |= len(rows) < len(matrix.experiments) or len(columns) < len(matrix.columns)
        panels.append(_panel(matrix, rows, columns, place=place))
    caption = (
        "AUC of each source’s fakes (columns) against the real images trained on, mean over folds with its "
        "corrected 95 % interval; rows: what was left out of training. Framed: the source was not trained "
        "on; at the right what that costs on it, with the interval."
    )
    if len(shown) < len(matrices):
        caption += f" The first {len(shown)} of {len(matrices)} models are shown."
    if is_cut:
        caption += " Of a large matrix a part is shown, and the table has all of it."
    return figure(panels, caption)


def _panel(matrix: SourceMatrix, rows: Sequence[str], columns: Sequence[str], *, place: int) -> Panel:
    cells = {(cell.experiment, cell.tested_on): cell for cell in matrix.cells}
    chosen = [[cells[row, column] for column in columns] for row in rows]
    values = np.full((3, len(rows), len(columns)), math.nan)
    for y, line in enumerate(chosen):
        for x, cell in enumerate(line):
            if cell.auc.interval is not None:
                values[:, y, x] = cell.auc.interval.mean, cell.auc.interval.low, cell.auc.interval.high
    names = [row_name(line[0].trained_without) for line in chosen]
    means, lows, highs = (pd.DataFrame(each, index=names, columns=list(columns)) for each in values)
    # One source left out has one gap, for which there is room.
    gaps = [[cell.gap for cell in line if cell.gap is not None] for line in chosen]
    drawn = draw_source_matrix(
        means,
        lows,
        highs,
        np.array([[cell.is_held_out for cell in line] for line in chosen]),
        notes=[gap_note(found[0]) if len(found) == 1 else "" for found in gaps],
        name=f"AUC of {matrix.name}",
    )
    said = "; ".join(
        f"{name}: " + ", ".join(f"{column} {number(means.iloc[y, x])}" for x, column in enumerate(columns))
        for y, name in enumerate(names)
    )
    return Panel(
        f"source-matrix-{place}-{slug(matrix.name)}", drawn, f"AUC of {matrix.name} by source. {said}."
    )


def gaps_grid(matrices: Sequence[SourceMatrix]) -> Grid:
    """Typeset what leaving a source out costs on it, a row for each held-out cell, the first MOST_GAPS."""
    rows: list[list[GridCell | str]] = []
    cells = [cell for matrix in matrices for cell in matrix.held_out]
    for cell in cells[:MOST_GAPS]:
        auc, gap = cell.auc.interval, cell.gap
        difference = None if gap is None else gap.test.difference
        missing = math.nan
        rows.append(
            [
                cell.experiment,
                row_name(cell.trained_without),
                cell.tested_on,
                DASH if auc is None else GridCell(number(auc.mean), between(auc.low, auc.high)),
                DASH if gap is None else number(float(np.mean(gap.with_source))),
                GridCell(DASH, cell.reason, "muted")
                if difference is None
                else GridCell(number(difference.mean, sign=True), cell.reason or spread(difference.std)),
                DASH if difference is None else between(difference.low, difference.high, sign=True),
                p_value(missing if gap is None else gap.test.p_value),
                p_value(missing if gap is None else gap.p_holm),
                f"{len(cell.auc.by_fold)} of {cell.auc.num_expected}",
            ]
        )
    heads = [
        "Experiment", "Trained", "Tested on", "AUC without it", "AUC with it", "Gap", "95 % interval", "p",
        "p (Holm)", "Folds",
    ]  # fmt: skip
    return grid("Gaps on sources not trained on", heads, rows, 3)


def _pairs(spreads: Sequence[SourceSpread], material: Material) -> list[Block | None]:
    listed = material.bounds.listed
    found = pairs_grid(spreads, listed.names)
    table = Table(found, "source-pairs", "wide")
    is_long = len(found.rows) > MOST_UNFOLDED
    several = any(spread.real_source == ALL for spread in spreads)
    num_sources = len({auc.fake_source for spread in spreads for auc in spread.aucs})
    cut = f" The first {MOST_COLUMNS} of {num_sources} sources." if num_sources > MOST_COLUMNS else ""
    blocks: list[Block | None] = [
        Details((f"AUC by pair of sources ({len(found.rows)} rows)",), (table,)) if is_long else table,
        note(
            f"{listed.note} " if listed.note else "",
            "AUC of each source’s fakes against the real images, mean over folds"
            f"{', of all real sources together' if several else ''}.{cut} Spread: standard deviation over "
            "the sources in each fold, and range, each averaged over the folds, with its corrected 95 % "
            "interval. AUCs of few images differ by chance, so that no spread is 0: compare experiments, not "
            "with 0. "
            "Every pair: ",
            link("tables/pairwise_sources.csv"),
            ".",
        ),
    ]
    return blocks


def pairs_grid(spreads: Sequence[SourceSpread], names: Sequence[str]) -> Grid:
    """Typeset the AUC of each source of fakes, and its spread, of the experiments `names`."""
    chosen = {name: spread for name, spread in against_all(spreads).items() if name in names}
    columns = sorted({auc.fake_source for spread in chosen.values() for auc in spread.aucs})[:MOST_COLUMNS]
    rows: list[list[GridCell | str]] = []
    for name, found in chosen.items():
        by_source = {auc.fake_source: auc.interval for auc in found.aucs}
        cells = [by_source.get(source) for source in columns]
        rows.append(
            [
                name,
                *(DASH if cell is None else number(cell.mean) for cell in cells),
                *(
                    GridCell(DASH, found.reason, "muted")
                    if each is None
                    else GridCell(number(each.mean), between(each.low, each.high))
                    for each in (found.deviation, found.extent)
                ),
            ]
        )
    reals = {spread.real_source for spread in chosen.values()}
    real = next(iter(reals)) if len(reals) == 1 and ALL not in reals else "real"
    heads = [f"{source} against {real}" for source in columns]
    return grid("AUC by pair of sources", ["Experiment", *heads, "Spread ↓", "Range ↓"], rows)
