"""Decisions among the settings of a sweep: all of them count as tried, and what failed is no candidate."""

import json
from typing import Any

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.decisions.decision import decide
from orchestrator.store.folder import Store, write_error
from orchestrator.store.outcome_records import ErrorRecord
from orchestrator.wording.decision_text import decision_sentences, outcome_sentences
from orchestrator.wording.lead import lead_sentence
from trainables.errors import InputError

NAMES = ("base", "base-lr=0.001", "base-lr=0.003", "base-lr=0.01")
HALVES = ((0.6, 0.6), (0.7, 0.7), (0.8, 0.8), (0.65, 0.65))


def swept(results: Any, *, kind: str = "search", num_planned: int = 3, fails: str = "") -> Store:
    """A phase of a base and three settings of it, as a run leaves it."""
    for name, pair in zip(NAMES, HALVES, strict=True):
        results.add(name)
        results.halves(name, pair, pair)
    if fails:
        (results.folder(fails, 2) / "done.json").unlink()
        write_error(results.folder(fails, 2), ErrorRecord(type="E", message="the loss is nan", time=""))
    results.decide(*NAMES)
    root = results.write()
    asked = {"extends": "base", kind: {"trials": num_planned} if kind == "search" else {"lr": [1, 2, 3]}}
    settings = [
        {"number": number, "experiment": name, "values": {"lr": float(name.partition("=")[2])}}
        for number, name in enumerate(NAMES[1:], start=1)
    ]
    sweep = {"base": "base", "keys": ["lr"], "num_planned": num_planned, "settings": settings, "asked": asked}
    path = root / "studies" / "phase1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sweeps": [sweep]}))
    return Store.open(root)


@pytest.mark.slow
def test_the_decision_says_among_how_many_it_chose(results: Any) -> None:
    store = swept(results)
    record = decide(store, "phase1").record
    assert (record.chosen, record.evidence.num_tried, record.evidence.failed) == ("base-lr=0.003", 4, ())
    assert outcome_sentences(record)[0].startswith(
        "phase1: base-lr=0.003 is chosen among 4 tried settings, on validation scores: "
    )
    assert any("Both estimates choose among all 4 candidates." in line for line in decision_sentences(record))
    lead = lead_sentence(collect(store, "phase1"), record)
    assert "is taken among 4 tried settings on validation scores" in lead


@pytest.mark.slow
def test_what_failed_in_a_search_is_counted_and_is_no_candidate(results: Any) -> None:
    store = swept(results, fails="base-lr=0.003")
    record = decide(store, "phase1").record
    assert (record.chosen, record.evidence.num_tried) == ("base-lr=0.001", 4)
    assert record.evidence.failed == ("base-lr=0.003",)
    assert [each.experiment for each in record.evidence.candidates] == [NAMES[1], NAMES[3], NAMES[0]]
    said = " ".join(decision_sentences(record))
    assert "among 4 tried settings (1 of them failed: base-lr=0.003)" in said
    assert "Both estimates choose among all 3 candidates; 1 more failed" in said
    assert not decide(store, "phase1").moved


def test_a_setting_of_a_grid_that_failed_has_to_be_run(results: Any) -> None:
    """Catches a grid whose best setting is left out without a word because a worker was lost."""
    with pytest.raises(InputError, match=r"no decision yet: base-lr=0.003: fold 2 is failed"):
        decide(swept(results, kind="grid", fails="base-lr=0.003"), "phase1")


def test_a_search_decides_at_its_end(results: Any) -> None:
    with pytest.raises(InputError, match="the search from base has proposed 3 of 9 settings"):
        decide(swept(results, num_planned=9), "phase1")


def test_the_table_has_every_setting_with_its_deciding_score_and_the_best_so_far(results: Any) -> None:
    """Catches scores of test rows or of the best epoch, and a best score that a failed setting hides."""
    table = collect(swept(results, fails="base-lr=0.01"), "phase1").tried
    assert table["number"].tolist() == [1, 2, 3]
    assert table["mean"].round(9).tolist()[:2] == [0.7, 0.8] and table["mean"].isna().tolist()[2]
    assert table["best_so_far"].round(9).tolist() == [0.7, 0.8, 0.8]
    assert table["state"].tolist() == ["finished", "finished", "failed"]
    assert [json.loads(each) for each in table["settings"]] == [{"lr": 0.001}, {"lr": 0.003}, {"lr": 0.01}]
    assert table["n"].tolist() == [5, 5, 4]


def test_a_phase_without_sweeps_says_nothing_of_them(results: Any) -> None:
    for name in ("a", "b"):
        results.add(name)
        results.halves(name, (0.6, 0.6))
    results.decide("a", "b")
    store = Store.open(results.write())
    record = decide(store, "phase1").record
    assert "tried" not in outcome_sentences(record)[0]
    assert "num_tried" not in store.decision_file("phase1").read_text()
    assert collect(store, "phase1").tried.empty
