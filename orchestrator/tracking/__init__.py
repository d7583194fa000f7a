"""Tracking store: MLflow's runs, made to say what results/ says. Imports the store, and MLflow when asked.

`Tracker` brings it up to date in a thread while trials run; `sync` does it once, from disk. The default store
is SQLite in results/, or beside them on this machine where other machines see results/; MLFLOW_TRACKING_URI
names another. When it can't be used, trials go on, and its TrackingError says what to do.
"""

from orchestrator.tracking.address import moved_sentence, serve, serve_settings, tracking_uri
from orchestrator.tracking.faults import TrackingError
from orchestrator.tracking.mirror import experiment_key
from orchestrator.tracking.phase_experiment import mark_experiments
from orchestrator.tracking.syncing import Tracker, is_synced, sync

__all__ = [
    "Tracker", "TrackingError", "experiment_key", "is_synced", "mark_experiments", "moved_sentence",
    "serve", "serve_settings", "sync", "tracking_uri",
]  # fmt: skip
