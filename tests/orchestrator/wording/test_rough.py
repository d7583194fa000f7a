"""Intervals that rest on few groups are called rough, with the number that they rest on."""

from typing import Any

import pandas as pd

from orchestrator.analysis.collect import collect
from orchestrator.store.folder import Store
from orchestrator.wording.rough import rough_intervals


def regroup(results: Any, name: str, fold: int, groups: int) -> None:
    """Deal the images of each class of a fold to so many groups."""
    path = results.folder(name, fold) / "predictions.parquet"
    table = pd.read_parquet(path)
    number = table.groupby(["split", "label"]).cumcount() % groups
    table.assign(group=table["label"].astype(str) + "-" + number.astype(str)).to_parquet(path)


def test_the_fewest_groups_of_a_class_and_fold_are_said(results: Any) -> None:
    """Catches images counted for groups, and an interval of three groups that looks like any other."""
    results.add("a", folds=2)
    results.add("b", folds=2, num_classes=3)
    for fold in range(2):
        regroup(results, "a", fold, 12)
    regroup(results, "a", 1, 3)
    found = collect(Store.look(results.write()), results.phase).experiments
    assert found["a"].fewest_groups == 3 and found["a"].has_rough_intervals
    said = rough_intervals({"a": found["a"]})
    assert said.startswith("Intervals are rough: a test fold has as few as 3 groups of a class")
    assert "below 20" in said
    # Twelve images of a class on the other fold, and together 15 groups: how much one of them weighs.
    assert found["a"].step() == 1 / 15 and found["a"].step("wiki") == 1 / 15
    assert "Intervals of a, b are" not in said and rough_intervals({}) == ""


def test_enough_groups_are_not_mentioned(results: Any, monkeypatch: Any) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2)
    for fold in range(2):
        regroup(results, "a", fold, 12)
        regroup(results, "b", fold, 4)
    found = collect(Store.look(results.write()), results.phase).experiments
    monkeypatch.setattr("orchestrator.analysis.experiment_scores.ROUGH_GROUPS", 12)
    assert rough_intervals({"a": found["a"]}) == ""
    assert rough_intervals(found).startswith("Intervals of b are rough: a test fold has as few as 4 groups")
