"""Faults of the disk that holds results, told from an exception: full, closed to us, or broken.

No trial and no part of the program is to blame for them, and the same command goes on once they are mended.
Some libraries have exceptions of their own for what the system says, with its words in them.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from trainables.files import DISK_IS_FULL, free_bytes

CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
BROKEN = (errno.EIO, errno.ESTALE, errno.ENOTCONN)


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
