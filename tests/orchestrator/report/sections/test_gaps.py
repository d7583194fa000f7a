"""Missing trials and scores, named with their reasons."""

from collections.abc import Callable
from typing import Any

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.gaps import unfinished_grid
from orchestrator.store.folder import Store
from orchestrator.wording.gaps import gap_sentences

TablesOf = Callable[[], tuple[Store, Tables]]


def test_a_trial_that_is_not_finished_is_named_with_its_reason(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, states={1: "failed", 2: "missing"})
    _, tables = tables_of()
    assert gap_sentences(tables)[0] == "2 of 6 planned trials are not finished: 1 failed, 1 missing."
    found = unfinished_grid(tables)
    assert found is not None and [row[3].text for row in found.rows] == [
        "the loss is nan",
        "not run to its end yet",
    ]
