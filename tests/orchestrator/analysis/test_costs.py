"""Costs of experiments: threads count on a processor."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import experiment_costs
from orchestrator.analysis.trial_facts import read_files, trial_facts
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


def test_cost_counts_threads_on_a_processor_and_not_on_a_gpu(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2)
    results.facts("a", device="cpu", threads=4, training_seconds=30.0, parameters=1000)
    results.facts("b", device="cuda", threads=4, training_seconds=45.0, parameters=2000)
    store, tables = tables_of()
    facts = trial_facts(store, tables, read_files(store, tables.study))
    found = experiment_costs(facts, tables.overall, "auc")
    assert [each.seconds for each in found] == [120.0, 45.0]
    assert [each.hours for each in found] == pytest.approx([240 / 3600, 90 / 3600])
    assert [(each.unit, each.device) for each in found] == [("thread seconds", "cpu"), ("seconds", "cuda")]
