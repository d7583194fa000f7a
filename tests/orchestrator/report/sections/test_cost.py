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
from orchestrator.report.sections.cost import cost_figure, cost_grid
from orchestrator.store.price_record import PriceRecord


def costs_of(**flops: float) -> tuple[ExperimentCost, ...]:
    """Costs of experiments whose mean is the better, the later they come."""
    return tuple(
        ExperimentCost(
            place, name, parameters=10.0, flops=spent, images_per_s=450.0, measured_on="cpu", hours=1.0,
            device="cpu", mean=0.5 + place / 10, ci_low=0.4, ci_high=0.9,
        )
        for place, (name, spent) in enumerate(flops.items(), start=1)
    )  # fmt: skip


def with_means(costs: tuple[ExperimentCost, ...], *means: float) -> tuple[ExperimentCost, ...]:
    return tuple(dataclasses.replace(each, mean=mean) for each, mean in zip(costs, means, strict=True))


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
            "b has the best mean, and no complete experiment has fewer FLOPs",
        ),
        (
            costs_of(a=9.0, b=18.0),
            "b has the best mean; a is the cheapest complete one, with 50 % of its FLOPs per image",
        ),
        # One was not counted: parameters are compared.
        (
            costs_of(a=math.nan, b=18.0),
            "b has the best mean, and no complete experiment has fewer parameters",
        ),
        (
            with_means(costs_of(a=9.0, b=18.0, c=1.0), 0.6, 0.7, math.nan),
            "b has the best mean; a is the cheapest",
        ),
    ],
)
def test_the_cheapest_is_complete_and_has_the_fewest_operations(
    costs: tuple[ExperimentCost, ...], said: str
) -> None:
    """Catches a cheapest one that costs the same, and one that is not complete."""
    found = figure_of(costs, [each.experiment for each in costs])
    assert found.caption.startswith(said)
    assert [panel.name for panel in found.panels] == ["cost-parameters", "cost-flops"]


def test_the_cheapest_of_those_that_tie_is_the_best() -> None:
    """Catches one of several equals called the best, by the order in which they were written down."""
    costs = with_means(costs_of(a=100.0, b=10.0, c=50.0, d=1.0), 1.0, 1.0, 1.0, 0.6)
    assert figure_of(costs, ["a"]).caption.startswith(
        "b has the best mean; d is the cheapest complete one, with 10 % of its FLOPs per image, and 0.400 "
    )


def test_the_hours_of_a_run_change_neither_pictures_nor_what_is_cheap(tmp_path: Path) -> None:
    """Catches a picture known by more than it shows, and a wall clock that says what is cheap."""
    kept, captions = [], []
    for hours in (1.0, 9.0):
        costs = tuple(dataclasses.replace(each, hours=hours) for each in costs_of(a=9.0, b=18.0))
        with keeping(tmp_path):
            captions.append(figure_of(costs, ["a", "b"]).caption)
        kept.append({path.name for path in tmp_path.iterdir()})
    assert kept[0] == kept[1] and len(kept[0]) == 2 and captions[0] == captions[1]


def test_the_table_has_operations_and_one_speed_and_no_seconds() -> None:
    found = cost_grid(costs_of(a=1.8e9, b=math.nan), "auc")
    assert found.columns[2:6] == ("Parameters", "FLOPs per image", "Images/s", "Hours in all")
    assert [row[3].text for row in found.rows] == ["1.8 GFLOPs", "–"]
    assert (found.rows[0][4].text, found.rows[0][4].note) == ("450", "cpu")


def test_money_has_a_column_where_there_is_a_price() -> None:
    costs = (dataclasses.replace(costs_of(a=1.0)[0], money=1.239), *costs_of(b=2.0))
    priced = cost_grid(costs, "auc", PriceRecord(per_hour=1.2, per="GPU"))
    assert "Money in all" in priced.columns
    assert [row[6].text for row in priced.rows] == ["$1.24", "–"]
    assert "Money in all" not in cost_grid(costs, "auc").columns
