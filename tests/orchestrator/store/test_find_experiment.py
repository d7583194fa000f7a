"""Experiments found by name: in the records of phases, or from what trials say of themselves."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.find_experiment import find_experiment, trial_folders
from orchestrator.store.folder import Store
from orchestrator.store.records import ExperimentRecord
from trainables.errors import InputError


def places(record: ExperimentRecord) -> list[tuple[int, int]]:
    return [(trial.repeat, trial.fold) for trial in record.trials]


def test_an_experiment_is_found_by_its_name_and_by_its_phase(results: Any) -> None:
    results.add("a", folds=2)
    store = Store.look(results.write())
    for name in ("a", "phase1/a"):
        found = find_experiment(store, name)
        assert (found.name, found.fold_files) == ("a", ("0123456789ab.csv",))
        assert places(found) == [(0, 0), (0, 1)]


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
    record["phase"]["name"] = "again"
    (results.root / "studies" / "again.json").write_text(json.dumps(record))
    store = Store.look(results.root)
    with pytest.raises(InputError, match="again/a or phase1/a"):
        find_experiment(store, "a")
    again, first = (trial_folders(find_experiment(store, f"{phase}/a")) for phase in ("again", "phase1"))
    assert again != first
    # One that was planned and never run is no rival.
    for folder in again:
        shutil.rmtree(results.root / folder)
    assert trial_folders(find_experiment(store, "a")) == first


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
        assert (found.name, found.recipe.cv_folds, found.fold_files) == ("a", 3, None)
        assert places(found) == [(0, 0), (0, 1), (0, 2)]


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
    assert find_experiment(store, first.name).recipe.epochs == 3


def test_a_damaged_record_is_passed_over(results: Any) -> None:
    results.add("a", folds=1)
    results.write()
    (results.root / "studies" / "broken.json").write_text("{")
    assert find_experiment(Store.look(results.root), "a").name == "a"
