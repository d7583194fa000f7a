"""`explain`: what is said of a trial, and how it is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.commands.explain import trial_explanation
from orchestrator.store.folder import Store
from orchestrator.store.race_file import EliminationRecord, RaceRecord, write_race
from trainables.errors import InputError

Write = Callable[..., Path]
Run = Callable[..., str]


def explained(store: Store, wanted: str) -> str:
    return "\n".join(trial_explanation(store, wanted))


def test_explain_names_the_ingredient_that_differs(results: Any) -> None:
    results.add("a", seed=42)
    results.add("b", seed=43, states=dict.fromkeys(range(5), "interrupted"))
    store = Store.look(results.write())
    said = explained(store, results.folder("b", 2).name)
    assert said.splitlines()[0] == f"{results.folder('b', 2).name}: interrupted"
    assert f"nearest   {results.folder('a', 2).name}" in said
    assert "recipe.seed: 43 here, 42 there" in said
    assert "yes: it is not finished" in said
    assert "python -m orchestrator phase1" in said


def test_explain_of_a_finished_trial_says_why_it_won_t_run_again(results: Any) -> None:
    results.add("a", states=dict.fromkeys(range(1, 5), "missing"))
    said = explained(Store.look(results.write()), results.folder("a", 0).name)
    assert "no: it is finished" in said
    assert "no other finished trial" in said


def test_explain_of_a_failed_trial_says_its_error(results: Any) -> None:
    results.add("a", states={0: "failed"})
    assert "the loss is nan" in explained(Store.look(results.write()), results.folder("a", 0).name)


def test_explain_of_a_trial_that_a_race_left_out_says_so(results: Any) -> None:
    """Catches a trial that is promised to run again, and never does."""
    results.add("a")
    trials = results.add("b", states=dict.fromkeys(range(2, 5), "interrupted"))["trials"]
    store = Store.open(results.write())
    gone = EliminationRecord(
        experiment="b", repeat=0, fold=1, n=2, cause="bound", leader="a", gap=0.3, p_value=None, level=None,
        left_out=tuple(trial["key"] for trial in trials[2:]),
    )  # fmt: skip
    race = RaceRecord(
        phase="phase1", entry="e", metric="auc", rope=0.01, alpha=0.02, num_folds=5, looks=2,
        candidates=("a", "b"), eliminated=(gone,),
    )  # fmt: skip
    write_race(store, race)
    said = explained(store, results.folder("b", 2).name)
    assert "b is eliminated after fold 1 by the race, behind a, in phase1: its score is not looked at" in said
    assert "again?    only without --race" in said
    assert "race" not in explained(store, results.folder("b", 1).name)


@pytest.mark.parametrize("length", [6, 12, 20, 64])
def test_a_trial_is_found_by_the_start_of_its_key(results: Any, length: int) -> None:
    """Catches the whole key, which `plan --json` and trial.json say, finding nothing."""
    key = results.add("a")["trials"][3]["key"]
    assert explained(Store.look(results.write()), key[:length]).startswith(results.folder("a", 3).name)


@pytest.mark.parametrize(("wanted", "said"), [("nothing", "no trial in .* matches"), ("a-r0f", "5 trials")])
def test_a_name_that_fits_none_or_many_is_refused(results: Any, wanted: str, said: str) -> None:
    results.add("a")
    with pytest.raises(InputError, match=said):
        explained(Store.look(results.write()), wanted)
