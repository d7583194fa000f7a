"""The section of the race: there where a phase raced, with what was saved."""

from types import SimpleNamespace
from typing import Any

from orchestrator.analysis.collect import Tables, collect
from orchestrator.report.section import Table
from orchestrator.report.sections.race import race_section
from orchestrator.store.folder import Store
from orchestrator.store.race_file import EliminationRecord, RaceRecord, UnjudgedRecord, write_race
from orchestrator.wording.race_text import elimination_sentence, race_sentences


def gone(results: Any, name: str, *, n: int = 2, **given: Any) -> EliminationRecord:
    experiment = next(each for each in results.experiments if each["name"] == name)
    usual = {"cause": "test", "leader": "a", "gap": 0.1234, "p_value": 0.00042, "level": 0.0049}
    return EliminationRecord(
        experiment=name,
        repeat=0,
        fold=n - 1,
        n=n,
        left_out=tuple(trial["key"] for trial in experiment["trials"][n:]),
        **{**usual, **given},
    )


def tables_of(results: Any, *eliminated: EliminationRecord, **given: Any) -> Tables:
    results.decide("a", "b", "c")
    store = Store.open(results.write())
    record = RaceRecord(
        phase="phase1", entry="e", metric="auc", rope=0.01, alpha=0.02, num_folds=5, looks=4,
        candidates=("a", "b", "c"), eliminated=eliminated, **given,
    )  # fmt: skip
    write_race(store, record)
    return collect(store, "phase1")


def section_of(tables: Tables) -> Any:
    return race_section(SimpleNamespace(tables=tables))  # type: ignore[arg-type]


def three(results: Any) -> None:
    # b was begun on a fold after it had left, and ended it.
    results.add("a")
    results.add("b", states={3: "missing", 4: "missing"})
    results.add("c", states={2: "interrupted", 3: "missing", 4: "missing"})


def test_who_left_is_listed_with_what_it_saved(results: Any) -> None:
    three(results)
    tables = tables_of(
        results, gone(results, "b"), gone(results, "c", cause="bound", p_value=None, level=None)
    )
    section = section_of(tables)
    (table,) = [each for each in section.blocks if isinstance(each, Table)]
    rows = [[cell.text for cell in row] for row in table.grid.rows]
    # 6 s of training each on one thread: two trials not run are 0.2 minutes, three are 0.3.
    assert rows == [
        ["b", "a", "test", "2 of 5", "0.123", "0.00042", "0.0049", "2", "0.2 CPU minutes"],
        ["c", "a", "bound", "2 of 5", "0.123", "–", "–", "3", "0.3 CPU minutes"],
    ]
    said = race_sentences(tables)
    assert "no scores on the folds that were left could have brought it up" in said[1]
    assert said[-1].startswith("The race saved 5 trials, about 0.5 CPU minutes")


def test_what_ended_after_that_is_in_no_table(results: Any) -> None:
    """Catches tables that hang on which trial a worker happened to begin."""
    three(results)
    tables = tables_of(results, gone(results, "b"), gone(results, "c"))
    assert sorted(tables.experiments["b"].trials) == [(0, 0), (0, 1)]
    assert set(tables.scores[tables.scores["experiment"] == "b"]["fold"]) == {0, 1}


def test_a_race_that_is_of_other_trials_says_nothing(results: Any) -> None:
    """Catches an experiment that stays out when its settings, and so its trials, are others."""
    three(results)
    other = gone(results, "b").model_copy(update={"left_out": ("0" * 64,)})
    tables = tables_of(results, other)
    assert tables.experiments["b"].elimination is None
    assert sorted(tables.experiments["b"].trials) == [(0, 0), (0, 1), (0, 2)]


def test_without_a_race_there_is_no_section(results: Any) -> None:
    results.add("a")
    assert section_of(collect(Store.open(results.write()), "phase1")) is None


def test_nobody_left_and_one_could_not_be_judged(results: Any) -> None:
    for name in "abc":
        results.add(name)
    tables = tables_of(results, unjudged=(UnjudgedRecord(experiment="c", reason="fold 1: it failed: no"),))
    assert race_sentences(tables) == [
        "Nobody left the race among 3 experiments in 4 looks.",
        "c could not be judged in the race, and stayed: fold 1: it failed: no.",
    ]
    assert not [each for each in section_of(tables).blocks if isinstance(each, Table)]


def test_a_tiny_p_value_is_not_written_as_nothing(results: Any) -> None:
    results.add("b")
    said = elimination_sentence(gone(results, "b", p_value=3e-12), metric="auc", rope=0.01)
    assert said == (
        "b is eliminated after fold 1: on validation scores its AUC is 0.123 worse than that of a (2 folds), "
        "by more than 0.01 with p < 1e-06; the level of this look is 0.0049."
    )
