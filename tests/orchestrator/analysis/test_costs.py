"""Costs of experiments: what the model takes, and hours, of which threads count on a processor."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import experiment_costs
from orchestrator.store.folder import Store
from trainables.measurement import Measurement, Speed

TablesOf = Callable[[], tuple[Store, Tables]]


def test_costs_are_those_of_the_model_with_one_speed_and_the_hours_of_all_trials(
    results: Any, tables_of: TablesOf
) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2)
    results.facts("a", device="cpu", threads=4, training_seconds=30.0, parameters=1000, flops_per_image=5000)
    results.facts("b", device="cuda", threads=4, training_seconds=45.0, parameters=2000)
    choice = Speed(precision="float32", memory_format="contiguous", images_per_s=450.0, peak_mib=1.0)
    results.experiments[0]["measurement"] = Measurement(device="cpu", choice=choice).model_dump()
    tables = tables_of()[1]
    found = experiment_costs(tables.experiments.values(), tables.overall, "auc")
    assert [each.parameters for each in found] == [1000, 2000]
    assert found[0].flops == 5000 and math.isnan(found[1].flops)
    assert (found[0].images_per_s, found[0].measured_on) == (450.0, "cpu")
    assert math.isnan(found[1].images_per_s)
    # Threads count on a processor and not on a GPU.
    assert [each.hours for each in found] == pytest.approx([240 / 3600, 90 / 3600])
    assert [each.device for each in found] == ["cpu", "cuda"]


def test_hours_on_a_gpu_count_by_the_share_of_it(results: Any, tables_of: TablesOf) -> None:
    """Catches eight trials at a time on one card that cost eight hours in an hour."""
    results.add("a", folds=2)
    results.facts("a", device="cuda", threads=4, training_seconds=3600.0)
    results.ran("a", device="NVIDIA H100", gpus=0.125)
    tables = tables_of()[1]
    (found,) = experiment_costs(tables.experiments.values(), tables.overall, "auc")
    assert found.hours == pytest.approx(2 / 8)


def test_money_is_that_of_all_the_time_of_finished_trials(results: Any, tables_of: TablesOf) -> None:
    """Catches hours of threads that are paid for as hours of machines. Both trials took 7 s."""
    results.add("a", folds=2)
    results.add("b", folds=2, states={0: "missing", 1: "missing"})
    _, tables = tables_of()
    experiments = tables.experiments.values()
    found = experiment_costs(experiments, tables.overall, "auc", a_second={"a": 0.5, "b": 0.5})
    assert found[0].money == 7.0 and math.isnan(found[1].money)
    assert all(math.isnan(each.money) for each in experiment_costs(experiments, tables.overall, "auc"))
