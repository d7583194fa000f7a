"""Shortcuts on the page: beside the scores, in a banner, with the data."""

import copy
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.checks.shortcuts import COLUMNS
from orchestrator.report.grid import grid
from orchestrator.report.page import write_report
from orchestrator.report.section import Prose, Table
from orchestrator.report.shortcuts import beside_scores, shortcut_blocks
from orchestrator.store.folder import Store
from orchestrator.store.records import ShortcutRecord
from trainables.files import read_json, write_json

NUMBERS = {"n": 5, "std": 0.01, "ci_low": 0.51, "ci_high": 0.59}
RECORD: dict[str, Any] = {
    "check": "c" * 20, "data": "/data/faces", "experiments": ["a"], "threshold": 0.7, "verdict": "passed",
    "leaks": [["bytes per pixel", 0.56]], "written_alike": False, "bytes_alone": 0.56,
    "file_facts": {**NUMBERS, "mean": 0.55}, "trivial_pixels": {**NUMBERS, "mean": 0.575},
}  # fmt: skip


def page(results: Any, *records: dict[str, Any]) -> tuple[str, Tables, Store]:
    results.add("a")
    root = results.write()
    path = root / "studies" / "phase1.json"
    write_json(path, {**read_json(path), "shortcuts": list(records)})
    store = Store.open(root)
    tables = collect(store, "phase1")
    return write_report(store, tables).read_text(encoding="utf-8"), tables, store


def test_every_score_stands_beside_what_the_files_alone_reach(results: Any) -> None:
    html, tables, store = page(results, RECORD)
    assert ">File facts alone</th>" in html and ">Trivial pixels alone</th>" in html
    for number in ("0.550", "0.575", "0.510 to 0.590"):
        assert number in html
    assert 'class="warning"' not in html
    for path in (store.collected("phase1"), store.report("phase1") / "tables"):
        lines = (path / "shortcuts.csv").read_text().splitlines()
        assert lines[0] == ",".join(COLUMNS) and len(lines) == 3
    assert list(tables.shortcuts["verdict"]) == ["passed", "reported"]


@pytest.mark.slow
def test_an_accepted_shortcut_is_stamped_on_the_page(results: Any) -> None:
    leak = {"verdict": "accepted", "leaks": [["file extension", 1.0]]}
    html, _, _ = page(results, {**RECORD, **leak, "file_facts": {**NUMBERS, "mean": 1.0}})
    banner = html[html.index('class="warning"') : html.index("<nav")]
    assert "Shortcut accepted" in banner and "file extension 1.000" in banner


@pytest.mark.slow
@pytest.mark.parametrize(("verdict", "heading"), [("refused", "Shortcut"), ("uncertain", "told from chance")])
def test_other_verdicts_have_a_banner_of_their_own(results: Any, verdict: str, heading: str) -> None:
    html, _, _ = page(results, {**RECORD, "verdict": verdict})
    banner = html[html.index('class="warning"') : html.index("<nav")]
    assert heading in banner and "accepted</h2>" not in banner


@pytest.mark.slow
def test_a_page_without_a_check_says_nothing_of_one(results: Any) -> None:
    html, tables, _ = page(results)
    assert "alone</th>" not in html and "Shortcuts</h3>" not in html and tables.shortcuts.empty


@pytest.mark.slow
def test_a_new_outcome_makes_a_new_page(results: Any) -> None:
    """Catches a page that goes on to show an old check because nothing else has changed."""
    html, _, store = page(results, RECORD)
    path = store.study_file("phase1")
    study = read_json(path)
    study["shortcuts"][0]["file_facts"]["mean"] = 0.625
    write_json(path, study)
    again = write_report(store, collect(store, "phase1")).read_text(encoding="utf-8")
    assert "0.625" in again and "0.625" not in html


def test_columns_stand_right_after_the_auc(make_study: Any) -> None:
    scores = grid(
        "Test scores", ["Experiment", "AUC", "Accuracy"], [["a", "0.9", "0.8"], ["b", "0.7", "0.6"]]
    )
    found = beside_scores(scores, make_study(ShortcutRecord.model_validate(RECORD)))
    assert [cell.text for cell in found.rows[0]] == ["a", "0.9", "0.550", "0.575", "0.8"]
    # An experiment without a check has dashes, never the numbers of another.
    assert [cell.text for cell in found.rows[1]] == ["b", "0.7", "–", "–", "0.6"]
    assert len(found.columns) == 5 and beside_scores(scores, make_study()) == scores


def test_bytes_of_files_written_alike_are_shown_with_the_pixels(make_study: Any) -> None:
    alike = {**copy.deepcopy(RECORD), "written_alike": True, "leaks": [], "bytes_alone": 0.6}
    _, table, said = shortcut_blocks(make_study(ShortcutRecord.model_validate(alike)))
    assert isinstance(table, Table) and isinstance(said, Prose)
    assert str(said.text[0]).endswith("trivial pixels, as here: /data/faces.")
    facts = [row[3].text for row in table.grid.rows]
    assert facts == ["–", "bytes per pixel 0.600"]
