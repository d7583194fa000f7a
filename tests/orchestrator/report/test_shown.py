"""The choice of the experiments that a page shows."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from orchestrator.analysis.collect import Tables
from orchestrator.report.shown import choose_shown
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


def test_what_is_shown_without_a_mean_is_not_called_the_best(results: Any, tables_of: TablesOf) -> None:
    for number in range(9):
        missing = {} if number < 3 else {1: "failed"}
        results.add(f"e{number}", folds=2, states=missing)
    _, tables = tables_of()
    assert choose_shown(tables, None, 3).note.endswith("experiments: those with the best mean AUC.")
    assert choose_shown(tables, None, 5).note.endswith(
        "5 of 9 experiments: those with the best mean AUC, and the first of those without a mean AUC."
    )
    gone = SimpleNamespace(chosen="elsewhere", runner_up="e5")
    assert choose_shown(tables, gone, 3).note.endswith(
        "3 of 9 experiments: e5, of which the decision is, and those with the best mean AUC."
    )
    both = SimpleNamespace(chosen="e6", runner_up="e5")
    assert choose_shown(tables, both, 6).note.endswith(
        "6 of 9 experiments: the chosen one, its runner-up, those with the best mean AUC, and the first of "
        "those without a mean AUC."
    )
    none = dataclasses.replace(tables, summary=tables.summary.assign(mean=float("nan")))
    assert choose_shown(none, None, 2).note.endswith(
        "2 of 9 experiments: the first of those without a mean AUC."
    )


def test_what_the_decision_is_between_comes_before_the_best_means(results: Any, tables_of: TablesOf) -> None:
    """Catches final models without a curve, and the same trials shown under two names."""
    for number in range(8):
        results.add(f"e{number}", shift=2.0 - number / 5, folds=2)
    results.experiments[1]["trials"] = results.experiments[0]["trials"]
    results.decide("e5", "e6", "e7")
    _, tables = tables_of()
    shown = choose_shown(tables, SimpleNamespace(chosen="e6", runner_up="e5"), 5)
    assert shown.names == ("e0", "e2", "e5", "e6", "e7")
    assert shown.note.endswith(
        "5 of 8 experiments: the chosen one, its runner-up, the other candidates of the decision, and those "
        "with the best mean AUC."
    )
