"""The tracking store says what results/ says: real MLflow on real SQLite."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.store.folder import Store
from orchestrator.store.race_file import EliminationRecord, RaceRecord, write_race
from orchestrator.tracking import (
    Tracker,
    TrackingError,
    is_synced,
    mark_experiments,
    moved_sentence,
    serve,
    serve_settings,
    sync,
    tracking_uri,
)
from orchestrator.tracking.faults import tracking_errors
from tests.orchestrator.tracking.seen_runs import CHILD, DEAD_SERVER, Seen, metric_rows, study_of


def test_a_phase_is_an_experiment_with_a_parent_and_a_child_a_trial(results: Any, store: Store) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2, epochs=7)
    results.halves("b", (0.5, 0.6), (0.7, 0.8), (0.6, 0.7))
    sync(store, study_of(results))
    seen = Seen(store)
    assert set(seen.parents) == {"a", "b"}
    assert set(seen.children) == {"a-r0f0", "a-r0f1", "b-r0f0", "b-r0f1"}
    for name, run in seen.children.items():
        assert run.data.tags[CHILD] == seen.parents[name[0]].info.run_id
    assert {run.info.status for run in seen.runs} == {"FINISHED"}

    child = seen.children["b-r0f1"]
    expected = {
        "epochs": "7",
        "optimizer.lr": "0.0001",
        "backbone": "simple_cnn",
        "fold": "1",
        "device": "cpu",
    }
    assert {key: child.data.params[key] for key in expected} == expected
    assert seen.history(child, "train_loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert [step for step, _ in seen.history(child, "val_auc")] == [1, 2, 3]
    assert child.data.metrics["test_auc"] == pytest.approx(0.76)
    assert child.data.metrics["best_epoch"] == 2
    # What does not exist (an empty cell of history.csv, a score that is null) is not made up.
    assert "val_f1" not in child.data.metrics
    # Those of the halves are for decisions alone.
    assert "auc_half_a" not in child.data.metrics
    assert "test_precision" not in child.data.metrics

    summary = pd.read_csv(store.collected("phase1") / "summary.csv").set_index(
        ["experiment", "source", "metric"]
    )
    parent = seen.parents["a"]
    assert parent.data.metrics["test_auc_mean"] == pytest.approx(summary.loc[("a", "all", "auc"), "mean"])
    assert parent.data.metrics["test_auc_std"] == pytest.approx(summary.loc[("a", "all", "auc"), "std"])
    assert seen.artifacts(parent, "tables") >= {
        "scores.csv",
        "summary.csv",
        "comparisons.csv",
        "failures.csv",
    }


def test_a_second_sync_adds_nothing(results: Any, store: Store) -> None:
    """Catches doubled runs and doubled values, which MLflow would draw as zigzag curves."""
    results.add("a", folds=2, states={1: "failed"})
    study = study_of(results)
    sync(store, study)
    runs, rows = len(Seen(store).runs), metric_rows(store)
    for _ in range(2):
        sync(store, study)
    assert (len(Seen(store).runs), metric_rows(store)) == (runs, rows) == (3, rows)


def test_a_trial_that_was_half_logged_is_completed(results: Any, store: Store) -> None:
    """Catches steps that are lost or doubled when a run was killed between two epochs."""
    results.add("a", folds=1, states={0: "interrupted"})
    study = study_of(results)
    sync(store, study, final=False)
    half = Seen(store).children["a-r0f0"]
    assert half.info.status == "RUNNING"
    assert len(Seen(store).history(half, "train_loss")) == 2
    results.experiments.clear()
    results.add("a", folds=1)
    sync(store, study_of(results))
    seen = Seen(store)
    whole = seen.children["a-r0f0"]
    assert whole.info.run_id == half.info.run_id
    assert whole.info.status == "FINISHED"
    for metric in ("train_loss", "val_loss", "val_auc", "seconds"):
        assert [step for step, _ in seen.history(whole, metric)] == [1, 2, 3]


@pytest.mark.slow
def test_an_epoch_that_was_cut_in_two_is_completed(results: Any, store: Store) -> None:
    """Catches an epoch of which only the first values arrived, and that passes for logged ever after.

    A batch ends after 500 values, wherever that is, and the next one may never be sent.
    """
    results.add("a", folds=1, states={0: "interrupted"})
    results.history(results.folder("a", 0), 1)
    sync(store, study_of(results), final=False)
    seen = Seen(store)
    child = seen.children["a-r0f0"]
    seen.client.log_metric(child.info.run_id, "train_loss", 0.5, step=2)
    results.experiments.clear()
    results.add("a", folds=1)
    sync(store, study_of(results))
    for metric in ("train_loss", "val_loss", "val_auc", "lr", "seconds", "images_per_s"):
        assert [step for step, _ in seen.history(child, metric)] == [1, 2, 3], metric


@pytest.mark.slow
def test_a_failed_trial_is_failed_and_finished_once_it_succeeds(results: Any, store: Store) -> None:
    results.add("a", folds=2, states={1: "failed"})
    sync(store, study_of(results))
    seen = Seen(store)
    failed = seen.children["a-r0f1"]
    assert failed.info.status == "FAILED"
    assert failed.data.tags["error"] == "the loss is nan"
    assert seen.parents["a"].info.status == "RUNNING"
    assert not any(name.endswith("_mean") for name in seen.parents["a"].data.metrics)
    results.experiments.clear()
    shutil.rmtree(results.root / "trials")
    results.add("a", folds=2)
    sync(store, study_of(results))
    seen = Seen(store)
    again = seen.children["a-r0f1"]
    assert (again.info.run_id, again.info.status) == (failed.info.run_id, "FINISHED")
    assert [step for step, _ in seen.history(again, "train_loss")] == [1, 2, 3]
    assert seen.parents["a"].info.status == "FINISHED"
    assert "test_auc_mean" in seen.parents["a"].data.metrics
    assert len(seen.runs) == 3


@pytest.mark.slow
def test_what_left_a_race_is_killed_until_it_runs_after_all(results: Any, store: Store) -> None:
    """Catches runs that MLflow shows as running for ever, since nobody will go on with them."""
    results.add("a", folds=3)
    results.add("b", folds=3, states={1: "interrupted", 2: "missing"})
    left = EliminationRecord(
        experiment="b", repeat=0, fold=0, n=1, cause="test", leader="a", gap=0.2, p_value=1e-3, level=0.01,
        left_out=tuple(trial["key"] for trial in results.experiments[1]["trials"][1:]),
    )  # fmt: skip
    race = RaceRecord(
        phase="phase1", entry="e", metric="auc", rope=0.01, alpha=0.02, num_folds=3, looks=2,
        candidates=("a", "b"), eliminated=(left,),
    )  # fmt: skip
    write_race(store, race)
    study = study_of(results)
    sync(store, study)
    seen = Seen(store)
    assert {name: run.info.status for name, run in (seen.parents | seen.children).items()} == {
        "a": "FINISHED", "a-r0f0": "FINISHED", "a-r0f1": "FINISHED", "a-r0f2": "FINISHED",
        "b": "KILLED", "b-r0f0": "FINISHED", "b-r0f1": "KILLED",
    }  # fmt: skip
    assert seen.parents["b"].data.tags["orchestrator.eliminated"] == "after r0f0, behind a"
    assert "orchestrator.eliminated" not in seen.parents["a"].data.tags
    assert is_synced(store, study)
    write_race(store, race.without({"b"}))
    assert not is_synced(store, study)
    sync(store, study_of(results))
    seen = Seen(store)
    assert (seen.parents["b"].info.status, seen.children["b-r0f1"].info.status) == ("RUNNING", "RUNNING")
    assert "orchestrator.eliminated" not in seen.parents["b"].data.tags


@pytest.mark.slow
def test_a_trial_that_never_started_has_no_run(results: Any, store: Store) -> None:
    results.add("a", folds=2, states={1: "missing"})
    sync(store, study_of(results))
    assert set(Seen(store).children) == {"a-r0f0"}


@pytest.mark.slow
def test_experiments_that_share_trials_have_runs_of_their_own(results: Any, store: Store) -> None:
    """Catches a second experiment that shows no trials in MLflow because the first owns them."""
    one = results.add("a", folds=1)
    results.experiments.append({**one, "name": "twin"})
    sync(store, study_of(results))
    assert set(Seen(store).children) == {"a-r0f0", "twin-r0f0"}


@pytest.mark.slow
def test_is_synced_holds_until_something_changes(results: Any, store: Store) -> None:
    results.add("a", folds=2, states={1: "interrupted"})
    study = study_of(results)
    assert not is_synced(store, study)
    sync(store, study, final=False)
    assert not is_synced(store, study)
    sync(store, study)
    assert is_synced(store, study)
    results.experiments.clear()
    results.add("a", folds=2)
    study = study_of(results)
    assert not is_synced(store, study)


@pytest.mark.slow
def test_is_synced_is_for_one_tracking_store(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a new server, or a deleted database, that stays empty because another was up to date."""
    results.add("a", folds=1)
    study = study_of(results)
    sync(store, study)
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", DEAD_SERVER)
        assert not is_synced(store, study)
    (store.root / "mlflow.db").unlink()
    assert not is_synced(store, study)


@pytest.mark.slow
def test_the_store_that_the_environment_names_is_used(
    results: Any, store: Store, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    shutil.copy(empty_database, elsewhere)
    rows = metric_rows(store)
    results.add("a", folds=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    sync(store, study_of(results))
    assert set(Seen(store).children) == {"a-r0f0"}
    assert metric_rows(store) == rows


def test_the_tracker_mirrors_what_it_is_told(results: Any, store: Store) -> None:
    experiment = results.add("a", folds=2, states={0: "interrupted"})
    study = study_of(results)
    tracker = Tracker(store, study)
    for trial in experiment["trials"]:
        tracker.touch(trial["key"])
        tracker.touch(trial["key"])
    tracker.close()
    assert tracker.problem is None
    seen = Seen(store)
    assert {name: run.info.status for name, run in seen.children.items()} == {
        "a-r0f0": "RUNNING",
        "a-r0f1": "FINISHED",
    }
    assert [step for step, _ in seen.history(seen.children["a-r0f0"], "train_loss")] == [1, 2]


def test_a_server_that_can_t_be_reached_is_one_error(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.add("a", folds=1)
    study = study_of(results)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD_SERVER)
    with pytest.raises(TrackingError) as caught:
        sync(store, study)
    assert "\n" not in str(caught.value)
    assert not is_synced(store, study)


def test_a_tracker_without_a_server_never_disturbs_the_run(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = results.add("a", folds=1)
    study = study_of(results)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD_SERVER)
    tracker = Tracker(store, study)
    tracker.touch(experiment["trials"][0]["key"])
    tracker.close()
    assert tracker.problem


@pytest.mark.slow
def test_experiments_are_marked_as_training_those_of_earlier_versions_too(results: Any, store: Store) -> None:
    """Catches MLflow's pages that open with traces of language models, of which there are none."""
    from mlflow import MlflowClient

    results.add("a", folds=2)
    study_of(results)
    client = MlflowClient(tracking_uri(store))
    client.create_experiment("phase1")
    mark_experiments(store)
    assert client.get_experiment_by_name("phase1").tags["mlflow.experimentKind"] == "custom_model_development"
    study = store.study("phase1")
    renamed = study.model_copy(update={"phase": study.phase.model_copy(update={"name": "phase2"})})
    sync(store, renamed, final=False)
    assert client.get_experiment_by_name("phase2").tags["mlflow.experimentKind"] == "custom_model_development"


def test_the_page_server_is_for_this_machine_and_this_store(
    results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a password in the list of processes, which everybody on the machine can read."""
    command, store = serve(host="127.0.0.1", port=5001), Store.look(results.root)
    assert command[1:] == ["-m", "mlflow", "ui", "--host", "127.0.0.1", "--port=5001", "--workers=1"]
    name = "MLFLOW_BACKEND_STORE_URI"
    assert serve_settings(store) == {name: f"sqlite:///{results.root / 'mlflow.db'}"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    assert "me:secret" in serve_settings(store)[name]
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 ") as raised, tracking_errors(store):
        raise OSError("can't reach http://me:secret@127.0.0.1:9")
    assert "secret" not in raised.value.sentence("phase1")


def test_sqlite_is_never_put_where_other_machines_see_it(
    results: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a database on NFS, one per command, and one that two results folders share."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("orchestrator.tracking.address.LAST_PLACE", tmp_path / "var")
    shared = [results.root]
    monkeypatch.setattr(
        "orchestrator.tracking.address.file_system",
        lambda folder: "nfs4" if any(folder.is_relative_to(each) for each in shared) else "ext4",
    )
    store = Store.look(results.root)
    home = tmp_path / ".local" / "state" / "orchestrator"
    uri = tracking_uri(store)
    assert uri.startswith(f"sqlite:///{home}/") and uri in serve_settings(store).values()
    assert uri.removeprefix("sqlite:///") in moved_sentence(store) and "nfs4" in moved_sentence(store)
    assert tracking_uri(Store.look(results.root / "other")) != uri
    shared.append(tmp_path / ".local")
    assert tracking_uri(store).startswith(f"sqlite:///{tmp_path / 'var'}/orchestrator-")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD_SERVER)
    assert tracking_uri(store) == DEAD_SERVER and not moved_sentence(store)
