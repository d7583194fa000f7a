"""Proof that a process on another machine sees the same results folder: a file with a random content.

Whoever runs a command leaves the file, each node reads it and writes one of its own beside it.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainables.removal import remove_file


@dataclass(frozen=True, slots=True)
class ResultsToken:
    """A file below `results`, and what it says."""

    results: Path
    file: Path
    content: str


@contextlib.contextmanager
def left_token(results: Path) -> Iterator[ResultsToken]:
    """Leave a file for the length of the block.

    Its name is new each time: a network file system may remember for a while that a name was not there.
    """
    content = secrets.token_hex(16)
    file = results.resolve() / "cache" / "nodes" / f"{content[:8]}.token"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    try:
        yield ResultsToken(results.resolve(), file, content)
    finally:
        with contextlib.suppress(OSError):
            remove_file(file, below=results.resolve())


def token_fault(token: ResultsToken) -> str:
    """Say why this process can't work in the folder of the token, and the way out; empty where it can."""
    where = token.results
    if not where.is_dir():
        return f"it does not see the results folder {where}; mount the same one there"
    try:
        same = token.file.read_text(encoding="utf-8") == token.content
    except OSError:
        same = False
    if not same:
        return f"it sees another results folder under {where}; mount the same one there"
    own = token.file.with_name(f"{token.file.stem}-{socket.gethostname()}-{os.getpid()}")
    try:
        own.write_text(token.content, encoding="utf-8")
        remove_file(own, below=where)
    except OSError as error:
        return f"it can't write into the results folder {where} ({error.strerror}); mount it writable there"
    return ""
