"""Bootstrap intervals are drawn once for each repeat, and never taken from what is damaged."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.analysis import bootstraps
from orchestrator.analysis.bootstraps import Bootstraps
from orchestrator.analysis.trial_scores import Place, Reader, TrialScores
from orchestrator.statistics.bootstrap import Bounds, mean_bounds
from orchestrator.store.folder import Store


@pytest.fixture(name="drawn")
def drawn_fixture(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many repeats were drawn, each time that something was."""
    numbers: list[int] = []
    original = bootstraps.bootstrap.bootstrap

    def counting(repeats: Any, **options: Any) -> list[Bounds]:
        numbers.append(len(repeats))
        return original(repeats, draws=200, **options)

    monkeypatch.setattr(bootstraps.bootstrap, "bootstrap", counting)
    return numbers


def two_repeats(results: Any) -> Store:
    """Experiments a and b, of two folds each, are the two repeats of one experiment in what follows."""
    for name, good in (("a", 0.5), ("b", 1.0)):
        results.add(name, folds=2)
        results.separate(name, "test", good)
    return Store.look(results.write())


def bounds_of(results: Any, store: Store, *names: str) -> Bounds:
    reader = Reader(store)
    trials: dict[Place, TrialScores] = {}
    folders: dict[Place, Path] = {}
    for repeat, name in enumerate(names):
        for fold in range(2):
            folders[repeat, fold] = results.folder(name, fold)
            found = reader.read(results.folder(name, fold), threshold_by="accuracy")
            assert isinstance(found, TrialScores)
            trials[repeat, fold] = found
    asked = Bootstraps(store.cache / "scores")
    asked.ask("x", trials, folders, reader)
    asked.compute()
    assert asked.bounds("never asked for") == {}
    return asked.bounds("x")


def test_a_new_trial_costs_the_draws_of_its_repeat(results: Any, drawn: list[int]) -> None:
    """Catches ten repeats that are drawn again because of one trial, and bounds of what was there before."""
    store = two_repeats(results)
    first = bounds_of(results, store, "a", "b")
    assert bounds_of(results, store, "a", "b") == first
    assert drawn == [2, 0]
    results.separate("b", "test", 2.0, fold=1)
    second = bounds_of(results, store, "a", "b")
    assert drawn == [2, 0, 1] and second != first
    for path in store.cache.glob("scores/bounds-*"):
        path.unlink()
    assert bounds_of(results, store, "a", "b") == second and drawn[-1] == 2


def test_bounds_of_two_repeats_are_the_mean_of_each(results: Any, drawn: list[int]) -> None:
    store = two_repeats(results)
    each = [bounds_of(results, store, name) for name in ("a", "b")]
    both = bounds_of(results, store, "a", "b")
    expected = mean_bounds(each)
    assert set(both) == set(expected) and drawn == [1, 1, 0]
    for name, pair in both.items():
        assert pair == pytest.approx(expected[name], abs=2e-7)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"bounds": 1}', '{"bounds": {"auc": [0.1]}}', '{"bounds": {"auc": ["a", 1]}}'],
)
def test_damaged_bounds_are_drawn_again(results: Any, drawn: list[int], content: str) -> None:
    store = two_repeats(results)
    first = bounds_of(results, store, "a")
    (path,) = store.cache.glob("scores/bounds-*")
    whole = path.read_bytes()
    path.write_text(content)
    assert bounds_of(results, store, "a") == first and drawn == [1, 1]
    assert path.read_bytes() == whole


def test_a_fold_without_a_class_leaves_no_bounds(results: Any, drawn: list[int]) -> None:
    """Catches a mean over the repeats that happen to have both classes."""
    store = two_repeats(results)
    path = results.folder("b", 1) / "predictions.parquet"
    rows = pd.read_parquet(path)
    rows[rows["label"] == 1].to_parquet(path)
    assert bounds_of(results, store, "a", "b") == {}
    assert bounds_of(results, store, "a") != {} and drawn == [2, 0]
