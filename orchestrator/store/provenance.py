"""Provenance of a run, recorded and never hashed: versions, host, device, commit, command line, time."""

import functools
import importlib.metadata
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.store.run_record import Environment
from trainables.outside_text import without_accounts

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "ray",
    "optuna",
    "mlflow",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "pillow",
)
# In a copy of what is committed, which `make cluster-sources` makes for machines without git: its commit.
COPIED_COMMIT = Path("orchestrator", "commit.txt")
# What stands for the arguments of this process, which those of a notebook's kernel do not.
_TYPED: ContextVar[tuple[str, ...] | None] = ContextVar("typed", default=None)


@functools.cache
def environment() -> Environment:
    """Return versions, host and commit of this process; read once."""
    commit, is_dirty = _git()
    return Environment(
        versions={"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        host=socket.gethostname(),
        platform=platform.platform(),
        git_commit=commit,
        git_dirty=is_dirty,
    )


def command_line() -> str:
    """Return the command as the user could type it again, but for passwords in addresses."""
    typed = _TYPED.get()
    arguments = map(without_accounts, sys.argv[1:] if typed is None else typed)
    return shlex.join(["python", "-m", "orchestrator", *arguments])


@contextmanager
def typed_as(arguments: Sequence[str]) -> Iterator[None]:
    """Record these arguments as the command of what this block runs, where no command was typed."""
    token = _TYPED.set(tuple(arguments))
    try:
        yield
    finally:
        _TYPED.reset(token)


def now() -> str:
    """Return the time, ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def copied_commit(sources: Path) -> str | None:
    """Return the commit of a copy of the sources; None where it is no such copy."""
    path = sources / COPIED_COMMIT
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def _git() -> tuple[str | None, bool | None]:
    here = Path(__file__).parent
    copied = copied_commit(here.parents[1])
    if copied is not None:
        return copied, False
    try:
        commit = _run(["git", "rev-parse", "HEAD"], here)
        # Without a lock of its index: a process that is killed meanwhile would leave it.
        changed = _run(["git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=no"], here)
    except (OSError, subprocess.SubprocessError):
        return None, None
    return commit, bool(changed)


def _run(command: list[str], folder: Path) -> str:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
