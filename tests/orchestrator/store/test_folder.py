"""results/: versions, whether it can be written, and states that survive the death of a process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from orchestrator.store.folder import Store, is_locked, trial_state
from orchestrator.store.record_file import plain_record
from orchestrator.store.records import PhaseRecord
from trainables.errors import InputError
from trainables.files import write_json
from trainables.trial_files import CHECKPOINT, DONE, ERROR, FORMAT, LOCK, TRIAL

HOLD = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(120)
"""


def test_opening_makes_the_folder_and_marks_its_format(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "deep" / "results")
    assert json.loads(store.version_file.read_text()) == {"format": FORMAT}
    assert [path.name for path in store.root.iterdir()] == ["results.json"]
    assert Store.open(store.root) == store


def test_looking_makes_nothing(tmp_path: Path) -> None:
    store = Store.look(tmp_path / "results")
    assert not store.root.exists()
    assert store.folders_by_key() == {}
    assert store.studies() == []


@pytest.mark.parametrize("way", [Store.open, Store.look])
@pytest.mark.parametrize("name", ["results.json", "trials/a-r0f0-0123456789ab/trial.json"])
def test_results_of_a_newer_version_are_left_alone(tmp_path: Path, way: object, name: str) -> None:
    """Catches an older program that misreads, or writes into, what it does not know."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": FORMAT + 1}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"newer version.*format {FORMAT + 1}.*--results"):
        way(tmp_path)  # type: ignore[operator]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_newer_done_marker_is_noticed_too(tmp_path: Path) -> None:
    folder = tmp_path / "trials" / "a-r0f0-0123456789ab"
    folder.mkdir(parents=True)
    (folder / DONE).write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(InputError, match=DONE):
        Store.look(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "x"}', "{}"])
def test_a_damaged_record_is_no_newer_version(tmp_path: Path, content: str) -> None:
    """Catches one damaged trial.json that makes all of results/ unusable."""
    folder = tmp_path / "trials" / "a-r0f0-0123456789ab"
    folder.mkdir(parents=True)
    (folder / TRIAL).write_text(content)
    assert Store.open(tmp_path).folders_by_key() == {"0123456789ab": folder}


def test_a_file_in_the_way_is_said_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "results"
    path.write_text("mine")
    for wanted in (path, path / "below"):
        with pytest.raises(InputError, match=r"can't be written.*--results"):
            Store.open(wanted)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "where"),
    [({}, "phase: Field required"), ({"experiments": []}, "experiments: "), ({"data": [3]}, r"data\.0: ")],
)
def test_a_damaged_record_is_named_with_what_is_wrong(
    tmp_path: Path, make_study: Any, content: dict[str, Any], where: str
) -> None:
    """Catches a traceback from the page of nothing."""
    store = Store.open(tmp_path)
    whole = make_study().model_copy(update={"phase": PhaseRecord(name="p1", title="P")}).plain()
    write_json(store.study_file("p1"), {**whole, **content} if content else {})
    with pytest.raises(InputError, match=rf"p1\.json is damaged \({where}.*; run 'p1' again"):
        store.study("p1")
    assert store.known_study("p1") is None


@pytest.mark.parametrize(
    "folder", ["trials/..", "trials/../../elsewhere", "/trials/a", "trials/a/b", "a", ""]
)
def test_a_record_leads_nowhere_out_of_its_folder(tmp_path: Path, make_study: Any, folder: str) -> None:
    """Catches files of strangers that are read, or taken for a trial, because a record names them."""
    store = Store.open(tmp_path)
    study = make_study().plain()
    study["experiments"][0]["trials"] = [{"repeat": 0, "fold": 0, "folder": folder}]
    write_json(store.study_file("p"), study)
    with pytest.raises(InputError, match="is no folder of a trial"):
        store.study("p")
    study["experiments"][0] |= {"trials": [], "fold_files": [f"../{folder}"]}
    write_json(store.study_file("p"), study)
    with pytest.raises(InputError, match="is no plain name"):
        store.study("p")


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, "\xff"])
def test_what_is_no_record_at_all_is_damaged(tmp_path: Path, content: str) -> None:
    store = Store.open(tmp_path)
    store.study_file("p1").parent.mkdir()
    store.study_file("p1").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="is damaged"):
        store.study("p1")


def test_one_damaged_trial_stops_no_command(tmp_path: Path) -> None:
    """Catches brackets so deep that reading them ends in an error of Python's own."""
    store = Store.open(tmp_path)
    folder = store.trials / "a-r0f0-0123456789ab"
    folder.mkdir(parents=True)
    (folder / DONE).write_text("[" * 100_000)
    assert Store.look(tmp_path).root == store.root
    assert plain_record(folder / DONE) is None


@pytest.mark.parametrize("name", ["", ".", "..", "../p1", "p1/", "/elsewhere", "a/b"])
def test_a_phase_is_called_by_its_name_alone(tmp_path: Path, name: str) -> None:
    """Catches a path that leads out of results/."""
    with pytest.raises(InputError, match="is no name of a phase"):
        Store.open(tmp_path).study(name)


@pytest.mark.parametrize("name", ["/elsewhere", "p2", ""])
def test_a_record_of_another_name_is_refused(tmp_path: Path, make_study: Any, name: str) -> None:
    store = Store.open(tmp_path)
    named = make_study().model_copy(update={"phase": PhaseRecord(name=name, title="P")})
    write_json(store.study_file("p1"), named.plain())
    with pytest.raises(InputError, match=r"p1\.json says that it is of .*; move it away, and run 'p1'"):
        store.study("p1")
    plus = make_study().model_copy(update={"phase": PhaseRecord(name="a+b", title="P")})
    store.write_study(plus)
    assert store.study("a+b") == plus


def test_a_missing_study_is_said_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "phase1.json").write_text("{}")
    with pytest.raises(InputError, match=r"no record of 'phase2' \(there are: phase1\)"):
        Store.look(tmp_path).study("phase2")


def test_a_trial_is_found_by_its_key_whatever_it_is_called(tmp_path: Path) -> None:
    """Catches a trial that is lost because its experiment was renamed."""
    store = Store.open(tmp_path)
    folder = store.new_folder("first_name", 0, 3, "0123456789abcdef" * 4)
    assert folder.name == "first_name-r0f3-0123456789ab"
    folder.mkdir(parents=True)
    assert store.folders_by_key() == {"0123456789ab": folder}


def test_states_from_missing_to_done(tmp_path: Path) -> None:
    """Walks through a trial's life: each state follows from the files alone."""
    folder = tmp_path / "trial"
    assert (trial_state(None), trial_state(folder)) == ("missing", "missing")
    folder.mkdir()
    assert trial_state(folder) == "missing"
    lock = FileLock(folder / LOCK)
    with lock:
        assert trial_state(folder) == "running"
        (folder / TRIAL).write_text("{}")
        (folder / CHECKPOINT).mkdir()
        assert trial_state(folder) == "running"
    assert trial_state(folder) == "interrupted"
    (folder / ERROR).write_text("{}")
    assert trial_state(folder) == "failed"
    with lock:
        assert trial_state(folder) == "running"
        (folder / DONE).write_text("{}")
        assert trial_state(folder) == "done"
    assert trial_state(folder) == "done"


def test_asking_for_the_state_does_not_take_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / LOCK
    lock.touch()
    assert not is_locked(lock)
    with FileLock(lock, timeout=0):
        assert is_locked(lock)
    assert not is_locked(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    """Catches a trial that stays "running" for ever after kill -9 of its worker."""
    (tmp_path / TRIAL).write_text("{}")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / LOCK)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        held = trial_state(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    assert held == "running"
    assert trial_state(tmp_path) == "interrupted"


@pytest.mark.parametrize("content", ["{", "[1]", "", "\xff"])
def test_a_damaged_record_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content.encode("latin-1"))
    assert plain_record(path) is None
    assert plain_record(tmp_path / "missing.json") is None
