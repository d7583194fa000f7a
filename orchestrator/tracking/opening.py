"""Opening of the tracking store: what can be mended is mended first, and what can't is named.

The SQLite file of the results is upgraded after a copy, and one that can't be read is moved aside and made
anew where that was asked for, since results/ have all that it shows. A store that the user named is only
looked at.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator.store.folder import Store
from orchestrator.tracking.address import SQLITE, database_file, own_database, tracking_uri
from orchestrator.tracking.artifact_places import follow_results
from orchestrator.tracking.client import client_of
from orchestrator.tracking.database import (
    UNNUMBERED,
    Revisions,
    has_tables,
    make,
    move_aside,
    revision_of,
    upgrade,
)
from orchestrator.tracking.faults import SYNC, TrackingError, newer, not_upgraded, older, tracking_errors

# MLflow's own switch, for those who do mean a folder.
ALLOWED = "MLFLOW_ALLOW_FILE_STORE"


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """MLflow's client for a store, and what was mended on the way to it, in sentences."""

    client: Any
    notes: tuple[str, ...] = ()
    # The store is empty now, whatever was in it.
    is_new: bool = False


def open_store(store: Store, *, mends: bool = False) -> OpenedStore:
    """Open the tracking store of results; whoever calls holds its lock.

    Args:
        store: the results.
        mends: whether a database of theirs that can't be used is moved aside, and a new one made.

    Raises:
        TrackingError: it can't be used as it is.
    """
    uri, path = tracking_uri(store), database_file(tracking_uri(store))
    _refuse_folder(uri, store)
    if path is None:
        return OpenedStore(client_of(uri))
    is_own, is_new = path == own_database(store), False
    try:
        notes = _up_to_date(path, store, is_own=is_own)
    except TrackingError as error:
        if not (mends and error.can_be_made_anew):
            raise
        is_new, aside = True, move_aside(path)
        notes = (f"{error.problem}: it is {aside} now, and a new one holds what the results say",)
    with tracking_errors(store):
        was_emptied = is_own and path.exists() and not has_tables(path)
    if was_emptied:
        is_new, aside = True, move_aside(path)
        notes = (f"MLflow's database {path} was empty: it is {aside} now, and a new one is made",)
    if is_own and not path.exists():
        make(path)
    if path.exists():
        with tracking_errors(store):
            notes += follow_results(path, store, is_own=is_own)
    return OpenedStore(client_of(uri), notes, is_new)


def _refuse_folder(uri: str, store: Store) -> None:
    """Raise TrackingError where MLFLOW_TRACKING_URI names a folder, where MLflow keeps no runs any more."""
    is_folder = uri.startswith("file:") or ("://" not in uri and not uri.startswith("databricks"))
    if not is_folder or os.environ.get(ALLOWED, "").lower() in ("true", "1"):
        return
    folder = Path(unquote(urlsplit(uri).path)).absolute()
    raise TrackingError(
        f"MLFLOW_TRACKING_URI is {uri}, a folder, where MLflow keeps no runs any more",
        f"nothing is lost: `export MLFLOW_TRACKING_URI={SQLITE}{folder / 'mlflow.db'}`, or "
        f"`unset MLFLOW_TRACKING_URI` for {store.tracking_database}, then {SYNC}",
    )


def _up_to_date(path: Path, store: Store, *, is_own: bool) -> tuple[str, ...]:
    """Let an existing SQLite file have the tables that this MLflow needs; return what was done to it.

    Raises:
        TrackingError: it is damaged, locked, of a newer MLflow, or of an older one and not ours to change.
    """
    if not path.exists():
        return ()
    with tracking_errors(store):
        found, installed = revision_of(path), Revisions.installed()
    if found in (None, installed.head):
        return ()
    if found not in (*installed.known, UNNUMBERED):
        raise newer(path, found=found, known=installed.head, version=installed.version)
    if not is_own:
        raise older(path, found=found, needed=installed.head)
    with tracking_errors(store):
        copy = upgrade(path, revision=found)
    if copy is None:
        raise not_upgraded(path, found=found)
    return (f"MLflow's {path} was made by an older MLflow: it is upgraded, and {copy} is how it was",)
