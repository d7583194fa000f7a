"""Real MLflow on real SQLite, without the machine's own settings."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.folder import Store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with nothing in it: making one takes seconds, copying it does not."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        _environment(patch)
        patch.setenv("HOME", str(path.parent))
        with warnings.catch_warnings():
            # MLflow's imports and migrations use what its own dependencies call deprecated.
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient

            MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def _environment(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's MLflow settings, and no home to write to."""
    _environment(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(results: Any, empty_database: Path) -> Store:
    shutil.copy(empty_database, results.root / "mlflow.db")
    return Store.look(results.root)
