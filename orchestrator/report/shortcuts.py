"""What the page says about shortcuts: beside every model's scores, in a banner, and with the data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.checks.shortcuts import BYTES, CHANCE, CHECKS, FILE_FACTS, MOST_LEAKS, warnings
from orchestrator.report.cells import Cell, Grid, grid
from orchestrator.store.records import CheckScores, ShortcutRecord, StudyRecord
from orchestrator.wording.numbers import DASH, between, capital, number


def beside(scores: Grid, study: StudyRecord, aucs: Mapping[str, float] | None = None) -> Grid:
    """Put what file facts and trivial pixels alone reach beside the scores, right after the AUC.

    `scores` has an experiment a row, named in its first column; `aucs` are their mean AUCs, for the shortcut
    share. Without a check the grid stays as it is.
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
        cells = tuple(_cell(record.scores(check)) if record else Cell(DASH) for check in CHECKS)
        if aucs is not None:
            cells += (_share(record, aucs.get(row[0].text, math.nan)),)
        rows.append((*row[:position], *cells, *row[position:]))
    columns = (*scores.columns[:position], *heads, *scores.columns[position:])
    return replace(scores, columns=columns, rows=tuple(rows))


def share(alone: float | None, auc: float) -> float | None:
    """Return how much of an AUC above chance a shortcut alone reaches, 0 to 1; None where unknown."""
    if alone is None or math.isnan(alone) or math.isnan(auc) or auc <= CHANCE:
        return None
    return min(max((alone - CHANCE) / (auc - CHANCE), 0.0), 1.0)


def _share(record: ShortcutRecord | None, auc: float) -> Cell:
    if record is None:
        return Cell(DASH)
    files, pixels = (share(record.scores(check).mean, auc) for check in CHECKS)
    said = DASH if files is None else f"{100 * files:.0f} %"
    return Cell(said, "" if pixels is None else f"pixels {100 * pixels:.0f} %")


@dataclass(frozen=True, slots=True)
class Said:
    """The banner (no lines: none), the table, and the data sets whose files are all written alike."""

    heading: str
    lines: tuple[str, ...]
    grid: Grid | None
    written_alike: tuple[str, ...]


def said(study: StudyRecord) -> Said:
    """Say what a study record holds about shortcuts; an older record holds nothing."""
    records = study.shortcuts
    verdicts = {record.verdict for record in records}
    heading = "Shortcuts can’t be told from chance"
    if "accepted" in verdicts:
        heading = "Shortcut accepted"
    elif "refused" in verdicts:
        heading = "Shortcut"
    alike = dict.fromkeys(str(record.data) for record in records if record.written_alike)
    return Said(heading, tuple(warnings(study)), _grid(records), tuple(alike))


def _grid(records: Sequence[ShortcutRecord]) -> Grid | None:
    """Typeset every check: what both models reach, the verdict, and the strongest facts of the files."""
    rows: list[list[Cell | str]] = []
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
                    _cell(record.scores(check)),
                    f"{record.threshold:g}" if is_gate else DASH,
                    str(record.scores(check).n),
                ]
            )
    heads = ["Data", "Check", "Verdict", "Strongest facts, each alone", "AUC", "Limit", "Folds"]
    return grid("Shortcuts", heads, rows, 4) if rows else None


def _cell(numbers: CheckScores) -> Cell:
    low, high = numbers.ci_low, numbers.ci_high
    return Cell(number(numbers.mean), "" if low is None or high is None else between(low, high))
