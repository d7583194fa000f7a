"""What opens the page: answers with their numbers, the decision in force, what is missing."""

import dataclasses
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.decisions.decision import decide, moved_since
from orchestrator.report import charts
from orchestrator.report.answers import answers, comparison_grid, decided, missing, tally
from orchestrator.store.decision_file import in_force
from orchestrator.store.folder import Store


def tables_of(results: Any) -> tuple[Store, Tables]:
    store = Store.open(results.write())
    return store, collect(store, results.phase)


def three(results: Any) -> tuple[Store, Tables]:
    """b is far better than a, c is as b; five folds."""
    for name, good in (("a", 0.3), ("b", 2.0), ("c", 2.01)):
        results.add(name)
        for split in ("test", "val"):
            results.separate(name, split, good)
    results.facts("a", training_seconds=36.0, device="cuda")
    results.compare("a", "b", "auc", "accuracy")
    results.compare("b", "c", "auc")
    return tables_of(results)


def test_an_answer_carries_every_number_of_its_row(results: Any) -> None:
    """Catches a sentence with other numbers than the table that it stands for."""
    _, tables = three(results)
    row = tables.comparisons.iloc[0]
    (first, second) = answers(tables)
    assert (first.question, first.verdict) == ("Is b better?", "better")
    for said in (
        f"difference {row['mean_diff']:+.3f}",
        f"95 % interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}",
        "Holm-corrected p",
        "5 paired folds",
    ):
        assert said in first.sentence
    text = " ".join(first.details)
    assert "better than a by more than 0.01: > 0.999" in text and "within ±0.01" in text
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
    results: Any, device: str, seconds: float, said: str
) -> None:
    """Catches hours of one repeat told as those of all that are missing: 3 x 5 folds x 2 sides."""
    for name in ("a", "b"):
        results.add(name)
        results.facts(name, device=device, seconds=seconds)
    results.separate("a", "test", 0.8)
    results.rescore("b", "test", lambda rows: (rows["score"] * 0.9) ** 1.02)
    results.compare("a", "b")
    _, tables = tables_of(results)
    row = tables.comparisons.iloc[0]
    # As many repeats as the sentence is to be about; how they are counted is tested with the tables.
    hours = 3 * 10 * seconds / 3600
    effects = tables.effects.assign(repeats_needed=4, hours_needed=hours, device=device)
    comparisons = tables.comparisons.assign(verdict="undecided", mean_diff=0.02)
    changed = dataclasses.replace(tables, effects=effects, comparisons=comparisons)
    text = " ".join(answers(changed)[0].details)
    assert (
        f"a difference of 0.020 would take 4 repeats of the cross-validation instead of 1, about {said}"
        in text
    )
    assert row["n"] == 5


def test_a_single_split_says_that_it_has_no_interval(results: Any) -> None:
    for name in ("a", "b"):
        results.add(name, folds=2)
        results.experiments[-1]["recipe"]["protocol"] = "official"
        results.experiments[-1]["trials"] = results.experiments[-1]["trials"][:1]
    results.compare("a", "b")
    _, tables = tables_of(results)
    (answer,) = answers(tables)
    assert "a single split, which gives no interval" in answer.sentence
    assert answer.details == (
        "A single split has no spread over folds: no interval, no test (the bootstrap is in summary.csv).",
    )


def test_a_missing_fold_is_named_with_its_reason(results: Any) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, states={1: "failed", 2: "missing"})
    results.compare("a", "b")
    _, tables = tables_of(results)
    (answer,) = answers(tables)
    assert answer.verdict == "incomplete" and answer.details == ()
    assert "only 1 of 3 fold pairs are complete (b: fold 1 failed: the loss is nan)" in answer.sentence
    found = missing(tables)
    assert found.lines[0] == "2 of 6 planned trials are not finished: 1 failed, 1 missing."
    assert found.grid is not None and [row[3].text for row in found.grid.rows] == [
        "the loss is nan",
        "not run to its end yet",
    ]


def test_the_decision_in_force_is_told_with_version_ties_and_runner_up(results: Any) -> None:
    results.decide("a", "b", "c")
    store, tables = three(results)
    assert in_force(store, "phase1") is None
    assert decided(None, tables) == ("No decision has been taken yet.",)
    decide(store, "phase1", tables=tables)
    text = " ".join(decided(in_force(store, "phase1"), tables))
    assert "is chosen, on validation scores" in text and "It is a tie" in text
    assert "version 1 of the decision" in text
    results.decide("a", "b", rope=0.02)
    decide(store, "phase1", again=True, tables=collect(Store.open(results.write()), "phase1"))
    again = " ".join(decided(in_force(store, "phase1"), tables))
    assert "version 2" in again and "It replaced the one before because" in again
    assert "rope was 0.01 and is 0.02" in again


def test_a_phase_without_a_rule_declares_no_decision(results: Any) -> None:
    results.add("a")
    _, tables = tables_of(results)
    assert decided(None, tables) == ("This phase declares no decision.",)


def test_columns_that_need_more_folds_are_left_out(results: Any) -> None:
    """Catches a column of dashes: Wilcoxon's p exists from six pairs on."""
    for folds, has in ((5, False), (6, True)):
        results.experiments.clear()
        results.comparisons.clear()
        for name in ("a", "b"):
            results.add(f"{name}{folds}", folds=folds)
        results.separate(f"b{folds}", "test", 1.5)
        results.compare(f"a{folds}", f"b{folds}")
        _, tables = tables_of(results)
        found = comparison_grid(tables, tables.comparisons, "Comparisons")
        assert ("p (Wilcoxon)" in found.columns) == has
        assert len(found.columns) == len(found.rows[0])


def test_figures_of_many_show_the_ends_that_matter_and_say_of_how_many(results: Any) -> None:
    """Catches a figure of hundreds of rows, the wrong ones left out, and more that nobody mentions."""
    for number in range(21):
        results.add(f"e{number:02d}", folds=2)
        results.separate(f"e{number:02d}", "test", 0.15 * number)
        if number:
            results.compare("e00", f"e{number:02d}")
    _, tables = tables_of(results)
    forest = charts.forests(tables)
    differences = tables.comparisons.set_index("treatment")["mean_diff"].abs()
    largest = set(differences.nlargest(8).index)
    assert {name for name in differences.index if f">{name}<" in forest.panels[0].svg} == largest
    assert forest.caption.endswith("The largest differences are shown: 8 of 20 in AUC.")
    ranked = charts.ranked(tables)
    best = list(tables.ranking["experiment"])[:12]
    assert [name for name in tables.ranking["experiment"] if f">{name}<" in ranked.panels[0].svg] == best
    assert ranked.caption.endswith("The best 12 of 21.")
    few = dataclasses.replace(
        tables, comparisons=tables.comparisons.head(12), ranking=tables.ranking.head(20)
    )
    assert "largest" not in charts.forests(few).caption
    assert "The best" not in charts.ranked(few).caption


def test_of_many_held_out_sources_the_greatest_losses_are_shown() -> None:
    """Catches a caption that names a loss which the figure leaves out."""
    rows = pd.DataFrame(
        {
            "experiment": "a",
            "source": [f"s{number:02d}" for number in range(13)],
            "delta": np.arange(13) / 100,
        }
    ).assign(ci_low=-0.1, ci_high=0.2)
    study = {"phase": {"name": "p"}, "experiments": [{"name": "a"}]}
    empty = pd.DataFrame()
    tables = Tables(study, empty, empty, empty, empty, holdout=rows)
    found = charts.held_out(tables)
    assert [name for name in rows["source"] if f">{name}<" in found.panels[0].svg] == list(
        rows["source"][-8:]
    )
    assert found.caption.startswith("a loses most on s12: 0.120")
    assert found.caption.endswith("The 8 greatest losses of 13 are shown.")
    gained = dataclasses.replace(tables, holdout=rows.assign(delta=-rows["delta"] - 0.01))
    assert charts.held_out(gained).caption.startswith(
        "No mean is lower on a held-out source; the least gain is a’s on s00: 0.010 AUC."
    )


def costs_of(**seconds: float | None) -> pd.DataFrame:
    """Costs of experiments whose mean is the better, the later they come."""
    rows = [
        {"number": place, "experiment": name, "parameters": 10.0, "seconds": spent, "device": "cpu"}
        | {"unit": "thread seconds", "hours": 1.0, "mean": 0.5 + place / 10, "ci_low": 0.4, "ci_high": 0.9}
        for place, (name, spent) in enumerate(seconds.items(), start=1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (
            costs_of(a=18.0, b=18.0),
            "b has the best mean, and no complete experiment was cheaper to train by more",
        ),
        (costs_of(a=9.0, b=18.0), "b has the best mean; a is the cheapest complete one to train, in 50 %"),
        (costs_of(a=None, b=18.0), "Mean over folds"),
        (
            costs_of(a=9.0, b=18.0, c=1.0).assign(mean=[0.6, 0.7, np.nan]),
            "b has the best mean; a is the cheapest",
        ),
        (
            costs_of(a=9.0, b=18.0).assign(device=["cuda", "cpu"]),
            "Training times on different devices are not compared. Mean over folds",
        ),
    ],
)
def test_the_cheapest_is_cheaper_and_complete_and_was_measured_alike(points: pd.DataFrame, said: str) -> None:
    """Catches a cheapest one that costs the same, and seconds of a GPU against those of a processor."""
    empty = pd.DataFrame()
    summary = pd.DataFrame(columns=["source", "metric", "mean", "experiment"])
    tables = Tables({}, empty, summary, pd.DataFrame({"metric": ["auc"]}), empty)
    found = charts.cost(points, tables, list(points["experiment"]), "")
    assert found.caption.startswith(said)
    names = [panel.name for panel in found.panels]
    assert ("cost-seconds" in names) == (points["device"].nunique() == 1)


def test_a_moved_decision_is_said_with_its_numbers_of_then(results: Any) -> None:
    """Catches the test scores of then beside the tables of now."""
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name)
        results.separate(name, "val", good)
    results.decide("a", "b")
    store, tables = tables_of(results)
    record = decide(store, "phase1").record
    assert moved_since(record, store, tables) == ((), "")
    results.separate("b", "val", 0.1, fold=1)
    store, tables = tables_of(results)
    said = " ".join(decided(record, tables, *moved_since(record, store, tables)))
    assert "The numbers above are of that time. Since then: b repeat 0 fold 1 has other predictions" in said
    assert said.endswith("The decision stays all the same; the rule would still choose b.")
    store, tables = tables_of(results)
    phase = tables.study.phase.model_copy(update={"decision": None})
    without = tables.study.model_copy(update={"phase": phase})
    moved, now = moved_since(record, store, dataclasses.replace(tables, study=without))
    assert moved == ("the phase has no decision rule any more",)
    assert now == "the rule can't be applied any more"
    left = {key: value for key, value in tables.experiments.items() if key != "b"}
    moved, _ = moved_since(record, store, dataclasses.replace(tables, experiments=left))
    assert moved == ("b: the last run of the phase left it out",)


def test_a_single_split_is_not_said_to_have_intervals(results: Any) -> None:
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name, protocol="holdout")
        results.separate(name, "test", good)
        for trial in results.experiments[-1]["trials"][1:]:
            trial["fold"] = trial["fold"]
        results.experiments[-1]["trials"] = results.experiments[-1]["trials"][:1]
    results.compare("a", "b")
    _, tables = tables_of(results)
    assert tables.complete() and tables.comparisons["ci_low"].isna().all()
    captions = [
        charts.forests(tables).caption,
        charts.differences(tables).caption,
        charts.fold_points(tables, ["a", "b"], "").caption,
    ]
    assert not any("t interval" in said or "corrected" in said for said in captions), captions
    assert "this single split can't tell" in charts.forests(tables).panels[0].label


def test_those_that_tie_lead_together(results: Any) -> None:
    """Catches one of several equals called the best, by the order in which they were written down."""
    for name in ("a", "b", "c", "d"):
        results.add(name, folds=2)
        results.separate(name, "test", 0.2 if name == "d" else 9.0)
    _, tables = tables_of(results)
    assert charts.fold_points(tables, ["a", "b", "c", "d"], "").caption.startswith(
        "By AUC, a and 2 more have the best mean (1.000), d the last ("
    )
    points = costs_of(a=100.0, b=10.0, c=50.0, d=1.0).assign(mean=[1.0, 1.0, 1.0, 0.6])
    assert charts.cost(points, tables, ["a"], "").caption.startswith(
        "b has the best mean; d is the cheapest complete one to train, in 10 % of its time, and 0.400 behind."
    )
    heat = charts.heat(tables, ["a", "b", "c"], "Shown are three.")
    assert "hardest" not in heat.caption, "all are 1.000"


def test_the_hardest_source_of_those_shown_is_called_that(results: Any) -> None:
    results.add("a", folds=2)
    results.separate("a", "test", 0.3)
    results.add("b", folds=2)
    _, tables = tables_of(results)
    assert charts.heat(tables, ["a"], "").caption.startswith("On average ")
    assert charts.heat(tables, ["a"], "Shown is one.").caption.startswith("Of those shown, on average ")


def test_a_significant_difference_that_may_be_too_small_is_no_tie(results: Any) -> None:
    """Catches a verdict that says that nothing can be told over a p-value that tells."""
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b")
    _, tables = tables_of(results)
    # As wide as the seen difference: half of the posterior is on either side.
    rope = round(float(tables.comparisons["mean_diff"].iloc[0]), 3)
    results.comparisons[0]["rope"] = rope
    _, tables = tables_of(results)
    (row,) = tables.comparisons.to_dict("records")
    assert row["verdict"] == "undecided" and row["p_holm"] < 0.05
    (answer,) = answers(tables)
    differ = f"b and a differ, but perhaps by no more than {rope:g}"
    assert answer.sentence.startswith(f"Undecided: {differ}: AUC")
    (line,) = comparison_grid(tables, tables.comparisons, "Comparisons").rows
    assert line[0].text == f"In AUC, {differ}."


def test_hours_of_two_devices_are_not_added(results: Any) -> None:
    for name, good in (("a", 0.3), ("b", 0.5)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b")
    results.facts("a", device="cuda")
    _, tables = tables_of(results)
    (effect,) = tables.effects.to_dict("records")
    assert effect["device"] == "cpu+cuda" and np.isnan(effect["hours_needed"])
    (answer,) = answers(tables)
    assert not any("hours" in line or "minutes" in line for line in answer.details)


def test_differences_of_long_names_are_told_apart(results: Any) -> None:
    """Catches two figures with one heading, since each pair was cut for itself."""
    names = ["base", *(f"a_network_with_a_long_name_{middle}_and_a_long_end" for middle in ("x", "y"))]
    for name in names:
        results.add(name, folds=2)
    for name in names[1:]:
        results.compare("base", name)
    _, tables = tables_of(results)
    first, second = (panel.svg for panel in charts.differences(tables).panels)
    headings = [re.findall(r">([^<]* − base)<", svg) for svg in (first, second)]
    assert headings[0] != headings[1] and all(len(found) == 1 for found in headings)
