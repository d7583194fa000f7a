"""Faults of the tracking store, told apart by what MLflow, SQLite and HTTP raise, each with its way out.

That MLflow catches up later is said only of what passes by itself: a server that is away, a database that
somebody else is writing to. Whatever else is wrong stays wrong until the user does what its sentence says.
Nothing of it is worth more than a warning: results/ have all that MLflow shows.
"""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from filelock import Timeout

from orchestrator.store.folder import Store
from orchestrator.tracking.address import (
    LOCK_TIMEOUT_S,
    database_file,
    own_database,
    tracking_uri,
    without_secrets,
)
from orchestrator.tracking.database import Revisions

# Stands in a way out for the command that brings MLflow up to date, which names the phase.
SYNC = "{sync}"
LATER = f"nothing is lost, {SYNC} catches up later"
ANEW = f"nothing is lost: {SYNC} moves it aside and makes it anew from the results"
MAX_LETTERS = 300
# What MLflow adds to what a database says.
STATEMENT = " [SQL:"

BUSY = re.compile(r"database (table )?is locked")
DAMAGED = re.compile(r"file is not a database|database disk image is malformed|malformed database schema")
UNWRITABLE = re.compile(
    r"readonly database|unable to open database file|database or disk is full|disk I/O error|No space left"
    r"|Read-only file system|Permission denied|Disk quota exceeded"
)
# What MLflow says of tables of another revision; of an SQLite file it is found out before.
OUTDATED = re.compile(r"out-of-date database schema \(found version (\w+), but expected \w+")
STATUS = re.compile(r"failed with error code (\d{3})\b")
AWAY = re.compile(
    r"Max retries exceeded|Connection (refused|reset|aborted|timed out)|could not connect|Can't connect"
    r"|[Tt]imed out|Name or service not known|connection failed|server closed the connection"
)
# The text of an error of HTTP that names its cause after half a page of addresses.
CAUSE = re.compile(
    r"\[Errno -?\d+\] ([^'\")]+)|(timed out|Name or service not known|too many \d{3} error responses)"
)


class TrackingError(RuntimeError):
    """MLflow can't be used: `problem` says why, `way_out` what becomes of it, with SYNC for the command.

    What `can_be_made_anew` is a database of these results alone, which they can fill again.
    """

    def __init__(self, problem: str, way_out: str = LATER, *, can_be_made_anew: bool = False) -> None:
        super().__init__(problem)
        self.problem, self.way_out, self.can_be_made_anew = problem, way_out, can_be_made_anew

    def sentence(self, phase: str) -> str:
        """Say what is wrong and what to do, for a phase."""
        command = f"`python -m orchestrator collect {phase} --sync`"
        return f"{self.problem}; {self.way_out.replace(SYNC, command)}"


class tracking_errors:
    """Turn whatever MLflow, its databases and its transports raise into the TrackingError that it means."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, TrackingError):
            raise told_apart(error, self._store) from error


def told_apart(error: Exception, store: Store) -> TrackingError:
    """Return what an exception from below means for this store, and the way out of it."""
    uri = tracking_uri(store)
    name, path = without_secrets(uri, uri), database_file(uri)
    said = " ".join(str(error).split()).partition(STATEMENT)[0]
    text = without_secrets(said, uri) or type(error).__name__
    if isinstance(error, Timeout):
        return TrackingError(
            f"another command writes to MLflow's {name} for more than {LOCK_TIMEOUT_S:.0f} s"
        )
    if path is None and (status := _status(error, text)) is not None:
        return _answered(status, name, text)
    if BUSY.search(text):
        return TrackingError(f"another program keeps MLflow's {name} locked")
    if path is not None and (DAMAGED.search(text) or _is_damage(error)):
        return damaged(path, text, is_own=path == own_database(store))
    if (outdated := OUTDATED.search(text)) is not None:
        found, installed = outdated.group(1), Revisions.installed()
        if found not in installed.known:
            return newer(name, found=found, known=installed.head, version=installed.version)
        return older(name, found=found, needed=installed.head)
    if UNWRITABLE.search(text):
        return TrackingError(
            f"MLflow's store at {name} can't be written ({text[:MAX_LETTERS]})",
            f"nothing is lost: make room there, or make it writable, then {SYNC}",
        )
    if AWAY.search(text):
        return TrackingError(f"MLflow at {name} can't be reached now ({_cause(text)})")
    return TrackingError(
        f"MLflow at {name} can't be used ({text[:MAX_LETTERS]})", f"nothing is lost: mend that, then {SYNC}"
    )


def damaged(path: Path, reason: str, *, is_own: bool) -> TrackingError:
    """Return the fault of an SQLite file that can't be read."""
    problem = f"MLflow's database {path} is damaged ({reason[:MAX_LETTERS]})"
    if is_own:
        return TrackingError(problem, ANEW, can_be_made_anew=True)
    return TrackingError(problem, f"nothing is lost: move it away, or put a copy in its place, then {SYNC}")


def not_upgraded(path: Path, *, found: str) -> TrackingError:
    """Return the fault of a database of these results in which MLflow's own upgrade fails."""
    return TrackingError(
        f"MLflow's database {path} seems to be of an older MLflow (revision {found}), and can't be upgraded",
        ANEW,
        can_be_made_anew=True,
    )


def newer(where: object, *, found: str, known: str, version: str) -> TrackingError:
    """Return the fault of a database that a later MLflow has written."""
    return TrackingError(
        f"MLflow's database {where} was written by a newer MLflow than the one here ({version}): it has "
        f"revision {found}, this one knows up to {known}",
        f"nothing is lost: `python -m pip install --upgrade mlflow`, then {SYNC}",
    )


def older(where: object, *, found: str, needed: str) -> TrackingError:
    """Return the fault of a database of an earlier MLflow that is not ours to change."""
    return TrackingError(
        f"the database {where} that MLFLOW_TRACKING_URI names was made by an older MLflow (revision {found}; "
        f"this one needs {needed})",
        f'nothing is lost: copy it, then `python -m mlflow db upgrade "$MLFLOW_TRACKING_URI"` and {SYNC}',
    )


def _status(error: Exception, text: str) -> int | None:
    """Return the status with which a server answered; None where none did."""
    if (found := STATUS.search(text)) is not None:
        return int(found.group(1))
    if type(error).__name__ == "RestException":
        return int(error.get_http_status_code())  # type: ignore[attr-defined]
    return None


def _answered(status: int, name: str, text: str) -> TrackingError:
    """Return the fault of a server that is there and says no."""
    if status >= 500 or status in (408, 425, 429):
        return TrackingError(f"MLflow at {name} can't answer now (status {status})")
    if status in (401, 403):
        return TrackingError(
            f"MLflow at {name} lets nobody in from here (status {status})",
            "nothing is lost: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or "
            f"MLFLOW_TRACKING_TOKEN, or start the server with --allowed-hosts for this name, then {SYNC}",
        )
    return TrackingError(
        f"what answers at {name} does not do what MLflow is asked (status {status}: {text[:MAX_LETTERS]})",
        f"nothing is lost: name MLflow's own address in MLFLOW_TRACKING_URI, then {SYNC}",
    )


def _is_damage(error: BaseException) -> bool:
    """Tell whether SQLite itself called a file damaged, in whatever MLflow has wrapped it."""
    return any(
        isinstance(each, sqlite3.DatabaseError)
        and getattr(each, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        for each in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cause(text: str) -> str:
    found = CAUSE.search(text)
    return next(filter(None, found.groups())).strip() if found else text[:MAX_LETTERS]
