"""Files as they are read and written: a reader sees the old content or the new, never a half.

Everything that another process may read while it is being written (records, tables, checkpoints)
goes through `replace_file`: written beside its target, then renamed over it, which POSIX and NTFS do
in one step. What can't be made again is on the disk before it takes its name.
"""

import contextlib
import errno
import functools
import hashlib
import json
import math
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from trainables.errors import InputError
from trainables.removal import remove_file

T = TypeVar("T")

# What the system says of a disk, or of somebody's part of it, that takes no more.
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)

# A JSON object as it was read or is about to be written, of whose values no model has said anything (yet).
JsonObject = dict[str, Any]
# What tells a file from what it was: size, when its content and when its entry were changed (ns), and its
# number on the disk. Programs set the first of the two times back, as cp -p does, but not the second.
FileStamp = tuple[int, int, int, int]


@contextmanager
def replace_file(path: Path, *, lasting: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it onto `path` when the block ends without an error.

    A `lasting` file is there after a power cut, whole, before anything that is written after it. The mode is
    that of any new file here (0644 with the usual umask), whatever the library that writes gives its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.touch()
        mode = stat.S_IMODE(partial.stat().st_mode)
        yield partial
        if stat.S_IMODE(partial.stat().st_mode) != mode:
            partial.chmod(mode)
        if lasting:
            _flush(partial)
        os.replace(partial, path)
        if lasting:
            # Not every file system can do it to a folder.
            with contextlib.suppress(OSError):
                _flush(path.parent)
    finally:
        remove_file(partial, below=path.parent)


def write_json(path: Path, content: Any) -> None:
    """Write a record: `content` as indented JSON with sorted keys, atomically, to last.

    Raises:
        ValueError: a number is NaN or infinite.
        InputError: a folder is in the way.
    """
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
    try:
        with replace_file(path, lasting=True) as partial:
            partial.write_text(text, encoding="utf-8")
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder, where a file belongs; move it away") from error


def without_infinities(values: Mapping[str, T]) -> dict[str, T | None]:
    """Return values as JSON knows them: a float that is not finite is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def write_text(path: Path, content: str) -> None:
    """Write `content` as UTF-8, atomically."""
    with replace_file(path) as partial:
        partial.write_text(content, encoding="utf-8")


def read_file(path: Path, *, most_bytes: int | None = None) -> bytes:
    """Read a regular file. A pipe in its place would wait for ever, and a device may never end.

    Raises:
        OSError: there is none, it can't be read, or it is larger than `most_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        _refuse_special(path, status)
        if most_bytes is not None and status.st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {most_bytes // 2**20} MiB", str(path))
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def read_text(path: Path, *, most_bytes: int | None = None) -> str:
    """Read a regular file of UTF-8 that a person wrote, with or without a byte order mark.

    Raises:
        OSError: as `read_file` has it.
        UnicodeDecodeError: it is no UTF-8.
    """
    return read_file(path, most_bytes=most_bytes).decode("utf-8-sig")


def read_json(path: Path) -> Any:
    """Parse the JSON file at `path`."""
    return json.loads(read_file(path))


def file_stamp(status: os.stat_result) -> FileStamp:
    """Return what tells a file from what it was."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file, which this process reads once for as long as it is the same.

    Raises:
        OSError: there is none, or it can't be read.
    """
    status = path.stat()
    _refuse_special(path, status)
    return _sha256(path, file_stamp(status))


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, stamp: FileStamp) -> str:
    return file_sha256(path)


def free_bytes(path: Path) -> int:
    """Return the free space of the disk on which `path` is, or would be made."""
    for place in (path.absolute(), *path.absolute().parents):
        if place.is_dir():
            return shutil.disk_usage(place).free
    return 0


def _refuse_special(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
