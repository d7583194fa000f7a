"""A tracking store that is not as MLflow needs it: mended where that is ours to do, else named."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.folder import Store
from orchestrator.tracking import Tracker, TrackingError, is_synced, mark_experiments, sync, tracking_uri
from orchestrator.tracking.database import Revisions, upgrade
from tests.orchestrator.tracking.seen_runs import Seen, study_of

ROOT = Path(__file__).parents[3]
SYNC = "`python -m orchestrator collect phase1 --sync`"


@pytest.fixture
def quickly_made(empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new database is a copy of an empty one."""
    monkeypatch.setattr("orchestrator.tracking.opening.make", lambda path: shutil.copy(empty_database, path))


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def refusal(store: Store, study: Any, *, mends: bool = False) -> str:
    with pytest.raises(TrackingError) as caught:
        sync(store, study, mends=mends)
    return caught.value.sentence("phase1")


def damage(path: Path) -> None:
    path.write_bytes(b"not a database" + path.read_bytes()[14:])


@pytest.mark.parametrize("mends", [False, True])
def test_a_database_of_a_newer_mlflow_is_left_and_the_upgrade_of_mlflow_is_named(
    results: Any, store: Store, mends: bool
) -> None:
    """Catches a newer database for which the advice is to upgrade it, and one that is moved aside."""
    results.add("a", folds=1)
    change(store.tracking_database, "update alembic_version set version_num = 'ffffffffffff'")
    before = store.tracking_database.read_bytes()
    said = refusal(store, study_of(results), mends=mends)
    assert "was written by a newer MLflow" in said and "pip install --upgrade mlflow" in said
    assert said.endswith(f"then {SYNC}") and "later" not in said
    assert store.tracking_database.read_bytes() == before


def test_the_whole_command_upgrades_a_database_that_the_user_named(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches advice that is cut off, and a database of others that is changed without being asked."""
    results.add("a", folds=1)
    theirs = Path(shutil.copy(store.tracking_database, tmp_path / "theirs.db"))
    revisions = Revisions.installed()
    change(theirs, f"update alembic_version set version_num = '{min(revisions.known - {revisions.head})}'")
    before = theirs.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{theirs}")
    said = refusal(store, study_of(results))
    assert f'`python -m mlflow db upgrade "$MLFLOW_TRACKING_URI"` and {SYNC}' in said and "later" not in said
    assert theirs.read_bytes() == before


@pytest.mark.slow
def test_a_damaged_database_is_made_anew_with_every_phase_when_that_is_asked(
    results: Any, store: Store, quickly_made: None
) -> None:
    """Catches a database that stays damaged for ever, and phases that are lost from a new one."""
    results.add("a", folds=1)
    study = study_of(results)
    renamed = study.model_copy(update={"phase": study.phase.model_copy(update={"name": "phase2"})})
    store.write_study(renamed)
    sync(store, study)
    damage(store.tracking_database)
    before = store.tracking_database.read_bytes()
    assert not is_synced(store, study)
    said = refusal(store, study)
    assert "is damaged (file is not a database)" in said and f"{SYNC} moves it aside" in said
    assert "later" not in said and store.tracking_database.read_bytes() == before
    (note,) = sync(store, study, mends=True)
    aside = store.root / "mlflow.db.damaged"
    assert str(aside) in note and aside.read_bytes() == before
    assert set(Seen(store).children) == set(Seen(store, "phase2").children) == {"a-r0f0"}
    assert is_synced(store, study) and not sync(store, study, mends=True)


def test_a_damaged_database_of_others_is_never_moved(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results.add("a", folds=1)
    theirs = Path(shutil.copy(store.tracking_database, tmp_path / "theirs.db"))
    damage(theirs)
    before = theirs.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{theirs}")
    said = refusal(store, study_of(results), mends=True)
    assert "is damaged" in said and "move it away" in said
    assert theirs.read_bytes() == before


def test_a_pipe_in_the_place_of_the_database_is_waited_for_by_nobody(results: Any, store: Store) -> None:
    """Catches a run that hangs when all is trained, since SQLite waits until somebody writes."""
    results.add("a", folds=1)
    store.tracking_database.unlink()
    os.mkfifo(store.tracking_database)
    assert "is damaged" in refusal(store, study_of(results))


@pytest.mark.parametrize("is_own", [True, False])
def test_an_empty_file_in_the_place_of_the_database_is_no_dead_end(
    results: Any,
    store: Store,
    is_own: bool,
    quickly_made: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a database that was emptied, for which --sync was named and did not help."""
    results.add("a", folds=1)
    file = store.tracking_database if is_own else tmp_path / "theirs.db"
    file.write_bytes(b"")
    if not is_own:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    study = study_of(results)
    notes = sync(store, study)
    assert [f"{file} was empty" in note for note in notes] == [True] * is_own
    assert is_synced(store, study)


def test_a_database_that_lacks_a_table_is_damaged(results: Any, store: Store) -> None:
    """Catches a database that no command mends, since its pages and its revision are right."""
    results.add("a", folds=1)
    change(store.tracking_database, "alter table experiments rename to experimentt")
    said = refusal(store, study_of(results))
    assert "is damaged" in said and f"{SYNC} moves it aside" in said


@pytest.mark.slow
def test_a_page_in_the_middle_of_the_database_that_is_damaged_is_found_before_mlflow_works_with_it(
    results: Any, store: Store
) -> None:
    results.add("a", folds=2)
    study = study_of(results)
    sync(store, study)
    content = bytearray(store.tracking_database.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 64] = b"\xff" * 64
    store.tracking_database.write_bytes(content)
    assert "is damaged" in refusal(store, study)


@pytest.mark.slow
def test_an_old_database_that_can_t_be_upgraded_is_made_anew_when_that_is_asked(
    results: Any, store: Store, quickly_made: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.add("a", folds=1)
    revisions = Revisions.installed()
    old = min(revisions.known - {revisions.head})
    change(store.tracking_database, f"update alembic_version set version_num = '{old}'")
    monkeypatch.setattr("orchestrator.tracking.opening.upgrade", lambda path, revision: None)
    study = study_of(results)
    said = refusal(store, study)
    assert f"revision {old}" in said and f"{SYNC} moves it aside" in said
    assert sync(store, study, mends=True)
    assert set(Seen(store).children) == {"a-r0f0"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_database_of_the_results_is_upgraded_after_a_copy(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a database that every run warns of, and whose runs with what was noted on them are lost."""
    from alembic import command
    from alembic.config import Config
    from mlflow import store as mlflow_store

    results.add("a", folds=1)
    study = study_of(results)
    sync(store, study)
    one = Seen(store).children["a-r0f0"]
    config = Config()
    config.set_main_option("script_location", str(Path(mlflow_store.__path__[0]) / "db_migrations"))
    config.set_main_option("sqlalchemy.url", tracking_uri(store))
    monkeypatch.setattr("logging.config.fileConfig", lambda *args, **kwargs: None)
    command.downgrade(config, "-1")
    tracker = Tracker(store, study)
    tracker.close()
    assert tracker.problem is None
    (note,) = tracker.notes
    (copy,) = store.root.glob("mlflow.db.before-*")
    assert str(copy) in note and copy.name.removeprefix("mlflow.db.before-") != Revisions.installed().head
    assert Seen(store).children["a-r0f0"].info.run_id == one.info.run_id
    assert sync(store, study) == ()


@pytest.mark.slow
def test_an_upgrade_that_fails_leaves_the_database_as_it_was(store: Store) -> None:
    """Catches a database that is half upgraded: MLflow's migrations are made in place."""
    revisions = Revisions.installed()
    # Its tables are there already, so the first migration fails.
    old = min(revisions.known - {revisions.head})
    change(store.tracking_database, f"update alembic_version set version_num = '{old}'")
    before = store.tracking_database.read_bytes()
    assert upgrade(store.tracking_database, revision=old) is None
    assert store.tracking_database.read_bytes() == before
    assert not [path for path in store.root.iterdir() if "mlflow.db." in path.name]


@pytest.mark.slow
def test_a_command_that_is_killed_while_it_makes_the_database_leaves_none(tmp_path: Path) -> None:
    """Catches half a set of tables, which every later command would take for an old database."""
    path = tmp_path / "mlflow.db"
    code = "import sys, pathlib; from orchestrator.tracking import database; "
    code += "database.make(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code, path], env=environment) as maker:
        while not list(tmp_path.glob(".mlflow.db.*.partial")):
            assert maker.poll() is None
        maker.kill()
    assert not path.exists()


@pytest.mark.slow
def test_an_experiment_that_was_deleted_is_restored_with_its_runs(results: Any, store: Store) -> None:
    """Catches MLflow that misses a phase for good since somebody has once removed it in its pages."""
    results.add("a", folds=1)
    study = study_of(results)
    sync(store, study)
    seen = Seen(store)
    seen.client.delete_experiment(seen.client.get_experiment_by_name("phase1").experiment_id)
    assert not is_synced(store, study)
    assert mark_experiments(store) == ()
    (note,) = sync(store, study)
    assert "'phase1' had been deleted: it is restored" in note
    assert Seen(store).children["a-r0f0"].info.run_id == seen.children["a-r0f0"].info.run_id
    assert len(Seen(store).runs) == 2


@pytest.mark.parametrize("named", ["file://{}/mlruns", "{}/mlruns", "mlruns"])
def test_a_folder_as_tracking_store_is_answered_with_what_to_write_instead(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    results.add("a", folds=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named.format(tmp_path))
    said = refusal(store, study_of(results))
    assert f"`export MLFLOW_TRACKING_URI=sqlite:///{tmp_path}/mlruns/mlflow.db`" in said
    assert "`unset MLFLOW_TRACKING_URI`" in said and SYNC in said and "later" not in said


def test_files_of_results_that_were_moved_are_found_and_written_where_they_are_now(
    results: Any, store: Store
) -> None:
    """Catches files that go into a new folder where the results once were, or nowhere."""
    results.add("a", folds=2, states={1: "missing"})
    # MLflow remembers in a process where it has written a run's files.
    sync(store, study_of(results), final=False)
    old, results.root = results.root, results.root.with_name("elsewhere")
    old.rename(results.root)
    old.write_text("in the way")
    results.experiments.clear()
    results.add("a", folds=2)
    moved = Store.look(results.root)
    study = study_of(results)
    assert not is_synced(moved, study)
    (note,) = sync(moved, study)
    assert str(moved.artifacts) in note and str(old) in note
    seen = Seen(moved)
    assert set(seen.children) == {"a-r0f0", "a-r0f1"} and len(seen.runs) == 3
    assert all(run.info.artifact_uri.startswith(f"{moved.artifacts.as_uri()}/") for run in seen.runs)
    assert "summary.csv" in seen.artifacts(seen.parents["a"], "tables")
    assert old.read_text() == "in the way" and sync(moved, study) == ()


@pytest.mark.slow
def test_a_database_that_results_share_keeps_addresses_under_which_results_lie(
    results: Any, store: Store, empty_database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches two results folders that turn each other's files about."""
    shared = Path(shutil.copy(empty_database, tmp_path / "shared.db"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shared}")
    Store.open(results.root)
    results.add("a", folds=1)
    sync(store, study_of(results))
    other = Store.open(Path(shutil.copytree(results.root, tmp_path / "other")))
    assert sync(other, other.study("phase1")) == ()
    (results.root / "results.json").unlink()
    (note,) = sync(other, other.study("phase1"))
    assert str(other.artifacts) in note
