"""MLflow's client for an address, with this program's settings and without the words of MLflow's loggers."""

import logging
import os
import warnings
from typing import Any

from orchestrator.tracking.address import SQLITE

SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    # Nobody but the user's own server hears of a run.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# A connection that stays open would go on writing to a file in whose place there is another one by now.
SQLITE_SETTINGS = {"MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool"}


def client_of(uri: str) -> Any:
    """Return MLflow's client for the store at `uri`; what the user has set in the environment holds."""
    for name, value in (SETTINGS | (SQLITE_SETTINGS if uri.startswith(SQLITE) else {})).items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        # Importing MLflow sets its loggers up; what they would say of a new database is nobody's concern.
        for name in ("alembic", "mlflow", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return MlflowClient(uri)
