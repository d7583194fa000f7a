"""Deletion inside a folder of the program's own: the one way in which files below results/ go.

A path is walked from the folder that it has to lie below, name by name, and no link is followed: what lies
behind one may be of another study, or none of ours. It is left, like the link itself. Folders are held open
meanwhile, so that none can be exchanged for a link. Whoever tidies up names what it wrote by patterns, and
what of it stays.
"""

import contextlib
import errno
import fnmatch
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
# What opening gives where a name is not there, is no folder, or is a link.
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def remove_file(path: Path, *, below: Path) -> bool:
    """Remove a file; return whether there was one.

    Raises:
        ValueError: the path does not lead to something below `below`.
        OSError: it can't be removed.
    """
    *above, name = _names(path, below)
    with _opened(below, above) as folder:
        return folder is not None and _unlinked(name, folder)


def remove_folder(path: Path, *, below: Path) -> bool:
    """Remove a folder and all that is in it; return whether there was one. Errors as `remove_file` has."""
    *above, name = _names(path, below)
    with _opened(below, above) as folder:
        if folder is None or not stat.S_ISDIR(_mode(name, folder)):
            return False
        shutil.rmtree(name, dir_fd=folder)
        return True


def keep_only(folder: Path, kept: Collection[str], *, patterns: Collection[str], below: Path) -> None:
    """Remove the files directly in `folder` whose names match one of `patterns` and are not among `kept`.

    Errors as `remove_file` has; `folder` may be `below` itself.
    """
    with _opened(below, _names(folder, below) if folder != below else ()) as opened:
        if opened is None:
            return
        for name in sorted(os.listdir(opened)):
            if name not in kept and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                _unlinked(name, opened)


def _names(path: Path, below: Path) -> tuple[str, ...]:
    """Return the names that lead from `below` to `path`, at least one."""
    names = path.absolute().relative_to(below.absolute()).parts
    if not names or ".." in names:
        raise ValueError(f"{str(path)!r} is not below {str(below)!r}")
    return names


@contextlib.contextmanager
def _opened(below: Path, names: Collection[str]) -> Iterator[int | None]:
    """Open the folder that `names` lead to, links not followed; None where they lead to none."""
    with contextlib.ExitStack() as opened:
        try:
            folder = os.open(below, _FOLDER)
            opened.callback(os.close, folder)
            for name in names:
                folder = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                opened.callback(os.close, folder)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            folder = None
        yield folder


def _unlinked(name: str, folder: int) -> bool:
    if not stat.S_ISREG(_mode(name, folder)):
        return False
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        # Another process was faster.
        return False
    return True


def _mode(name: str, folder: int) -> int:
    """Return the kind of what is called so in a folder, links not followed; 0 where nothing is."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0
