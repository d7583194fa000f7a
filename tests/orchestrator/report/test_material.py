"""The reading of trials for a page."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.trial_facts import read_files
from orchestrator.report.material import read_material
from orchestrator.report.shown import choose_shown
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


@pytest.mark.slow
def test_curves_are_of_a_bounded_number_of_experiments(results: Any, tables_of: TablesOf) -> None:
    """Catches a page that reads every trial's predictions, and a chosen experiment that it does not show."""
    for number in range(7):
        results.add(f"e{number}", folds=2)
        results.separate(f"e{number}", "test", 0.3 * number)
    store, tables = tables_of()
    decision = SimpleNamespace(chosen="e0", runner_up="e1")
    shown = choose_shown(tables, decision, 4)
    assert shown.names == ("e0", "e1", "e5", "e6")
    assert shown.note.startswith("Shown are 4 of 7 experiments: the chosen one, its runner-up, and those")
    assert choose_shown(tables, None, 7).note == ""
    material = read_material(store, tables, decision, read_files(store, tables.study))
    assert material.bounds.curves == shown
    assert set(material.tests) == set(shown.names) == set(material.history["experiment"])
    assert len(material.trials) == 14
