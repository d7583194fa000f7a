"""Shortcuts on a page: beside every model's scores, in a callout above, and with the data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator.checks.shortcuts import BYTES, CHECKS, FILE_FACTS, MOST_LEAKS, shortcut_share, warnings
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Callout, Heading, Table, note
from orchestrator.store.records import CheckScores, ShortcutRecord, StudyRecord
from orchestrator.wording.numbers import DASH, between, capital, number


def beside_scores(scores: Grid, study: StudyRecord, aucs: Mapping[str, float] | None = None) -> Grid:
    """Put what file facts and trivial pixels alone reach beside the scores, right after the AUC.

    `scores` has one row per experiment, named in its first column; `aucs` are their mean AUCs, for the
    shortcut share. Without a check the grid stays as it is.
    """
    records = {name: record for record in study.shortcuts for name in record.experiments}
    if not records:
        return scores
    position = next((place for place, name in enumerate(scores.columns, 1) if name.startswith("AUC")), 1)
    heads = tuple(f"{capital(name)} alone" for name in CHECKS.values())
    heads += ("Shortcut share",) if aucs is not None else ()
    rows = []
    for row in scores.rows:
        record = records.get(row[0].text)
        cells = tuple(shortcut_cell(record.scores(check)) if record else GridCell(DASH) for check in CHECKS)
        if aucs is not None:
            cells += (_share(record, aucs.get(row[0].text, math.nan)),)
        rows.append((*row[:position], *cells, *row[position:]))
    columns = (*scores.columns[:position], *heads, *scores.columns[position:])
    return replace(scores, columns=columns, rows=tuple(rows))


def _share(record: ShortcutRecord | None, auc: float) -> GridCell:
    if record is None:
        return GridCell(DASH)
    files, pixels = (shortcut_share(record.scores(check).mean, auc) for check in CHECKS)
    said = DASH if files is None else f"{100 * files:.0f} %"
    return GridCell(said, "" if pixels is None else f"pixels {100 * pixels:.0f} %")


def shortcut_callout(study: StudyRecord) -> Callout | None:
    """Say above the page what a reader of the scores has to know; None where there is nothing."""
    lines = warnings(study)
    if not lines:
        return None
    verdicts = {record.verdict for record in study.shortcuts}
    title = "Shortcuts can’t be told from chance"
    if "accepted" in verdicts:
        title = "Shortcut accepted"
    elif "refused" in verdicts:
        title = "Shortcut"
    return Callout(title, tuple((line,) for line in lines))


def shortcut_blocks(study: StudyRecord) -> tuple[Block, ...]:
    """Show every check with its data; nothing where a study record holds none."""
    found = shortcut_grid(study.shortcuts)
    if found is None:
        return ()
    alike = dict.fromkeys(str(record.data) for record in study.shortcuts if record.written_alike)
    here = f", as here: {', '.join(alike)}" if alike else ""
    said = note(
        "Models that never see a face, learnt and scored on the study’s own outer folds: gradient-boosted "
        "trees on how the files were written (suffix, format, bytes per pixel, size, JPEG tables, metadata), "
        "and a shrunken linear discriminant on trivial pixels. Interval: corrected t on log odds; with a "
        "single split, a bootstrap over its groups. File facts above the limit, with an interval above "
        "chance, stop a run. Where all files of a data set are written in one way, bytes per pixel follow "
        f"from the picture and count among the trivial pixels{here}."
    )
    return (Heading("Shortcuts"), Table(found, style="wide"), said)


def shortcut_grid(records: Sequence[ShortcutRecord]) -> Grid | None:
    """Typeset every check: what both models reach, the verdict, and the strongest facts of the files."""
    rows: list[list[GridCell | str]] = []
    for record in records:
        for check, name in CHECKS.items():
            is_gate = check == FILE_FACTS
            strongest = list(record.leaks[:MOST_LEAKS]) if is_gate else []
            if record.written_alike and not is_gate and record.bytes_alone is not None:
                strongest = [(BYTES, record.bytes_alone)]
            rows.append(
                [
                    str(record.data),
                    name,
                    record.verdict if is_gate else "reported",
                    ", ".join(f"{fact} {number(auc)}" for fact, auc in strongest) or DASH,
                    shortcut_cell(record.scores(check)),
                    f"{record.threshold:g}" if is_gate else DASH,
                    str(record.scores(check).n),
                ]
            )
    heads = ["Data", "Check", "Verdict", "Strongest facts, each alone", "AUC", "Limit", "Folds"]
    return grid("Shortcuts", heads, rows, 4) if rows else None


def shortcut_cell(numbers: CheckScores) -> GridCell:
    """Write what a model of a shortcut reaches, with its interval."""
    low, high = numbers.ci_low, numbers.ci_high
    return GridCell(number(numbers.mean), "" if low is None or high is None else between(low, high))
