"""Answers to questions carry their numbers, and say what deciding would take."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.store.folder import Store
from orchestrator.wording.answers import answer_questions, tally

TablesOf = Callable[[], tuple[Store, Tables]]


def test_an_answer_carries_every_number_of_its_row(three: TablesOf) -> None:
    """Catches a sentence with other numbers than the table that it stands for."""
    _, tables = three()
    row = tables.comparisons.iloc[0]
    (first, second) = answer_questions(tables)
    assert (first.question, first.verdict) == ("Is b better?", "better")
    for said in (
        f"difference {row['mean_diff']:+.3f}",
        f"95 % interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}",
        "Holm-corrected p",
        "5 paired folds",
    ):
        assert said in first.sentence
    text = " ".join(first.details)
    assert "better than a by more than 0.01: 0.99" in text and "within ±0.01" in text
    assert "b is ahead on 5 of 5 folds, behind on 0." in text
    assert f"could have shown in a single comparison is {row['min_detectable']:.3f}" in text
    assert len(first.others) == 1 and "In accuracy" in first.others[0]
    assert second.verdict in ("equivalent", "undecided")
    assert tally(tables).startswith("3 comparisons were declared:")


@pytest.mark.parametrize(
    ("device", "seconds", "said"),
    [("cuda", 3600.0, "30.0 GPU hours more"), ("cpu", 3.6, "1.8 CPU minutes more")],
)
def test_what_is_undecided_says_what_deciding_would_cost(
    results: Any, tables_of: TablesOf, device: str, seconds: float, said: str
) -> None:
    """Catches hours of one repeat told as those of all that are missing: 3 x 5 folds x 2 sides."""
    for name in ("a", "b"):
        results.add(name)
        results.facts(name, device=device, seconds=seconds)
    results.separate("a", "test", 0.8)
    results.rescore("b", "test", lambda rows: (rows["score"] * 0.9) ** 1.02)
    results.compare("a", "b")
    _, tables = tables_of()
    row = tables.comparisons.iloc[0]
    # As many repeats as the sentence is to be about; how they are counted is tested with the tables.
    hours = 3 * 10 * seconds / 3600
    effects = tables.effects.assign(repeats_needed=4, hours_needed=hours, device=device)
    comparisons = tables.comparisons.assign(verdict="undecided", mean_diff=0.02)
    changed = dataclasses.replace(tables, effects=effects, comparisons=comparisons)
    text = " ".join(answer_questions(changed)[0].details)
    assert (
        f"a difference of 0.020 would take 4 repeats of the cross-validation instead of 1, about {said}"
        in text
    )
    assert row["n"] == 5


def test_a_single_split_says_that_it_has_no_test(results: Any, tables_of: TablesOf) -> None:
    for name in ("a", "b"):
        results.add(name, folds=2)
        results.experiments[-1]["recipe"]["protocol"] = "official"
        results.experiments[-1]["trials"] = results.experiments[-1]["trials"][:1]
    results.compare("a", "b")
    _, tables = tables_of()
    (answer,) = answer_questions(tables)
    assert "95 % paired bootstrap interval" in answer.sentence and "gives no test" in answer.sentence
    (said,) = answer.details
    assert said.startswith("A single split has no spread over folds: no test, and the interval is")


def test_a_missing_fold_is_named_with_its_reason(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, states={1: "failed", 2: "missing"})
    results.compare("a", "b")
    _, tables = tables_of()
    (answer,) = answer_questions(tables)
    assert answer.verdict == "incomplete" and answer.details == ()
    assert "only 1 of 3 fold pairs are complete (b: fold 1 failed: the loss is nan)" in answer.sentence


def test_a_significant_difference_that_may_be_too_small_is_no_tie(results: Any, tables_of: TablesOf) -> None:
    """Catches a verdict that says that nothing can be told over a p-value that tells."""
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b")
    _, tables = tables_of()
    # As wide as the seen difference: half of the posterior is on either side.
    rope = round(float(tables.comparisons["mean_diff"].iloc[0]), 3)
    results.comparisons[0]["rope"] = rope
    _, tables = tables_of()
    (row,) = tables.comparisons.to_dict("records")
    assert row["verdict"] == "undecided" and row["p_holm"] < 0.05
    (answer,) = answer_questions(tables)
    differ = f"b and a differ, but perhaps by no more than {rope:g}"
    assert answer.sentence.startswith(f"Undecided: {differ}: AUC")


def test_hours_of_two_devices_are_not_added(results: Any, tables_of: TablesOf) -> None:
    for name, good in (("a", 0.3), ("b", 0.5)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b")
    results.facts("a", device="cuda")
    _, tables = tables_of()
    (effect,) = tables.effects.to_dict("records")
    assert effect["device"] == "cpu+cuda" and np.isnan(effect["hours_needed"])
    (answer,) = answer_questions(tables)
    assert not any("hours" in line or "minutes" in line for line in answer.details)
