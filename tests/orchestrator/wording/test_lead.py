"""The title of a page and its decision say the same of what was chosen."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.decisions.decision import decide
from orchestrator.store.folder import Store
from orchestrator.wording.lead import choice_sentence, lead_sentence
from orchestrator.wording.verdict import verdict
from tests.cases import fast_first

TablesOf = Callable[[], tuple[Store, Tables]]


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ((0.3, 2.5), "b is taken on validation scores; the test folds confirm it."),
        ((2.5, 0.3), "b is taken on validation scores; the test folds speak against it."),
        ((0.5, 0.5), "b is taken on validation scores; the test folds can't confirm it."),
    ],
)
@pytest.mark.parametrize("declared", fast_first([(("a", "b"),), (("b", "a"),), (None,)], 1))
def test_the_test_folds_are_asked_about_the_choice(
    results: Any, tables_of: TablesOf, test: tuple[float, float], said: str, declared: tuple[str, str] | None
) -> None:
    """Catches a page whose title can't tell two models apart over a decision that has a winner."""
    for name, val, good in (("a", 0.1, test[0]), ("b", 3.0, test[1])):
        results.add(name)
        results.separate(name, "val", val)
        results.separate(name, "test", good)
    if test[0] == test[1]:
        # Better on some folds, worse on others.
        for fold in range(5):
            results.separate("b", "test", (0.1, 0.9)[fold % 2], fold=fold)
    if declared:
        results.compare(*declared)
    results.decide("a", "b")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    assert choice_sentence(tables, record) == said
    assert lead_sentence(tables, record) == f"{said} {verdict(tables)}"


def test_without_a_choice_there_is_the_answer_alone(three: TablesOf) -> None:
    _, tables = three()
    assert lead_sentence(tables, None) == verdict(tables)


@pytest.mark.slow
def test_a_tie_is_said_in_the_title(results: Any, tables_of: TablesOf) -> None:
    for name in ("a", "b"):
        results.add(name)
        results.separate(name, "val", 1.0)
    results.facts("b", parameters=5)
    results.decide("a", "b")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    assert record.is_tie
    other = next(name for name in ("a", "b") if name != record.chosen)
    assert choice_sentence(tables, record).startswith(
        f"{record.chosen} is taken on validation scores, in a tie with {other}; "
    )


@pytest.mark.slow
def test_folds_that_are_gone_since_confirm_nothing(results: Any, tables_of: TablesOf) -> None:
    for name, val in (("a", 0.1), ("b", 3.0)):
        results.add(name)
        results.separate(name, "val", val)
    results.decide("a", "b")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    (results.folder("a", 2) / "done.json").unlink()
    _, tables = tables_of()
    assert choice_sentence(tables, record).endswith("; the test folds are incomplete.")
    assert choice_sentence(dataclasses.replace(tables, experiments={}), record) == ""


@pytest.mark.parametrize("folds", [2, 3])
def test_folds_that_give_no_verdict_confirm_nothing(results: Any, tables_of: TablesOf, folds: int) -> None:
    """Catches finished folds that are called incomplete: two, or both models at 1.000 on each."""
    for name, val in (("a", 0.1), ("b", 3.0)):
        results.add(name, folds=folds)
        results.separate(name, "val", val)
        results.separate(name, "test", 20.0)
    results.decide("a", "b")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    assert choice_sentence(tables, record).endswith("; the test folds can't confirm it.")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gain", "said"),
    fast_first(
        [
            (4.0, "image_size = 48 is taken on validation scores; dropout = 0.0 stays."),
            (0.0, "On validation scores no value is changed: image_size = 32 and dropout = 0.0 stay."),
        ],
        1,
    ),
)
def test_decided_values_are_said_in_the_title(
    results: Any, tables_of: TablesOf, gain: float, said: str
) -> None:
    """Catches "all undecided" as the title of a page whose decision changes a value."""
    for name, size, dropout, val in (("a", 32, 0.0, 0.1), ("b", 48, 0.0, 0.1 + gain), ("c", 32, 0.5, 0.1)):
        results.add(name, folds=5, image_size=size, dropout=dropout)
        results.separate(name, "val", val)
    pairs = {"image_size": [["a", "b"]], "dropout": [["a", "c"]]}
    factors = [{"key": key, "pairs": each} for key, each in pairs.items()]
    results.decision = {"choose": "auc", "rope": 0.01, "factors": factors}
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    assert lead_sentence(tables, record) == f"{said} {verdict(tables)}"
