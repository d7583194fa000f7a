"""Memo on disk of what was computed before, known again by its inputs and by the code that computed it.

A value hangs on the module that computes it, on all that this module imports from the program, directly or
through others, and on the versions of some libraries. So nothing stale is served after a change of any of
these, and no list of files has to be kept by hand.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from trainables.files import read_file, replace_file

PACKAGES = ("orchestrator", "trainables")
# Read as text, since parsing every module takes longer than what is remembered; what only looks like an
# import, in a docstring, makes the hash hang on a module too many.
_FROM = re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([^\n#]*)", re.MULTILINE)


def key(inputs: Any, *, code: str, libraries: Sequence[str] = ()) -> str:
    """Return the key of a value, 64 hexadecimal digits.

    Args:
        inputs: plain JSON values, all that the value is computed from.
        code: the name of the module that computes it.
        libraries: distributions whose version decides the value too.
    """
    versions = [_version(name) for name in libraries]
    return _digest([inputs, code_hash(code), versions])


@functools.cache
def code_hash(module: str) -> str:
    """Hash the source of a module and of all that it imports from the program, 64 hexadecimal digits.

    Templates and style sheets that lie beside one of them count as its source.
    """
    digest = hashlib.sha256()
    for name, path in sorted(source_files(module).items()):
        beside = [each for each in sorted(path.parent.iterdir()) if each.suffix in (".j2", ".css")]
        for each in (path, *beside):
            content = each.read_bytes()
            digest.update(f"{name} {each.name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def source_files(module: str) -> dict[str, Path]:
    """Return a module and all that it imports from the program, directly or through others: name -> file."""
    found: dict[str, Path] = {}
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        # Most names are imported many times, and where each lies is asked of the disk.
        if name in seen:
            continue
        seen.add(name)
        path = _file(name)
        if path is None:
            continue
        found[name] = path
        # A package is imported before what is in it.
        waiting += [name.rpartition(".")[0], *_imported(path.read_text(encoding="utf-8"))]
    return found


def read(path: Path, expected: str) -> dict[str, Any] | None:
    """Read what was kept under a key at `path`; None where it is not there, damaged, or of another key."""
    text = _content(path, expected)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write(path: Path, key: str, value: dict[str, Any]) -> None:
    """Keep plain JSON values under a key at `path`; where nothing can be written, they are computed again.

    A line with the key and the hash of what follows, then the values as JSON.
    """
    _keep(path, key, json.dumps(value, allow_nan=False, separators=(",", ":")).encode())


def read_table(path: Path | None, expected: str) -> pd.DataFrame | None:
    """Read the table that was kept under a key at `path`; None as `read` gives it, and without a path."""
    content = None if path is None else _content(path, expected)
    if content is None:
        return None
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (OSError, pyarrow.ArrowException):
        # Whole, but of a version of the format that this library does not know.
        return None


def write_table(path: Path | None, key: str, table: pd.DataFrame) -> None:
    """Keep a table under a key at `path`; without a path, or where nothing can be written, nowhere.

    A line as `write` gives it, then the table as Parquet.
    """
    if path is not None:
        _keep(path, key, table.to_parquet())


def read_arrays(path: Path, expected: str) -> dict[str, np.ndarray] | None:
    """Read the arrays that were kept under a key at `path`; None as `read` gives it."""
    content = _content(path, expected)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def write_arrays(path: Path, key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays of numbers under a key at `path`; where nothing can be written, nowhere.

    A line as `write` gives it, then the arrays as numpy's archive of its own files.
    """
    stream = io.BytesIO()
    # Their type says that a name may be that of its own argument.
    np.savez(stream, **dict(arrays))  # type: ignore[arg-type]
    _keep(path, key, stream.getvalue())


def _content(path: Path, expected: str) -> bytes | None:
    """What was kept under a key, byte for byte as it was written."""
    try:
        head, _, content = read_file(path).partition(b"\n")
    except OSError:
        return None
    return content if head == _head(expected, content) else None


def _keep(path: Path, key: str, content: bytes) -> None:
    with contextlib.suppress(OSError), replace_file(path) as partial:
        with partial.open("wb") as stream:
            stream.writelines((_head(key, content), b"\n", content))


def _head(key: str, content: bytes) -> bytes:
    return f"{key} {hashlib.sha256(content).hexdigest()}".encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def _imported(text: str) -> Iterator[str]:
    """The dotted names that a source may import: modules, and what is taken out of them."""
    for module, names in _FROM.findall(text):
        yield module
        taken = re.split(r"[\s,()]+", re.sub(r"#[^\n]*", "", names))
        yield from (f"{module}.{name}" for name in taken if name)
    for names in _IMPORT.findall(text):
        for name in names.split(","):
            yield name.split(" as ")[0].strip()


def _file(name: str) -> Path | None:
    """The file of a module of the program; None for everything else."""
    package, *inside = name.split(".")
    if package not in PACKAGES:
        return None
    root = _root(package)
    if root is None:
        return None
    path = root.joinpath(*inside)
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _version(library: str) -> str:
    return importlib.metadata.version(library)


@functools.cache
def _root(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(str(found.origin)).parent if found is not None and found.origin is not None else None
