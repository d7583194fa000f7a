"""The folder of one local Ray's session and of Tune's records, held as long as they are needed.

Ray's default is one folder for all users of a machine, which the first of them owns, and in which what dead
runs leave stays. Here each run holds a numbered folder in `ray-<uid>`, below RAY_TMPDIR, TMPDIR or /tmp: the
first of them that can be used. A lock says whether it is held, since the number of a process says nothing
about other containers on the same disk. What a dead run left goes when the next one begins; its logs stay
until then.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from trainables.errors import InputError
from trainables.removal import remove_folder

# Of a Unix socket, and what is appended to the folder of all runs for its longest one.
MAX_SOCKET_BYTES = 107
SOCKET_BYTES = len("/99/session_2026-01-01_00-00-00_000000_9999999/sockets/plasma_store_1")
NAMED = "RAY_TMPDIR"
LOCK = ".lock"


@contextlib.contextmanager
def session_place() -> Iterator[Path]:
    """Hold an empty folder; what dead runs left beside it is gone.

    Raises:
        InputError: RAY_TMPDIR is too long, or it and no other can be written.
    """
    folder = _folder_of_user()
    with _held(folder) as place:
        yield place


def _folder_of_user() -> Path:
    named = os.environ.get(NAMED, "").strip()
    problems = []
    for candidate in filter(None, [named] if named else [os.environ.get("TMPDIR", ""), "/tmp"]):
        folder = Path(candidate).absolute() / f"ray-{os.getuid()}"
        problem = _why_not(folder)
        if not problem:
            return folder
        problems.append(problem)
    raise InputError(f"Ray has no folder for its sessions: {'; '.join(problems)}, or give --address none")


def _why_not(folder: Path) -> str:
    """Say why a folder can't be used, and what to do; empty where it can, and then it is there."""
    longest = MAX_SOCKET_BYTES - SOCKET_BYTES - len(os.fsencode(folder.name)) - 1
    above = folder.parent
    if (length := len(os.fsencode(above))) > longest:
        return f"{above} is too long for sockets ({length} bytes, at most {longest}); name another by {NAMED}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return f"{folder} belongs to somebody else; name another folder by {NAMED}"
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"{folder} can't be written ({error.strerror}); name another folder by {NAMED}"
    return ""


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """Hold the first number that nobody holds, and clear all of those."""
    numbers = sorted(int(path.stem) for path in folder.glob(f"*{LOCK}") if path.stem.isdecimal())
    free = [lock for number in numbers if _is_taken(lock := _lock(folder, number))]
    if not free:
        free = [_lock(folder, max(numbers, default=-1) + 1)]
        free[0].acquire()
    for lock in free:
        # What still dies may write into it meanwhile.
        with contextlib.suppress(OSError):
            remove_folder(_place_of(lock), below=folder)
    mine, *others = free
    for lock in others:
        lock.release()
    place = _place_of(mine)
    place.mkdir(mode=0o700, exist_ok=True)
    try:
        yield place
    finally:
        mine.release()


def _lock(folder: Path, number: int) -> FileLock:
    return FileLock(folder / f"{number}{LOCK}", timeout=0)


def _place_of(lock: FileLock) -> Path:
    """Return the folder that a lock is for."""
    return Path(lock.lock_file).with_suffix("")


def _is_taken(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except (Timeout, OSError):
        return False
    return True
