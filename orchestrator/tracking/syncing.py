"""Synchronisation of results/ with the tracking store: once from disk, or in a thread while trials run."""

import queue
import threading
import time
from pathlib import Path

from orchestrator.store.folder import Store
from orchestrator.store.record_file import plain_record
from orchestrator.store.records import ExperimentRecord, PlannedTrial, StudyRecord
from orchestrator.tracking.address import TrackingError, lock, tracking_errors, tracking_uri
from orchestrator.tracking.mirror import Mirror, state_of
from trainables.files import write_json

# Each look costs the cores that train some tenths of a second.
POLL_S = 15.0


def sync(store: Store, study: StudyRecord, *, final: bool = True) -> None:
    """Bring the tracking store up to date with every trial of a study; with `final`, also tables and report.

    Raises:
        TrackingError: the store can't be reached.
    """
    with tracking_errors(), lock(store):
        mirror = Mirror(store, study)
        for experiment, trial in study.trials():
            mirror.trial(experiment, trial)
        if final:
            mirror.finish()
            write_json(_marker(store, study), {"state": state_of(store, study)})


def is_synced(store: Store, study: StudyRecord) -> bool:
    """Tell, without importing MLflow, whether `sync` has already recorded just this state in this store."""
    marker = plain_record(_marker(store, study))
    uri = tracking_uri(store)
    exists = not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).is_file()
    return exists and marker is not None and marker.get("state") == state_of(store, study)


class Tracker:
    """Keeps the tracking store up to date in a thread of its own; never raises into the run."""

    def __init__(self, store: Store, study: StudyRecord) -> None:
        self._store, self._study = store, study
        # Experiments that differ in name alone share a trial, and each has a run of it.
        self._by_key: dict[str, list[tuple[ExperimentRecord, PlannedTrial]]] = {}
        for experiment, trial in study.trials():
            self._by_key.setdefault(trial.key, []).append((experiment, trial))
        self._touched: queue.Queue[str | None] = queue.Queue()
        self.problem: str | None = None
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
            with tracking_errors(), lock(self._store):
                mirror = Mirror(self._store, self._study)
            more = True
            while more:
                keys, more = self._next_keys()
                with tracking_errors(), lock(self._store):
                    for key in sorted(keys):
                        for experiment, trial in self._by_key[key]:
                            mirror.trial(experiment, trial)
        except TrackingError as error:
            self.problem = str(error)

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
