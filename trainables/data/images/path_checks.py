"""Checks of a path before it is opened: a regular file inside the data folder, or the reason why it is left.

Nothing is read here. A pipe would wait for ever, a device never ends, and a link may lead anywhere; so only
regular files whose place, links followed, is below the root are handed on to be read, or regular files alone
where the user wants links to be followed.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from trainables.data.dataset.layouts import IMAGE_SUFFIXES
from trainables.errors import InputError
from trainables.files import FileStamp, file_stamp

LEAVES = "a link that leaves the data folder"
WAY_TO_FOLLOW = "follow it with --follow-links (data commands; --set follow_links=true for plan and run)"


def examine(root: Path, paths: Iterable[str], *, follow_links: bool = False) -> dict[str, FileStamp | str]:
    """Tell of each path below `root` what the file is known again by, or why it can't be an image.

    With `follow_links`, links may lead out of the root.
    """
    # Everything is below the root of the file system.
    real_root = Path(root.absolute().anchor) if follow_links else root.resolve()
    folders: dict[Path, str] = {}
    found: dict[str, FileStamp | str] = {}
    for path in paths:
        if "\0" in path:
            found[path] = "its name is none that a file can have"
            continue
        file = root / path
        if file.parent not in folders:
            folders[file.parent] = _leaves(file.parent, real_root)
        found[path] = _examine(file, path, real_root, folders[file.parent])
    return found


def printable(path: str) -> str:
    """Return the path as it can be written to a table: bytes that are not UTF-8 are spelled out."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def resolved(path: Path) -> Path:
    """Return the place that a path of the user's leads to, links followed.

    Raises:
        InputError: a link leads round in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        # Before Python 3.13 a circle is a RuntimeError.
        raise InputError(
            f"{path} leads round in a circle; remove the link, or name another folder"
        ) from error


def _examine(file: Path, path: str, real_root: Path, folder_problem: str) -> FileStamp | str:
    if printable(path) != path:
        return "its name is not UTF-8"
    if folder_problem:
        return folder_problem
    is_link = os.path.islink(file)
    if is_link and (problem := _leaves(file, real_root)):
        return problem
    try:
        status = file.stat()
    except OSError as error:
        return "no such file" if isinstance(error, FileNotFoundError) else f"can't be read ({error.strerror})"
    if stat.S_ISDIR(status.st_mode):
        return "a link to a folder, which is not followed" if is_link else "a folder"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if file.suffix.lower() not in IMAGE_SUFFIXES:
        return f"not an image file ({file.suffix or 'no suffix'})"
    return file_stamp(status)


def _leaves(file: Path, real_root: Path) -> str:
    """Say why `file`, links followed, is not below the root; nothing when it is."""
    try:
        inside = resolved(file).is_relative_to(real_root)
    except InputError:
        return "a link that leads round in a circle"
    if inside:
        return ""
    if not os.path.lexists(file):
        return "no such file"
    return f"{LEAVES}; {WAY_TO_FOLLOW}, or put a copy in its place (cp -rL copies what links lead to)"
