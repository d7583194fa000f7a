"""A study as a run leaves it for the tracking store, and what MLflow's own client finds there afterwards."""

import sqlite3
from pathlib import Path
from typing import Any

from orchestrator.analysis.collect import collect
from orchestrator.store.folder import Store
from orchestrator.tracking import tracking_uri

CHILD = "mlflow.parentRunId"
DEAD_SERVER = "http://127.0.0.1:9"


def study_of(results: Any) -> dict[str, Any]:
    """Write the study and its tables, as a run does before it syncs."""
    results.write()
    collect(Store.look(results.root), results.phase)
    return Store.look(results.root).study(results.phase)


class Seen:
    """What MLflow's own client finds in the store."""

    def __init__(self, store: Store, phase: str = "phase1") -> None:
        from mlflow import MlflowClient

        self.client: Any = MlflowClient(tracking_uri(store))
        experiment = self.client.get_experiment_by_name(phase)
        self.runs = [] if experiment is None else list(self.client.search_runs([experiment.experiment_id]))
        self.parents = {run.info.run_name: run for run in self.runs if CHILD not in run.data.tags}
        self.children = {run.info.run_name: run for run in self.runs if CHILD in run.data.tags}

    def history(self, run: Any, metric: str) -> list[tuple[int, float]]:
        found = self.client.get_metric_history(run.info.run_id, metric)
        return sorted((point.step, point.value) for point in found)

    def artifacts(self, run: Any, folder: str) -> set[str]:
        return {Path(found.path).name for found in self.client.list_artifacts(run.info.run_id, folder)}


def metric_rows(store: Store) -> int:
    """All values in the store, counted in the database itself."""
    with sqlite3.connect(store.root / "mlflow.db") as database:
        (count,) = database.execute("select count(*) from metrics").fetchone()
    database.close()
    return int(count)
