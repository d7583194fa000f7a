"""Address of the tracking store, the command that serves its pages, and the lock of those who write to it."""

import contextlib
import getpass
import hashlib
import os
import sys
from pathlib import Path

from filelock import FileLock

from orchestrator.store.file_systems import file_system, is_shared
from orchestrator.store.folder import Store
from trainables.outside_text import without_accounts

# Where SQLite goes when neither results/ nor the home of the user is on a disk of this machine.
LAST_PLACE = Path("/var/tmp")
LOCK_TIMEOUT_S = 120.0
SQLITE = "sqlite:///"


def tracking_uri(store: Store) -> str:
    """Return where runs are tracked: MLFLOW_TRACKING_URI, else SQLite (see `moved_database`)."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{own_database(store)}"


def without_secrets(text: str, uri: str) -> str:
    """Return a text that may name the address `uri` without the user, password and options in it."""
    if not uri.startswith(SQLITE):
        server, mark, options = uri.partition("?")
        # Its password may hold any letter, also those that end an address.
        account, at, _ = server.partition("://")[2].rpartition("@")
        for secret in filter(None, (f"{mark}{options}", f"{account}{at}")):
            text = text.replace(secret, "")
    return without_accounts(text)


def database_file(uri: str) -> Path | None:
    """Return the file of an address of SQLite; None for any other store."""
    name = uri.removeprefix(SQLITE).partition("?")[0]
    return Path(name).absolute() if uri.startswith(SQLITE) and name not in ("", ":memory:") else None


def own_database(store: Store) -> Path | None:
    """Return the SQLite file that belongs to these results alone; None where the user has named a store."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    return moved_database(store) or store.tracking_database


def moved_database(store: Store) -> Path | None:
    """Return the SQLite file on this machine, made a place for, of results that lie on a shared file system.

    None where the results are on a disk of this machine, and the file is theirs.
    """
    if not is_shared(file_system(store.root)):
        return None
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    above = state / "orchestrator"
    if is_shared(file_system(state)):
        above = LAST_PLACE / f"orchestrator-{getpass.getuser()}"
    folder = above / hashlib.sha256(os.fsencode(store.root.resolve())).hexdigest()[:12]
    # Where nothing can be written, MLflow says so when it is asked for something.
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder / store.tracking_database.name


def moved_sentence(store: Store) -> str:
    """Say where runs are tracked, where that is neither named nor in results/; empty elsewhere."""
    if os.environ.get("MLFLOW_TRACKING_URI") or (moved := moved_database(store)) is None:
        return ""
    kind = file_system(store.root)
    return f"MLflow's runs are in {moved}: {store.root} is on {kind}, where its database could be damaged"


def lock(store: Store) -> FileLock:
    """Return the lock that whoever writes to the tracking store holds meanwhile."""
    return FileLock(store.cached("mlflow.lock"), timeout=LOCK_TIMEOUT_S)


def serve(*, host: str, port: int) -> list[str]:
    """Return the command that serves MLflow's pages, in one process, of the store in `serve_settings`.

    Of several, MLflow's supervisor ends those that take more than 5 s to start, as on a busy machine.
    """
    return [sys.executable, "-m", "mlflow", "ui", "--host", host, f"--port={port}", "--workers=1"]


def serve_settings(store: Store) -> dict[str, str]:
    """Return the variables of the server's environment: the command line of a process can be read by all."""
    return {"MLFLOW_BACKEND_STORE_URI": tracking_uri(store)}
