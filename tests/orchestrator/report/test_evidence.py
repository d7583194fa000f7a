"""Which experiments a page shows, what it reads of their trials, and what they cost."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.report.evidence import choose_shown, costs, read_evidence, read_files
from orchestrator.store.folder import Store


def tables_of(results: Any) -> tuple[Store, Tables]:
    store = Store.open(results.write())
    return store, collect(store, results.phase)


def test_curves_are_of_a_bounded_number_of_experiments(results: Any) -> None:
    """Catches a page that reads every trial's predictions, and a chosen experiment that it does not show."""
    for number in range(7):
        results.add(f"e{number}", folds=2)
        results.separate(f"e{number}", "test", 0.3 * number)
    store, tables = tables_of(results)
    decision = SimpleNamespace(chosen="e0", runner_up="e1")
    shown = choose_shown(tables, decision, 4)
    assert shown.names == ("e0", "e1", "e5", "e6")
    assert shown.note.startswith("Shown are 4 of 7 experiments: the chosen one, its runner-up, and those")
    assert choose_shown(tables, None, 7).note == ""
    evidence = read_evidence(store, tables, read_files(store, tables.study), shown.names)
    assert set(evidence.tests) == set(shown.names) == set(evidence.history["experiment"])
    assert len(evidence.runs) == 14


def test_cost_counts_threads_on_a_processor_and_not_on_a_gpu(results: Any) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2)
    results.facts("a", device="cpu", threads=4, training_seconds=30.0, parameters=1000)
    results.facts("b", device="cuda", threads=4, training_seconds=45.0, parameters=2000)
    store, tables = tables_of(results)
    evidence = read_evidence(store, tables, read_files(store, tables.study), ())
    found = costs(evidence.runs, tables.summary, "auc").set_index("experiment")
    assert found["seconds"].to_dict() == {"a": 120.0, "b": 45.0}
    assert found["hours"].tolist() == pytest.approx([240 / 3600, 90 / 3600])
    assert found["unit"].tolist() == ["thread seconds", "seconds"] and found["device"].tolist() == [
        "cpu",
        "cuda",
    ]
    assert evidence.tests == {}


def test_what_is_shown_without_a_mean_is_not_called_the_best(results: Any) -> None:
    for number in range(9):
        missing = {} if number < 3 else {1: "failed"}
        results.add(f"e{number}", folds=2, states=missing)
    _, tables = tables_of(results)
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
