"""Pictures are drawn once: the next page takes those whose arguments have not changed.

Drawing is most of the time that a page takes, and one new trial changes few of its figures. Within `keeping`,
a function marked `kept` looks for a picture of the same arguments before it draws one. A picture is kept by a
hash of the arguments, the code of this folder and the libraries' versions; what the page does not show any
more is removed.
"""

import functools
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
import pandas as pd

from orchestrator.report.panels import Picture
from orchestrator.report.rendering import HERE
from trainables.files import replace_file

PNG_START, PNG_END, SVG_END = b"\x89PNG", b"IEND\xaeB`\x82", "</svg>"

P = ParamSpec("P")


@dataclass(slots=True)
class _Album:
    folder: Path
    shown: set[str] = field(default_factory=set)


_ALBUM: ContextVar[_Album | None] = ContextVar("album", default=None)


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Keep the pictures that are drawn in this block in `folder`, and at its end no others."""
    album = _Album(folder)
    token = _ALBUM.set(album)
    try:
        yield
    finally:
        _ALBUM.reset(token)
    for path in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        if path.stem not in album.shown:
            path.unlink(missing_ok=True)


def kept(draw: Callable[P, Picture]) -> Callable[P, Picture]:
    """Mark a function that draws from frames, arrays, texts, numbers, and lists or dicts of them."""

    @functools.wraps(draw)
    def look_or_draw(*args: P.args, **kwargs: P.kwargs) -> Picture:
        album = _ALBUM.get()
        if album is None:
            return draw(*args, **kwargs)
        key = _key(f"{draw.__module__}.{draw.__qualname__}", args, kwargs)
        album.shown.add(key)
        svg, png = album.folder / f"{key}.svg", album.folder / f"{key}.png"
        found = _read(svg, png)
        if found is None:
            found = draw(*args, **kwargs)
            with replace_file(svg) as partial:
                partial.write_text(found.svg, encoding="utf-8", newline="\n")
            with replace_file(png) as partial:
                partial.write_bytes(found.png)
        return found

    return look_or_draw


def _read(svg: Path, png: Path) -> Picture | None:
    """Read a picture; None where it is not there, or not whole."""
    try:
        found = Picture(svg.read_bytes().decode("utf-8"), png.read_bytes())
    except (OSError, ValueError):
        return None
    is_whole = found.svg.rstrip().endswith(SVG_END) and found.png.startswith(PNG_START)
    return found if is_whole and found.png.endswith(PNG_END) else None


def _key(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for part in _parts((_code(), name, args, dict(sorted(kwargs.items())))):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def _parts(value: Any) -> Iterator[bytes]:
    """Yield what tells a value from every other, with lengths where one could run into the next."""
    if isinstance(value, pd.DataFrame):
        yield f"frame {value.shape}".encode()
        # Whole numbers are only where the rows stood in a longer table.
        if value.index.dtype.kind not in "iu":
            yield from _parts(value.index.to_numpy())
        yield from _parts(value.columns.to_numpy())
        for place in range(value.shape[1]):
            yield from _parts(value.iloc[:, place].to_numpy())
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        yield f"array {value.dtype.str} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray):
        yield f"objects {value.shape}".encode()
        yield from _parts(value.ravel().tolist())
    elif isinstance(value, Mapping):
        yield from _parts(list(value.items()))
    elif isinstance(value, list | tuple):
        yield f"list {len(value)}".encode()
        for each in value:
            yield from _parts(each)
    else:
        yield f"{type(value).__name__} {value!r}".encode()


@functools.cache
def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.read_bytes())
    for package in ("matplotlib", "numpy", "pandas", "pillow"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()
