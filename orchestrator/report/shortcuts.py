"""What the page says about shortcuts: beside every model's scores, in a banner, and with the data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.report.cells import DASH, Cell, Grid, between, grid, number
from orchestrator.shortcuts import BYTES, CHECKS, FILE_FACTS, MOST_LEAKS

Record = Mapping[str, Any]


def beside(scores: Grid, study: Record) -> Grid:
    """Put what file facts and trivial pixels alone reach beside the scores, right after the AUC.

    `scores` has an experiment a row, named in its first column. Without a check the grid stays as it is.
    """
    records = {name: record for record in study.get("shortcuts", ()) for name in record["experiments"]}
    if not records:
        return scores
    position = scores.columns.index("AUC") + 1 if "AUC" in scores.columns else 1
    heads = tuple(f"AUC of {said} alone" for said in CHECKS.values())
    rows = []
    for row in scores.rows:
        record = records.get(row[0].text)
        cells = tuple(_cell(record[check]) if record else Cell(DASH) for check in CHECKS)
        rows.append((*row[:position], *cells, *row[position:]))
    columns = (*scores.columns[:position], *heads, *scores.columns[position:])
    return replace(scores, columns=columns, rows=tuple(rows))


def heading(study: Record) -> str:
    """Name the banner by the worst verdict in it."""
    verdicts = {record["verdict"] for record in study.get("shortcuts", ())}
    if "accepted" in verdicts:
        return "Shortcut accepted"
    return "Shortcut" if "refused" in verdicts else "Shortcuts can't be told from chance"


def found(study: Record) -> Grid | None:
    """Typeset every check: what both models reach, the verdict, and the strongest facts of the files."""
    rows: list[list[Cell | str]] = []
    for record in study.get("shortcuts", ()):
        for check, said in CHECKS.items():
            is_gate = check == FILE_FACTS
            strongest = record["leaks"][:MOST_LEAKS] if is_gate else []
            if record["written_alike"] and not is_gate:
                strongest = [(BYTES, record["bytes_alone"])]
            rows.append(
                [
                    str(record["data"]),
                    said,
                    record["verdict"] if is_gate else "reported",
                    ", ".join(f"{name} {number(auc)}" for name, auc in strongest) or DASH,
                    _cell(record[check]),
                    f"{record['threshold']:g}" if is_gate else DASH,
                    str(record[check]["n"]),
                ]
            )
    heads = ["Data", "Check", "Verdict", "Strongest facts, each alone", "AUC", "Limit", "Folds"]
    return grid("Shortcuts", heads, rows, 4) if rows else None


def written_alike(study: Record) -> list[str]:
    """Name the data sets whose files are all written in one way."""
    found = (record["data"] for record in study.get("shortcuts", ()) if record["written_alike"])
    return list(dict.fromkeys(map(str, found)))


def _cell(numbers: Record) -> Cell:
    low, high = numbers["ci_low"], numbers["ci_high"]
    return Cell(number(numbers["mean"]), "" if low is None else between(low, high))
