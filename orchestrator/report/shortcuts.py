"""What the page says about shortcuts: beside every model's scores, in a banner, and with the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.report.cells import DASH, Cell, Grid, between, capital, grid, number
from orchestrator.shortcuts import BYTES, CHECKS, FILE_FACTS, MOST_LEAKS, warnings

Record = Mapping[str, Any]


def beside(scores: Grid, study: Record) -> Grid:
    """Put what file facts and trivial pixels alone reach beside the scores, right after the AUC.

    `scores` has an experiment a row, named in its first column. Without a check the grid stays as it is.
    """
    records = {name: record for record in study.get("shortcuts", ()) for name in record["experiments"]}
    if not records:
        return scores
    position = scores.columns.index("AUC") + 1 if "AUC" in scores.columns else 1
    heads = tuple(f"{capital(name)} alone" for name in CHECKS.values())
    rows = []
    for row in scores.rows:
        record = records.get(row[0].text)
        cells = tuple(_cell(record[check]) if record else Cell(DASH) for check in CHECKS)
        rows.append((*row[:position], *cells, *row[position:]))
    columns = (*scores.columns[:position], *heads, *scores.columns[position:])
    return replace(scores, columns=columns, rows=tuple(rows))


@dataclass(frozen=True, slots=True)
class Said:
    """The banner (no lines: none), the table, and the data sets whose files are all written alike."""

    heading: str
    lines: tuple[str, ...]
    grid: Grid | None
    written_alike: tuple[str, ...]


def said(study: Record) -> Said:
    """Say what a study record holds about shortcuts; an older record holds nothing."""
    records = study.get("shortcuts", ())
    verdicts = {record["verdict"] for record in records}
    heading = "Shortcuts can’t be told from chance"
    if "accepted" in verdicts:
        heading = "Shortcut accepted"
    elif "refused" in verdicts:
        heading = "Shortcut"
    alike = dict.fromkeys(str(record["data"]) for record in records if record["written_alike"])
    return Said(heading, tuple(warnings(study)), _grid(records), tuple(alike))


def _grid(records: Sequence[Record]) -> Grid | None:
    """Typeset every check: what both models reach, the verdict, and the strongest facts of the files."""
    rows: list[list[Cell | str]] = []
    for record in records:
        for check, name in CHECKS.items():
            is_gate = check == FILE_FACTS
            strongest = record["leaks"][:MOST_LEAKS] if is_gate else []
            if record["written_alike"] and not is_gate:
                strongest = [(BYTES, record["bytes_alone"])]
            rows.append(
                [
                    str(record["data"]),
                    name,
                    record["verdict"] if is_gate else "reported",
                    ", ".join(f"{fact} {number(auc)}" for fact, auc in strongest) or DASH,
                    _cell(record[check]),
                    f"{record['threshold']:g}" if is_gate else DASH,
                    str(record[check]["n"]),
                ]
            )
    heads = ["Data", "Check", "Verdict", "Strongest facts, each alone", "AUC", "Limit", "Folds"]
    return grid("Shortcuts", heads, rows, 4) if rows else None


def _cell(numbers: Record) -> Cell:
    low, high = numbers["ci_low"], numbers["ci_high"]
    return Cell(number(numbers["mean"]), "" if low is None else between(low, high))
