"""Pictures are drawn once: the next page takes those whose arguments have not changed.

Drawing is most of the time that a page takes, and one new trial changes few of its figures. Within `keeping`,
a function marked `kept` looks for a picture of the same arguments before it draws one. A picture is one file
`<key>.figure`: a line with the hash of what follows and the length of the SVG, then the SVG, then the PNG.
The key is a hash of the arguments, of the code that draws, and of the libraries' versions. A picture that the
page does not show any more is removed, and nothing else. A page never hangs on this: what can't be read is
drawn, and what can't be written is drawn again next time.
"""

import contextlib
import functools
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
import pandas as pd

from orchestrator.report.drawing.picture import Picture
from trainables import memo
from trainables.files import read_file, replace_file
from trainables.removal import keep_only

SUFFIX = ".figure"
PARTIAL = f".*{SUFFIX}.*.partial"
# Whoever writes a picture is done in less, on any disk.
WRITING_S = 3600.0
LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow")

P = ParamSpec("P")


@dataclass(slots=True)
class _Album:
    folder: Path
    shown: set[str] = field(default_factory=set)


_ALBUM: ContextVar[_Album | None] = ContextVar("album", default=None)


@contextmanager
def keeping(folder: Path, *, below: Path) -> Iterator[None]:
    """Keep the pictures that are drawn in this block in `folder`, and at its end no other picture.

    `below` is the results folder.
    """
    album = _Album(folder)
    token = _ALBUM.set(album)
    try:
        yield
    finally:
        _ALBUM.reset(token)
    with contextlib.suppress(OSError):
        # That it was used is seen where nothing was drawn too.
        os.utime(folder)
        stays = album.shown | _under_way(folder)
        keep_only(folder, stays, patterns=(f"*{SUFFIX}", PARTIAL), below=below)


def kept(draw: Callable[P, Picture]) -> Callable[P, Picture]:
    """Mark a function that draws from frames, arrays, texts, numbers, and lists or dicts of them."""

    @functools.wraps(draw)
    def look_or_draw(*args: P.args, **kwargs: P.kwargs) -> Picture:
        album = _ALBUM.get()
        if album is None:
            return draw(*args, **kwargs)
        name = _key(draw, args, kwargs) + SUFFIX
        album.shown.add(name)
        found = _read(album.folder / name)
        if found is None:
            found = draw(*args, **kwargs)
            _write(album.folder / name, found)
        return found

    return look_or_draw


def _under_way(folder: Path) -> set[str]:
    """Name the partial files that another process may be writing, which draws the same page."""
    found = set()
    for path in folder.glob(PARTIAL):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime <= WRITING_S:
                found.add(path.name)
    return found


def _read(path: Path) -> Picture | None:
    """Read a picture; None where it is not there, or not as it was written."""
    try:
        head, body = read_file(path).split(b"\n", 1)
        digest, length = head.decode("ascii").split(" ")
        if hashlib.sha256(body).hexdigest() != digest:
            return None
        return Picture(body[: int(length)].decode("utf-8"), body[int(length) :])
    except (OSError, ValueError):
        return None


def _write(path: Path, picture: Picture) -> None:
    svg = picture.svg.encode("utf-8")
    body = svg + picture.png
    head = f"{hashlib.sha256(body).hexdigest()} {len(svg)}\n".encode("ascii")
    with contextlib.suppress(OSError), replace_file(path) as partial:
        partial.write_bytes(head + body)


def _key(draw: Callable[..., Picture], args: tuple[Any, ...], kwargs: Mapping[str, object]) -> str:
    code = memo.key(draw.__qualname__, code=draw.__module__, libraries=LIBRARIES)
    digest = hashlib.sha256()
    for part in _parts((code, args, dict(sorted(kwargs.items())))):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def _parts(value: Any) -> Iterator[bytes]:
    """Yield what tells a value from every other, with lengths where one could run into the next.

    Raises:
        TypeError: it is, or holds, something whose text may not tell all of it.
    """
    if isinstance(value, pd.DataFrame):
        yield f"frame {value.shape}".encode()
        # Whole numbers are only where the rows stood in a longer table.
        if value.index.dtype.kind not in "iu":
            yield from _parts([value.index.name, value.index.to_numpy()])
        yield from _parts([value.columns.name, value.columns.to_numpy()])
        for place in range(value.shape[1]):
            yield str(value.dtypes.iloc[place]).encode()
            yield from _parts(value.iloc[:, place].to_numpy())
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        yield f"array {value.dtype.str} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        yield f"objects {value.shape}".encode()
        yield from _parts(value.ravel().tolist())
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        yield from _parts(list(value.items()))
    elif isinstance(value, list | tuple):
        yield f"list {len(value)}".encode()
        for each in value:
            yield from _parts(each)
    elif value is None or value is pd.NA or isinstance(value, str | int | float | np.number | np.bool_):
        yield f"{type(value).__name__} {value!r}".encode()
    else:
        raise TypeError(f"a figure can't be drawn from {type(value).__name__}: it would not be known again")
