"""Costs beside scores: who is the cheapest."""

import dataclasses
import math
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.report.kept import keeping
from orchestrator.report.section import Figure
from orchestrator.report.sections.cost import cost_figure


def costs_of(**seconds: float) -> tuple[ExperimentCost, ...]:
    """Costs of experiments whose mean is the better, the later they come."""
    return tuple(
        ExperimentCost(place, name, 10.0, spent, "cpu", "thread seconds", 1.0, 0.5 + place / 10, 0.4, 0.9)
        for place, (name, spent) in enumerate(seconds.items(), start=1)
    )


def with_means(costs: tuple[ExperimentCost, ...], *means: float) -> tuple[ExperimentCost, ...]:
    return tuple(dataclasses.replace(each, mean=mean) for each, mean in zip(costs, means, strict=True))


def on_devices(costs: tuple[ExperimentCost, ...], *devices: str) -> tuple[ExperimentCost, ...]:
    return tuple(
        dataclasses.replace(each, device=device) for each, device in zip(costs, devices, strict=True)
    )


def figure_of(costs: tuple[ExperimentCost, ...], names: list[str]) -> Figure:
    empty = pd.DataFrame()
    summary = pd.DataFrame(columns=["source", "metric", "mean", "experiment"])
    tables = Tables({}, empty, summary, pd.DataFrame({"metric": ["auc"]}), empty)  # type: ignore[arg-type]
    found = cost_figure(costs, tables, names, "")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        (
            costs_of(a=18.0, b=18.0),
            "b has the best mean, and no complete experiment was cheaper to train by more",
        ),
        (costs_of(a=9.0, b=18.0), "b has the best mean; a is the cheapest complete one to train, in 50 %"),
        (costs_of(a=math.nan, b=18.0), "Mean over folds"),
        (
            with_means(costs_of(a=9.0, b=18.0, c=1.0), 0.6, 0.7, math.nan),
            "b has the best mean; a is the cheapest",
        ),
        (
            on_devices(costs_of(a=9.0, b=18.0), "cuda", "cpu"),
            "Training times on different devices are not compared. Mean over folds",
        ),
    ],
)
def test_the_cheapest_is_cheaper_and_complete_and_was_measured_alike(
    costs: tuple[ExperimentCost, ...], said: str
) -> None:
    """Catches a cheapest one that costs the same, and seconds of a GPU against those of a processor."""
    found = figure_of(costs, [each.experiment for each in costs])
    assert found.caption.startswith(said)
    names = [panel.name for panel in found.panels]
    assert ("cost-seconds" in names) == (len({each.device for each in costs}) == 1)


def test_the_cheapest_of_those_that_tie_is_the_best() -> None:
    """Catches one of several equals called the best, by the order in which they were written down."""
    costs = with_means(costs_of(a=100.0, b=10.0, c=50.0, d=1.0), 1.0, 1.0, 1.0, 0.6)
    assert figure_of(costs, ["a"]).caption.startswith(
        "b has the best mean; d is the cheapest complete one to train, in 10 % of its time, and 0.400 behind."
    )


def test_other_times_leave_the_picture_over_parameters_as_it_is(tmp_path: Path) -> None:
    """Catches a picture known by more than it shows, which every new trial would have drawn again."""
    kept = []
    for seconds in (9.0, 10.0):
        with keeping(tmp_path):
            figure_of(costs_of(a=seconds, b=18.0), ["a", "b"])
        kept.append({path.name for path in tmp_path.iterdir()})
    assert [len(names) for names in kept] == [2, 2] and len(kept[0] & kept[1]) == 1
