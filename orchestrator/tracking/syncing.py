"""Synchronisation of results/ with the tracking store: once from disk, or in a thread while trials run."""

import queue
import threading
import time
from pathlib import Path
from typing import Any

from orchestrator.store.folder import Store
from orchestrator.store.record_file import plain_record
from orchestrator.store.records import ExperimentRecord, PlannedTrial, StudyRecord
from orchestrator.tracking.address import database_file, lock, tracking_uri
from orchestrator.tracking.database import shows
from orchestrator.tracking.faults import TrackingError, tracking_errors
from orchestrator.tracking.mirror import Mirror, state_of
from orchestrator.tracking.opening import open_store
from trainables.files import write_json

# Each look costs the cores that train some tenths of a second.
POLL_S = 15.0


def sync(store: Store, study: StudyRecord, *, final: bool = True, mends: bool = False) -> tuple[str, ...]:
    """Bring the tracking store up to date with every trial of a study; return what was mended, in sentences.

    Args:
        store: the results.
        study: the phase.
        final: whether tables and report belong to it.
        mends: whether a database of these results that can't be used is moved aside and made anew, with all
            phases of these results.

    Raises:
        TrackingError: the store can't be used.
    """
    with tracking_errors(store), lock(store):
        opened = open_store(store, mends=mends)
        notes = opened.notes + _mirrored(store, study, opened.client, final=final)
        for other in _others(store, study) if opened.is_new else ():
            has_tables = (store.collected(other.phase.name) / "summary.csv").is_file()
            _mirrored(store, other, opened.client, final=has_tables)
    return notes


def _others(store: Store, study: StudyRecord) -> list[StudyRecord]:
    """The other phases that have a record in these results."""
    known = [store.known_study(name) for name in store.studies() if name != study.phase.name]
    return [each for each in known if each is not None]


def _mirrored(store: Store, study: StudyRecord, client: Any, *, final: bool) -> tuple[str, ...]:
    mirror = Mirror(store, study, client)
    for experiment, trial in study.trials():
        mirror.trial(experiment, trial)
    if final:
        mirror.finish()
        write_json(_marker(store, study), {"state": state_of(store, study)})
    return mirror.notes


def is_synced(store: Store, study: StudyRecord) -> bool:
    """Tell, without importing MLflow, whether `sync` has already recorded just this state in this store."""
    marker, path = plain_record(_marker(store, study)), database_file(tracking_uri(store))
    is_there = path is None or shows(path, study.phase.name)
    return is_there and marker is not None and marker.get("state") == state_of(store, study)


class Tracker:
    """Keeps the tracking store up to date in a thread of its own; never raises into the run."""

    def __init__(self, store: Store, study: StudyRecord) -> None:
        self._store, self._study = store, study
        # Experiments that differ in name alone share a trial, and each has a run of it.
        self._by_key: dict[str, list[tuple[ExperimentRecord, PlannedTrial]]] = {}
        for experiment, trial in study.trials():
            self._by_key.setdefault(trial.key, []).append((experiment, trial))
        self._touched: queue.Queue[str | None] = queue.Queue()
        self.problem: TrackingError | None = None
        # What was mended, in sentences.
        self.notes: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def touch(self, key: str) -> None:
        """Say that something about a trial changed on disk."""
        self._touched.put(key)

    def close(self, timeout_s: float = 60.0) -> None:
        """Stop after what is under way."""
        self._touched.put(None)
        self._thread.join(timeout_s)

    def _work(self) -> None:
        try:
            with tracking_errors(self._store), lock(self._store):
                opened = open_store(self._store)
                mirror = Mirror(self._store, self._study, opened.client)
                self.notes = opened.notes + mirror.notes
            more = True
            while more:
                keys, more = self._next_keys()
                with tracking_errors(self._store), lock(self._store):
                    for key in sorted(keys):
                        for experiment, trial in self._by_key[key]:
                            mirror.trial(experiment, trial)
        except TrackingError as error:
            self.problem = error

    def _next_keys(self) -> tuple[set[str], bool]:
        """Wait for a change, then gather what else changes within POLL_S, so that epochs go in batches."""
        keys: set[str] = set()
        deadline: float | None = None
        while True:
            try:
                item = self._touched.get(timeout=deadline and max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return keys, True
            if item is None:
                return keys, False
            keys.add(item)
            deadline = deadline or time.monotonic() + POLL_S


def _marker(store: Store, study: StudyRecord) -> Path:
    return store.cached("tracking", f"{study.phase.name}.json")
