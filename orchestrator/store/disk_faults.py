"""Faults of the disk that holds results, told from an exception: full, closed to us, or broken.

No trial and no part of the program is to blame for them, and the same command goes on once they are mended.
Some libraries have exceptions of their own for what the system says, with its words in them.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from trainables.files import DISK_IS_FULL, free_bytes
from trainables.outside_text import without_middle

CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
BROKEN = (errno.EIO, errno.ESTALE, errno.ENOTCONN)
# A name that no file can have, or a folder where a file belongs, or the other way round.
NO_PATH = (
    errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST
)  # fmt: skip


class ResultsBlockedError(Exception):
    """The disk of results keeps nothing more; the message is what `disk_fault` says of it."""


def disk_fault(error: BaseException, folder: Path) -> str | None:
    """Say what is wrong with the disk of `folder`, and what to do; None where it is something else.

    What can't be written counts only below the folder: other files that are closed to us are the input.
    """
    for each in _causes(error):
        if isinstance(each, ResultsBlockedError):
            return str(each)
        code = _code(each)
        place = Path(os.fsdecode(each.filename)) if isinstance(each, OSError) and each.filename else None
        if code in DISK_IS_FULL:
            where = folder if place is None else place.parent
            what = "full" if code == errno.ENOSPC else "at its quota"
            return (
                f"the disk of {where} is {what} ({free_bytes(where) / 2**20:.0f} MiB free); make room on it"
            )
        if code in CLOSED and (place is None or _is_below(place, folder)) and code is not None:
            return f"{place or folder} can't be written ({os.strerror(code)}); make it writable"
        if code in BROKEN and code is not None:
            return f"the disk of {place or folder} is broken or away ({os.strerror(code)}); look at it"
    return None


def path_fault(error: BaseException) -> str | None:
    """Say why the system can't use a path, which is the user's to mend; None where it is something else."""
    for each in _causes(error):
        if isinstance(each, OSError) and each.errno in NO_PATH and each.filename:
            # Of a rename, the place that was not taken.
            name = without_middle(os.fsdecode(each.filename2 or each.filename))
            return f"{name} can't be used ({os.strerror(each.errno)}); name another path, or mend this one"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> int | None:
    """The system's number of an error, also where a library hands on its words alone."""
    if isinstance(error, OSError):
        return error.errno
    text = str(error)
    return next((code for code in (*DISK_IS_FULL, errno.EROFS) if os.strerror(code) in text), None)


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))
