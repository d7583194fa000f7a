"""Finished trials and experiments: read with their hash, found by name, or refused with the reason."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.finished import FinishedTrial, Unfinished, find_experiment, probabilities, read_trial
from orchestrator.store import Store
from trainables.errors import InputError


def test_a_trial_is_its_predictions_with_their_hash_and_what_it_cost(results: Any) -> None:
    results.add("a", folds=2)
    folder = results.folder("a", 1)
    found = read_trial(folder)
    assert isinstance(found, FinishedTrial)
    content = (folder / "predictions.parquet").read_bytes()
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.n_train, found.n_val, found.n_test) == (90, 10, 24)
    assert (found.seconds, found.threads, found.device, found.parameters) == (6.0, 1, "cpu", 10)
    assert (len(found.rows("val")), len(found.rows("test"))) == (10, 24)


def test_the_key_of_rows_minds_images_and_not_scores_or_order(results: Any) -> None:
    """Catches folds that are called the same because they have equally many rows."""
    results.add("a", folds=1, shift=0.0)
    results.add("b", folds=1, shift=2.0)
    path = results.folder("b", 0) / "predictions.parquet"
    pd.read_parquet(path).sample(frac=1.0, random_state=0).to_parquet(path)
    one, other = (read_trial(results.folder(name, 0)) for name in ("a", "b"))
    assert isinstance(one, FinishedTrial) and isinstance(other, FinishedTrial)
    assert one.rows_key("test") == other.rows_key("test") != one.rows_key("val")
    table = pd.read_parquet(path)
    table.assign(group=table["group"] + "x").to_parquet(path)
    changed = read_trial(results.folder("b", 0))
    assert isinstance(changed, FinishedTrial)
    assert changed.rows_key("test") != one.rows_key("test")


@pytest.mark.parametrize("state", ["failed", "interrupted", "missing"])
def test_a_trial_that_is_not_done_says_why(results: Any, state: str) -> None:
    results.add("a", folds=1, states={0: state})
    found = read_trial(results.folder("a", 0))
    assert isinstance(found, Unfinished)
    assert found.state == state
    assert found.reason == ("the loss is nan" if state == "failed" else "not run to its end yet")


def damage_bytes(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:100])


def damage_hash(folder: Path) -> None:
    done = json.loads((folder / "done.json").read_text())
    (folder / "done.json").write_text(json.dumps({**done, "predictions_sha256": "0" * 64}))


def damage_scores(folder: Path) -> None:
    path = folder / "predictions.parquet"
    pd.read_parquet(path).assign(score=np.nan).to_parquet(path)


def damage_range(folder: Path) -> None:
    path = folder / "predictions.parquet"
    pd.read_parquet(path).assign(score=np.inf).to_parquet(path)


def damage_columns(folder: Path) -> None:
    path = folder / "predictions.parquet"
    pd.read_parquet(path).drop(columns=["score"]).to_parquet(path)


def damage_metrics(folder: Path) -> None:
    (folder / "metrics.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_bytes, "Parquet"),
        (damage_hash, "not what the trial wrote"),
        (damage_scores, "not whole"),
        (damage_range, "no probability"),
        (damage_columns, "score"),
        (damage_metrics, "n_train"),
    ],
)
def test_a_damaged_trial_says_so_and_what_to_do(results: Any, damage: Any, said: str) -> None:
    results.add("a", folds=1)
    damage(results.folder("a", 0))
    found = read_trial(results.folder("a", 0))
    assert isinstance(found, Unfinished)
    assert found.state == "unreadable"
    assert said in found.reason
    assert "delete the trial's folder" in found.reason


def test_probabilities_of_several_classes_are_columns_in_the_order_of_classes() -> None:
    """Catches p10 that is sorted before p2."""
    table = pd.DataFrame([[number / 100 for number in range(11)]], columns=[f"p{n}" for n in range(11)])
    assert probabilities(table[sorted(table.columns)]).tolist() == [[n / 100 for n in range(11)]]
    with pytest.raises(KeyError):
        probabilities(pd.DataFrame({"p0": [1.0]}))


def test_an_experiment_is_found_by_its_name_and_by_its_phase(results: Any) -> None:
    results.add("a", folds=2)
    store = Store.look(results.write())
    for name in ("a", "phase1/a"):
        found = find_experiment(store, name)
        assert (found.name, found.expected, found.fold_files) == ("a", 2, ("0123456789ab.csv",))
        assert sorted(found.folders) == [(0, 0), (0, 1)]


def test_an_unknown_experiment_is_refused_with_the_nearest_name(results: Any) -> None:
    results.add("p1_resnet18_baseline", folds=1)
    store = Store.look(results.write())
    with pytest.raises(InputError, match="nearest: p1_resnet18_baseline"):
        find_experiment(store, "p1_resnet_baseline")


def test_an_empty_results_folder_says_that_nothing_has_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing has run"):
        find_experiment(Store.look(tmp_path), "a")


def test_two_of_one_name_have_to_be_told_apart_by_their_phase(results: Any) -> None:
    """Catches a comparison with whichever of the two came first."""
    results.add("a", folds=2)
    results.write()
    record = json.loads((results.root / "studies" / "phase1.json").read_text())
    for trial in record["experiments"][0]["trials"]:
        old = results.root / trial["folder"]
        trial["folder"] = trial["folder"][:-12] + "d" * 11 + str(trial["fold"])
        shutil.copytree(old, results.root / trial["folder"])
    (results.root / "studies" / "again.json").write_text(json.dumps(record))
    store = Store.look(results.root)
    with pytest.raises(InputError, match="again/a or phase1/a"):
        find_experiment(store, "a")
    assert find_experiment(store, "again/a").folders != find_experiment(store, "phase1/a").folders
    # One that was planned and never run is no rival.
    for folder in find_experiment(store, "again/a").folders.values():
        shutil.rmtree(folder)
    assert find_experiment(store, "a").folders == find_experiment(store, "phase1/a").folders


def test_the_same_trials_in_two_phases_are_one_experiment(results: Any) -> None:
    results.add("a", folds=2)
    results.write()
    shutil.copy(results.root / "studies" / "phase1.json", results.root / "studies" / "a.json")
    assert find_experiment(Store.look(results.root), "a").name == "a"


def test_trials_that_no_record_names_any_more_are_found_by_what_they_say(results: Any) -> None:
    results.add("a", folds=3)
    results.write()
    (results.root / "studies" / "phase1.json").unlink()
    store = Store.look(results.root)
    for wanted in ("a", results.folder("a", 1).name):
        found = find_experiment(store, wanted)
        assert (found.name, found.expected, found.fold_files) == ("a", 3, None)
        assert sorted(found.folders) == [(0, 0), (0, 1), (0, 2)]


def test_trials_of_other_recipes_are_another_experiment(results: Any) -> None:
    """Catches an average over folds that were trained differently."""
    results.add("a", folds=2)
    results.add("a", folds=2, epochs=3)
    results.write()
    (results.root / "studies" / "phase1.json").unlink()
    store = Store.look(results.root)
    with pytest.raises(InputError, match="2 experiments"):
        find_experiment(store, "a")
    first = results.root / results.experiments[1]["trials"][0]["folder"]
    assert find_experiment(store, first.name).recipe["epochs"] == 3


def test_a_damaged_record_is_passed_over(results: Any) -> None:
    results.add("a", folds=1)
    results.write()
    (results.root / "studies" / "broken.json").write_text("{")
    assert find_experiment(Store.look(results.root), "a").name == "a"
