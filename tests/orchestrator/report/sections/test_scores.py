"""Fold scores in a figure: who leads."""

from collections.abc import Callable
from typing import Any

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.scores import fold_scores_figure
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


def test_those_that_tie_lead_together(results: Any, tables_of: TablesOf) -> None:
    """Catches one of several equals called the best, by the order in which they were written down."""
    for name in ("a", "b", "c", "d"):
        results.add(name, folds=2)
        results.separate(name, "test", 0.2 if name == "d" else 9.0)
    _, tables = tables_of()
    assert fold_scores_figure(tables, ["a", "b", "c", "d"], "").caption.startswith(
        "By AUC, a and 2 more have the best mean (1.000), d the last ("
    )
