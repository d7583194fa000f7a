"""MLflow's SQLite file, seen to before MLflow opens it: made in one step, checked, upgraded, moved aside.

MLflow makes and upgrades a file in place, and tries a damaged one for minutes. Here a new file and an
upgraded one take their place whole, by a rename, so that a process that is killed leaves what was there
before; what an upgrade or a fresh start replaces is kept beside it. Whoever calls holds the lock of the
tracking store.
"""

import contextlib
import importlib.util
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from orchestrator.tracking.address import SQLITE
from orchestrator.tracking.client import client_of
from trainables.files import replace_file

BUSY_TIMEOUT_S = 20.0
UPGRADE_TIMEOUT_S = 600.0
# Stands for the revision of tables of which the first makers were killed before they wrote it down.
UNNUMBERED = "none"
# Tables that every numbered revision has.
NEEDED = {"experiments", "runs", "metrics", "params", "tags"}
# What SQLite keeps of an unfinished change beside its file: it belongs to that file alone.
BESIDE = ("-journal", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions of MLflow's tables that the MLflow which is installed knows."""

    head: str
    known: frozenset[str]
    version: str

    @classmethod
    def installed(cls) -> "Revisions":
        """Read them from MLflow's migrations."""
        from alembic.script import ScriptDirectory

        found = importlib.util.find_spec("mlflow")
        assert found is not None and found.origin is not None, "MLflow is installed with the program"
        scripts = ScriptDirectory(str(Path(found.origin).parent / "store" / "db_migrations"))
        known = frozenset(each.revision for each in scripts.walk_revisions())
        return cls(str(scripts.get_current_head()), known, version("mlflow"))


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing file; what the block changes is kept when it ends without an error.

    Raises:
        sqlite3.DatabaseError: it is no file; of a pipe SQLite would wait until somebody writes.
    """
    if not path.is_file():
        raise sqlite3.DatabaseError("file is not a database")
    database = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)
    with contextlib.closing(database), database:
        yield database


def revision_of(path: Path) -> str | None:
    """Return the revision of a file's tables, having checked each page of it; None where it has no tables.

    Raises:
        sqlite3.DatabaseError: it is damaged, locked, or can't be read.
    """
    with opened(path) as database:
        (said,) = database.execute("pragma quick_check(1)").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(f"database disk image is malformed: {' '.join(str(said).split())}")
        tables = _tables(database)
        if not tables:
            return None
        if "alembic_version" not in tables:
            return UNNUMBERED
        row = database.execute("select version_num from alembic_version").fetchone()
        if row is not None and (lacking := sorted(NEEDED - tables)):
            raise sqlite3.DatabaseError(f"database disk image is malformed: no such table: {lacking[0]}")
        return UNNUMBERED if row is None else str(row[0])


def has_tables(path: Path) -> bool:
    """Tell whether a file has any table: one that was emptied has none.

    Raises:
        sqlite3.DatabaseError: it is damaged, locked, or can't be read.
    """
    with opened(path) as database:
        return bool(_tables(database))


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def shows(path: Path, experiment: str) -> bool:
    """Tell whether a file has an experiment of this name that nobody deleted."""
    query = "select count(*) from experiments where name = ? and lifecycle_stage = 'active'"
    try:
        with opened(path) as database:
            return bool(database.execute(query, (experiment,)).fetchone()[0])
    except sqlite3.Error:
        return False


def make(path: Path) -> None:
    """Make a new file with MLflow's tables."""
    with replace_file(path) as partial, warnings.catch_warnings():
        # MLflow's migrations use what its own dependencies call deprecated.
        warnings.simplefilter("ignore")
        client_of(f"{SQLITE}{partial}").search_experiments(max_results=1)


def upgrade(path: Path, *, revision: str) -> Path | None:
    """Bring a file's tables up to date; return the copy of how it was, None where MLflow could not do it."""
    copy = beside(path, f"before-{revision}")
    with contextlib.suppress(subprocess.SubprocessError), replace_file(path) as partial:
        _copy(path, partial)
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", f"{SQLITE}{partial}"]
        subprocess.run(command, check=True, capture_output=True, timeout=UPGRADE_TIMEOUT_S)
        _copy(path, copy)
        return copy
    return None


def move_aside(path: Path) -> Path:
    """Rename a file, and what SQLite keeps beside it, so that a new one can take its place."""
    aside = beside(path, "damaged")
    for end in ("", *BESIDE):
        old = path.with_name(path.name + end)
        if os.path.lexists(old):
            old.rename(aside.with_name(aside.name + end))
    return aside


def beside(path: Path, word: str) -> Path:
    """Name a file beside another one, under which there is none yet."""
    number, found = 1, path.with_name(f"{path.name}.{word}")
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}.{word}-{number}")
    return found


def _copy(path: Path, to: Path) -> None:
    """Copy a file with what SQLite keeps beside it, at one moment."""
    with opened(path) as database, contextlib.closing(sqlite3.connect(to)) as copy:
        database.backup(copy)
