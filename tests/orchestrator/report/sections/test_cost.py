"""Costs beside scores: who is the cheapest."""

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.report.drawing.cost import MOST_NAMED, NOT_SHOWN, OFF, SHOWN, draw_cost
from orchestrator.report.kept import keeping
from orchestrator.report.section import Figure
from orchestrator.report.sections.cost import cost_figure, cost_grid, fronts_grid, fronts_of
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


def pareto_of(
    costs: tuple[ExperimentCost, ...], *members: str, shown: tuple[str, ...] = (), placed: int | None = None
) -> pd.DataFrame:
    """Rows of every cost, with the same members of each front; only the first `placed` have a place."""
    rows = [
        {"metric": "auc", "measure": measure, "experiment": each.experiment, "mean": each.mean, "reason": ""}
        | {"cost": float(getattr(each, measure)), "dominated_by": "", "gain": 0.1, "p_holm": 0.2}
        | {"on_front": "yes" if each.experiment in members else "no", "ci_low": -0.1, "ci_high": 0.3}
        | {"against": "" if each.experiment in ("", *members[:1]) else members[0]}
        | {"is_shown": "" if each.experiment in members[:1] else "yes" if each.experiment in shown else "no"}
        for measure in ("parameters", "flops", "images_per_s", "hours")
        for each in costs[:placed]
    ]
    return pd.DataFrame(rows)


def figure_of(
    costs: tuple[ExperimentCost, ...], names: list[str], pareto: pd.DataFrame | None = None
) -> Figure:
    empty = pd.DataFrame()
    summary = pd.DataFrame(columns=["source", "metric", "mean", "experiment"])
    study: Any = SimpleNamespace(phase=SimpleNamespace(comparisons=()))
    tables = Tables(study, empty, summary, empty, empty)
    if pareto is not None:
        tables = dataclasses.replace(tables, pareto=pareto)
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


def test_the_hours_of_a_run_change_their_own_picture_alone(tmp_path: Path) -> None:
    """Catches a picture known by more than it shows, and a wall clock that says what is cheap."""
    kept, captions = [], []
    for hours in (1.0, 9.0):
        costs = tuple(dataclasses.replace(each, hours=hours) for each in costs_of(a=9.0, b=18.0))
        with keeping(tmp_path, below=tmp_path):
            found = figure_of(costs, ["a", "b"], pareto_of(costs, "a", "b"))
        captions.append(found.caption)
        kept.append({path.name for path in tmp_path.iterdir()})
    assert [panel.name for panel in found.panels] == [
        "cost-parameters", "cost-flops", "cost-speed", "cost-hours",
    ]  # fmt: skip
    assert len(kept[0]) == 4 and len(kept[0] & kept[1]) == 3 and captions[0] == captions[1]


def test_members_of_a_front_are_drawn_and_named_beside_those_that_are_shown() -> None:
    """Catches a front of the few best alone, whose cheap end nobody sees; and one that nobody can read."""
    costs = costs_of(**{f"e{number:02d}": 10.0 + number for number in range(20)})
    members = [f"e{number:02d}" for number in range(0, 20, 2)]
    found = figure_of(costs, ["e18", "e19"], pareto_of(costs, *members))
    said = found.panels[1].label
    assert [name for name in (each.experiment for each in costs) if f"= {name}:" in said] == [
        *members[:8], "e18", "e19",
    ]  # fmt: skip
    assert said.count("on the front") == 9 and "hollow where the advantage" in found.caption
    assert all(f" {name}<" in found.panels[1].picture.svg for name in members[:MOST_NAMED])


def test_speeds_without_a_place_are_not_drawn_beside_others() -> None:
    """Catches a speed on another device, or another data set, in one picture with those of the front."""
    costs = costs_of(a=9.0, b=18.0, elsewhere=27.0)
    found = {panel.name: panel.label for panel in figure_of(
        costs, ["a", "b", "elsewhere"], pareto_of(costs, "a", "b", placed=2)
    ).panels}  # fmt: skip
    assert "elsewhere" in found["cost-flops"]
    assert "elsewhere" not in found["cost-speed"] and "elsewhere" not in found["cost-hours"]


def test_what_is_not_shown_says_so_in_the_picture() -> None:
    """Catches a hollow mark as the only sign, and a scale of speed that runs the wrong way."""
    points = pd.DataFrame(
        {"experiment": ["slow", "fast", "off"], "number": [1, 2, 3], "cost": [5.0, 90.0, 50.0]}
        | {"mean": [0.9, 0.8, 0.7], "ci_low": [0.8, 0.7, math.nan], "ci_high": [0.95, 0.9, math.nan]}
        | {"front": [NOT_SHOWN, SHOWN, OFF]}
    )
    rising = draw_cost(points, cost="images/s", metric="auc", is_rising=True).svg
    assert rising.count(">not shown<") == 1 and ">1 slow<" in rising and ">2 fast<" in rising
    assert rising.index(">2 fast<") > rising.index(">1 slow<")
    assert ">3 off<" not in rising
    falling = draw_cost(points, cost="parameters", metric="auc").svg
    assert falling.index(">2 fast<") < falling.index(">1 slow<")


def test_tables_say_who_is_on_which_front_and_what_each_step_adds() -> None:
    costs = costs_of(a=9.0, b=18.0, c=27.0)
    pareto = pareto_of(costs, "a", "b", shown=("b",))
    assert fronts_of(pareto) == dict.fromkeys("ab", "parameters, FLOPs, images/s, hours")
    found = fronts_grid(pareto)
    assert found is not None and len(found.rows) == 8
    first, second = ([cell.text for cell in row] for row in found.rows[2:4])
    assert first[:2] == ["FLOPs per image", "a"] and first[4] == "–"
    assert second[1:] == ["b", "18 FLOPs", "0.700", "a", "+0.100", "0.200", "yes"]
    assert fronts_grid(pd.DataFrame()) is None and fronts_of(pd.DataFrame()) == {}


def test_the_table_has_operations_and_one_speed_and_no_seconds() -> None:
    found = cost_grid(costs_of(a=1.8e9, b=math.nan), "auc", {"a": "FLOPs"})
    assert [row[-1].text for row in found.rows] == ["FLOPs", "–"]
    assert found.columns[2:6] == ("Parameters", "FLOPs per image", "Images/s", "Hours in all")
    assert [row[3].text for row in found.rows] == ["1.8 GFLOPs", "–"]
    assert (found.rows[0][4].text, found.rows[0][4].note) == ("450", "cpu")


def test_money_has_a_column_where_there_is_a_price() -> None:
    costs = (dataclasses.replace(costs_of(a=1.0)[0], money=1.239), *costs_of(b=2.0))
    priced = cost_grid(costs, "auc", {}, PriceRecord(per_hour=1.2, per="GPU"))
    assert "Money in all" in priced.columns
    assert [row[6].text for row in priced.rows] == ["$1.24", "–"]
    assert "Money in all" not in cost_grid(costs, "auc", {}).columns
