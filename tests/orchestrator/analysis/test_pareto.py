"""Pareto fronts against their definition, and what is said of costs and scores that are not there."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import experiment_costs
from orchestrator.analysis.every_pair import pair_all
from orchestrator.analysis.pareto import pareto_front, pareto_table
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]
# Few values, so that ties are common.
POINTS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=0, max_size=12)


def dominates(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Cost and score: at most as expensive, at least as good, and one of the two strictly."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(POINTS)
def test_a_front_is_what_nobody_dominates(points: list[tuple[int, int]]) -> None:
    """Brute force over all pairs; who dominates has the best score of those that do, and the least cost."""
    values = np.array(points, dtype=float).reshape(-1, 2)
    found = pareto_front(values[:, 0], values[:, 1])
    expected = {
        place for place, point in enumerate(points) if not any(dominates(other, point) for other in points)
    }
    assert set(found.members) == expected and len(found.members) == len(expected)
    members = [points[place] for place in found.members]
    assert members == sorted(members)
    assert set(found.dominated_by) == set(range(len(points))) - expected
    for place, by in found.dominated_by.items():
        better = [point for point in points if dominates(point, points[place])]
        assert points[by] == min(better, key=lambda point: (-point[1], point[0]))


def test_a_front_by_hand() -> None:
    """Costs 1 2 2 3 4 and scores 5 7 7 6 8: the two equals are on it together, the fourth is not."""
    found = pareto_front(np.array([1.0, 2.0, 2.0, 3.0, 4.0]), np.array([5.0, 7.0, 7.0, 6.0, 8.0]))
    assert found.members == (0, 1, 2, 4) and found.dominated_by == {3: 1}


def counted(results: Any, **parameters: int | None) -> None:
    for name, number in parameters.items():
        results.facts(name, parameters=number, flops_per_image=None)


def fronts(tables: Tables) -> pd.DataFrame:
    return tables.pareto.set_index(["measure", "experiment"])


@pytest.mark.slow
def test_members_are_tested_against_the_next_cheaper_one(results: Any, tables_of: TablesOf) -> None:
    """Catches a front whose dear end is luck, and a p-value other than that of the pair."""
    for name, good in (("small", -3.0), ("middle", 1.0), ("large", 1.05), ("wasteful", 0.9)):
        results.add(name)
        results.separate(name, "test", good, 0.05 if name == "small" else 1.0)
    counted(results, small=10, middle=100, large=1000, wasteful=5000)
    tables = tables_of()[1]
    found = fronts(tables).loc["parameters"]
    assert found["on_front"].to_dict() == {"small": "yes", "middle": "yes", "large": "yes", "wasteful": "no"}
    assert found["dominated_by"].to_dict() == {"small": "", "middle": "", "large": "", "wasteful": "large"}
    assert found["against"].to_dict() == {"small": "", "middle": "small", "large": "middle", "wasteful": ""}
    assert found["is_shown"].to_dict() == {"small": "", "middle": "yes", "large": "no", "wasteful": ""}
    pair = tables.pairs.set_index(["first", "second"]).loc[("middle", "large")]
    row = found.loc["large"]
    assert row["gain"] == pytest.approx(pair["mean_diff"]) and row["p_holm"] == pair["p_holm"] > 0.05
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((pair["ci_low"], pair["ci_high"]))
    # FLOPs and speed are not known of anyone.
    assert set(tables.pareto["measure"]) == {"parameters", "hours"}


def test_of_a_loss_the_gain_has_the_sign_of_better(results: Any, tables_of: TablesOf) -> None:
    for name, good in (("small", 0.1), ("large", 2.5)):
        results.add(name)
        results.separate(name, "test", good, 0.5)
    results.compare("small", "large", "log_loss")
    counted(results, small=10, large=100)
    found = fronts(tables_of()[1]).loc[("parameters", "large")]
    assert found["on_front"] == "yes" and found["is_shown"] == "yes"
    assert 0.0 < found["ci_low"] < found["gain"] < found["ci_high"]


def test_what_is_incomplete_elsewhere_or_not_counted_never_enters(results: Any, tables_of: TablesOf) -> None:
    """Catches a front through a mean of fewer folds, and a missing count that is read as nothing spent."""
    for name in ("a", "b", "old", "short", "elsewhere"):
        results.add(
            name, folds=3, states={2: "failed"} if name == "short" else {},
            fold_file="ba9876543210.csv" if name == "elsewhere" else "0123456789ab.csv",
        )  # fmt: skip
        results.separate(name, "test", 9.0 if name == "short" else 1.0)
    counted(results, a=10, b=10, old=None, short=1, elsewhere=1)
    found = fronts(tables_of()[1]).loc["parameters"]
    # Equals are on it together, and there is nothing to test between them.
    assert found["on_front"].to_dict() == {"a": "yes", "b": "yes", "old": "", "short": "", "elsewhere": ""}
    assert found["reason"].to_dict() == {
        "a": "", "b": "", "old": "not known", "short": "fold 2 failed: the loss is nan",
        "elsewhere": "not tested on the same rows",
    }  # fmt: skip
    assert (found["against"] == "").all()


def test_one_experiment_alone_is_its_front(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=1)
    found = tables_of()[1].pareto
    assert list(found["measure"]) == ["parameters", "hours"] and list(found["on_front"]) == ["yes", "yes"]
    assert found["against"].eq("").all() and found["gain"].isna().all()


def test_a_single_split_has_a_front_and_shows_nothing(results: Any, tables_of: TablesOf) -> None:
    for name, good in (("small", -3.0), ("large", 3.0)):
        results.add(name, folds=1)
        results.separate(name, "test", good, 0.1)
    counted(results, small=10, large=100)
    found = fronts(tables_of()[1]).loc[("parameters", "large")]
    assert found["gain"] > 0.9 and math.isnan(found["p_value"]) and found["is_shown"] == "no"


def test_more_images_a_second_are_cheaper_on_one_device_alone(results: Any, tables_of: TablesOf) -> None:
    """Catches a speed on a GPU beside one on a processor, and a front turned round."""
    for name, good in (("slow", 1.5), ("fast", 0.5), ("slowest", 0.4), ("gpu", 0.2)):
        results.add(name, folds=3)
        results.separate(name, "test", good)
    tables = tables_of()[1]
    experiments = list(tables.experiments.values())
    speeds = {"slow": 10.0, "fast": 90.0, "slowest": 5.0, "gpu": 900.0}
    places = {"gpu": "a GPU"}
    costs = [
        dataclasses.replace(
            cost, images_per_s=speeds[cost.experiment], measured_on=places.get(cost.experiment, "cpu")
        )
        for cost in experiment_costs(experiments, tables.overall, "auc")
    ]
    found = pareto_table(costs, pair_all(experiments, "auc")).set_index(["measure", "experiment"])
    rows = found.loc["images_per_s"]
    assert rows["on_front"].to_dict() == {"slow": "yes", "fast": "yes", "slowest": "no", "gpu": ""}
    assert rows.loc["slowest", "dominated_by"] == "slow" and rows.loc["slow", "against"] == "fast"
    assert rows.loc["gpu", "reason"] == "measured on a GPU, most on cpu"


def test_hours_of_two_kinds_of_device_are_no_cost(results: Any, tables_of: TablesOf) -> None:
    for name in ("a", "b", "both"):
        results.add(name, folds=3)
    path: Path = results.folder("both", 1) / "metrics.json"
    path.write_text(path.read_text().replace('"cpu"', '"cuda"'))
    found = fronts(tables_of()[1]).loc["hours"]
    assert found.loc["both", "reason"] == "not known, or on several kinds of device"
    assert list(found["on_front"]) == ["yes", "yes", ""]
