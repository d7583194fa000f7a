"""Rankings of many experiments, and of few; balance beside them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.ranking import ranking_figure, ranking_grid
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


@pytest.mark.slow
def test_of_many_experiments_the_best_are_shown(results: Any, tables_of: TablesOf) -> None:
    """Catches a figure of hundreds of rows, the wrong ones left out, and more that nobody mentions."""
    for number in range(21):
        results.add(f"e{number:02d}", folds=2)
        results.separate(f"e{number:02d}", "test", 0.15 * number)
        if number:
            results.compare("e00", f"e{number:02d}")
    _, tables = tables_of()
    ranked = ranking_figure(tables)
    best = list(tables.ranking["experiment"])[:12]
    assert [
        name for name in tables.ranking["experiment"] if f">{name}<" in ranked.panels[0].picture.svg
    ] == best
    assert ranked.caption.endswith("The best 12 of 21.")
    few = dataclasses.replace(tables, ranking=tables.ranking.head(20))
    assert "The best" not in ranking_figure(few).caption


@pytest.mark.slow
def test_few_experiments_have_ranks_that_tests_leave_open_and_no_mean_ranks(
    results: Any, tables_of: TablesOf
) -> None:
    """Catches a table without the numbers of its claims, and a best one that differs from itself."""
    for name, good, noise in (("a", 1.0, 1.0), ("b", 1.1, 1.0), ("low", -3.0, 0.05)):
        results.add(name)
        results.separate(name, "test", good, noise)
    _, tables = tables_of()
    ranked = ranking_figure(tables)
    assert ranked is not None and [panel.name for panel in ranked.panels] == ["standing", "pairs"]
    picture = ranked.panels[0].picture.svg
    assert picture.count(">rank 1 to 2<") == 2 and ">rank 3<" in picture
    found = ranking_grid(tables, ["b", "low"])
    assert found is not None
    best, last = found.rows
    assert [cell.text for cell in best[:2]] == ["1", "b"] and [cell.text for cell in last[:2]] == ["3", "low"]
    assert (best[3].text, best[3].note) == ("1 to 2", "may be the best") and last[3].note == ""
    assert (best[4].text, best[5].text) == ("–", "–") and last[4].text.startswith("−0.")
    worst = tables.balance.set_index("experiment").loc["low"]
    assert last[6].text == f"{worst['worst']:.3f}" and f"mostly {worst['worst_source']}" in last[6].note
    without = dataclasses.replace(tables, balance=tables.balance.iloc[:0])
    narrow = ranking_grid(without, ["b"])
    assert narrow is not None and "Worst source" not in narrow.columns
