"""Address of the tracking store, the command that serves its pages, its lock, and its errors as one error."""

import os
import sys
from types import TracebackType

from filelock import FileLock

from orchestrator.store.folder import Store

LOCK_TIMEOUT_S = 120.0


class TrackingError(RuntimeError):
    """The tracking store can't be reached or refuses what it is told."""


def tracking_uri(store: Store) -> str:
    """Return where runs are tracked: MLFLOW_TRACKING_URI, else SQLite in results/."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.tracking_database}"


def lock(store: Store) -> FileLock:
    """Return the lock that whoever writes to the tracking store holds meanwhile."""
    return FileLock(store.cached("mlflow.lock"), timeout=LOCK_TIMEOUT_S)


def serve(store: Store, *, host: str, port: int) -> list[str]:
    """Return the command that serves MLflow's pages for this store, in one process.

    Of several, MLflow's supervisor ends those that take more than 5 s to start, as on a busy machine.
    """
    uri = tracking_uri(store)
    return [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        uri,
        "--host",
        host,
        f"--port={port}",
        "--workers=1",
    ]


class tracking_errors:
    """Turn whatever MLflow and its transports raise into TrackingError."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, TrackingError):
            text = " ".join(str(error).split())[:300] or type(error).__name__
            raise TrackingError(text) from error
