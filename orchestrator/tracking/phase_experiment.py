"""MLflow's experiment of a phase: found by its name, restored where somebody deleted it, or made."""

from typing import Any

from orchestrator.store.folder import Store
from orchestrator.tracking.address import lock, tracking_uri
from orchestrator.tracking.faults import tracking_errors
from orchestrator.tracking.opening import open_store

# What MLflow's pages tell training from traces of language models by; without it they open with the traces.
KIND = {"mlflow.experimentKind": "custom_model_development"}
DELETED = "deleted"


def phase_experiment(client: Any, store: Store, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the id of a phase's experiment, and what is to be said of it."""
    found = client.get_experiment_by_name(name)
    if found is None:
        local = tracking_uri(store).startswith("sqlite:")
        location = store.artifacts.as_uri() if local else None
        return str(client.create_experiment(name, artifact_location=location, tags=KIND)), ()
    notes: tuple[str, ...] = ()
    if found.lifecycle_stage == DELETED:
        client.restore_experiment(found.experiment_id)
        notes = (f"MLflow's experiment {name!r} had been deleted: it is restored, with its runs",)
    _mark(client, found)
    return str(found.experiment_id), notes


def mark_experiments(store: Store) -> tuple[str, ...]:
    """Mark what earlier versions left unmarked, so that its pages open with the runs; return what was mended.

    Raises:
        TrackingError: the store can't be used.
    """
    names = store.studies()
    if not names:
        return ()
    with tracking_errors(store), lock(store):
        opened = open_store(store)
        for name in names:
            found = opened.client.get_experiment_by_name(name)
            # Whoever deleted one does not want to see it.
            if found is not None and found.lifecycle_stage != DELETED:
                _mark(opened.client, found)
    return opened.notes


def _mark(client: Any, experiment: Any) -> None:
    for name, value in KIND.items():
        if experiment.tags.get(name) != value:
            client.set_experiment_tag(experiment.experiment_id, name, value)
