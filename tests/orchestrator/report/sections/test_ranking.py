"""Mean ranks of many experiments."""

import dataclasses
from collections.abc import Callable
from typing import Any

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.ranking import ranking_figure
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


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
