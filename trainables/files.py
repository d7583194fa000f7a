"""Writing files so that a reader sees the old content or the new, never a half.

Everything that another process may read while it is being written (records, tables, checkpoints)
goes through `replace_file`: written beside its target, then renamed over it, which POSIX and NTFS do
in one step.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# A JSON object as it was read or is about to be written, of whose values no model has said anything (yet).
JsonObject = dict[str, Any]


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it onto `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys, atomically; NaN and infinity are refused."""
    with replace_file(path) as partial:
        partial.write_text(
            json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8"
        )


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


def read_json(path: Path) -> Any:
    """Parse the JSON file at `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def free_bytes(path: Path) -> int:
    """Return the free space of the disk on which `path` is, or would be made."""
    for place in (path.absolute(), *path.absolute().parents):
        if place.is_dir():
            return shutil.disk_usage(place).free
    return 0
