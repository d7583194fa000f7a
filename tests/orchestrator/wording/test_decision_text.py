"""The decision in force in sentences: its version, and what has moved since it was taken."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.decisions.decision import decide, moved_since
from orchestrator.store.decision_file import in_force
from orchestrator.store.folder import Store
from orchestrator.wording.decision_text import decision_lines

TablesOf = Callable[[], tuple[Store, Tables]]


def test_the_decision_in_force_is_told_with_version_ties_and_runner_up(results: Any, three: TablesOf) -> None:
    results.decide("a", "b", "c")
    store, tables = three()
    assert in_force(store, "phase1") is None
    assert decision_lines(None, tables.study.phase.decision) == ("No decision has been taken yet.",)
    decide(store, "phase1", tables=tables)
    text = " ".join(decision_lines(in_force(store, "phase1"), tables.study.phase.decision))
    assert "is chosen, on validation scores" in text and "It is a tie" in text
    assert "version 1 of the decision" in text
    results.decide("a", "b", rope=0.02)
    decide(store, "phase1", again=True, tables=collect(Store.open(results.write()), "phase1"))
    again = " ".join(decision_lines(in_force(store, "phase1"), tables.study.phase.decision))
    assert "version 2" in again and "It replaced the one before because" in again
    assert "rope was 0.01 and is 0.02" in again


def test_a_phase_without_a_rule_declares_no_decision(results: Any, tables_of: TablesOf) -> None:
    results.add("a")
    _, tables = tables_of()
    assert decision_lines(None, tables.study.phase.decision) == ("This phase declares no decision.",)


@pytest.mark.slow
def test_a_moved_decision_is_said_with_its_numbers_of_then(results: Any, tables_of: TablesOf) -> None:
    """Catches the test scores of then beside the tables of now."""
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name)
        results.separate(name, "val", good)
    results.decide("a", "b")
    store, tables = tables_of()
    record = decide(store, "phase1").record
    assert moved_since(record, store, tables) == ((), "")
    results.separate("b", "val", 0.1, fold=1)
    store, tables = tables_of()
    said = " ".join(decision_lines(record, tables.study.phase.decision, *moved_since(record, store, tables)))
    assert "The numbers above are of that time. Since then: b repeat 0 fold 1 has other predictions" in said
    assert said.endswith("The decision stays all the same; the rule would still choose b.")
    store, tables = tables_of()
    phase = tables.study.phase.model_copy(update={"decision": None})
    without = tables.study.model_copy(update={"phase": phase})
    moved, now = moved_since(record, store, dataclasses.replace(tables, study=without))
    assert moved == ("the phase has no decision rule any more",)
    assert now == "the rule can't be applied any more"
    left = {key: value for key, value in tables.experiments.items() if key != "b"}
    moved, _ = moved_since(record, store, dataclasses.replace(tables, experiments=left))
    assert moved == ("b: the last run of the phase left it out",)
