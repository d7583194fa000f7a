"""Files of a copy as they were when they were last the same here and there: what is new on which side.

One SQLite file beside the copy, on this machine's disk; any number of processes may use it at once.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.store.remote.remote_folder import Stamp
from trainables.files import file_sha256

# Object stores tell seconds: what was written in the second of a look may be written again within it.
RACY_NS = 2_000_000_000
# Larger files are written once, and known by size and time alone.
HASHED_BYTES = 8 * 2**20
BUSY_S = 60.0


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file that was the same on both sides.

    Remote it had `stamp` at the time `looked_ns`; here it had `size` and `changed_ns`, and the content hash
    `sha256` ("" where it is large).
    """

    name: str
    stamp: Stamp
    looked_ns: int
    size: int
    changed_ns: int
    sha256: str

    @classmethod
    def of(cls, name: str, path: Path, stamp: Stamp, looked_ns: int) -> "SeenFile":
        """Describe a file here that is the same as the remote one was at the time `looked_ns`."""
        status = path.stat()
        digest = file_sha256(path) if status.st_size <= HASHED_BYTES else ""
        return cls(name, stamp, looked_ns, status.st_size, status.st_mtime_ns, digest)

    def is_as_before(self, path: Path) -> bool:
        """Tell whether the file here has not changed since."""
        try:
            status = path.stat()
        except OSError:
            return False
        if (status.st_size, status.st_mtime_ns) == (self.size, self.changed_ns):
            return True
        return bool(self.sha256) and status.st_size == self.size and file_sha256(path) == self.sha256

    def is_remote_as_before(self, stamp: Stamp) -> bool:
        """Tell whether the remote file has surely not changed since."""
        is_racy = self.stamp.written_ns % 1_000_000_000 == 0 and self.size <= HASHED_BYTES
        settled = not is_racy or self.looked_ns - self.stamp.written_ns > RACY_NS
        return settled and stamp == self.stamp


@dataclass(frozen=True, slots=True)
class SeenFiles:
    """The records of one copy, in the SQLite file `path`."""

    path: Path

    def all(self) -> dict[str, SeenFile]:
        """Return all that were seen, by name."""
        with self._open() as database:
            rows = database.execute("SELECT name, stamp, written, looked, size, changed, sha256 FROM seen")
            return {name: SeenFile(name, Stamp(size, written), *rest) for name, size, written, *rest in rows}

    def note(self, files: Iterable[SeenFile]) -> None:
        """Keep records, in place of earlier ones of the same names."""
        rows = [
            (
                each.name,
                each.stamp.size,
                each.stamp.written_ns,
                each.looked_ns,
                each.size,
                each.changed_ns,
                each.sha256,
            )
            for each in files
        ]
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def forget(self, names: Collection[str]) -> None:
        """Drop records."""
        with self._open() as database:
            database.executemany("DELETE FROM seen WHERE name = ?", [(name,) for name in names])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, stamp INTEGER, written INTEGER, "
                "looked INTEGER, size INTEGER, changed INTEGER, sha256 TEXT)"
            )
            yield database
