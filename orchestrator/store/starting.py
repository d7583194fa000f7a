"""Runs that are starting: what a run does before its first trial, for `status` in another terminal.

A run holds the lock results/cache/starting/<phase>.lock, which dies with it, and writes beside it what it
does. Once trials run, their folders say more, and the step is empty.
"""

import contextlib
from collections.abc import Callable, Iterator

from filelock import FileLock, Timeout

from orchestrator.store.folder import Store, is_locked
from trainables.removal import remove_file

OnStep = Callable[[str], None]


@contextlib.contextmanager
def announced(store: Store, phase: str) -> Iterator[OnStep]:
    """Give a function that says what a run of a phase does now; nothing is left of it at the end.

    Of two runs of one phase at the same time the first is announced.
    """
    folder = store.cached("starting")
    folder.mkdir(parents=True, exist_ok=True)
    lock, step = FileLock(folder / f"{phase}.lock", timeout=0), folder / f"{phase}.step"
    try:
        lock.acquire()
    except (Timeout, OSError):
        yield lambda text: None
        return

    def say(text: str) -> None:
        with contextlib.suppress(OSError):
            step.write_text(text, encoding="utf-8")

    try:
        yield say
    finally:
        remove_file(step, below=store.root)
        lock.release()


def starting(store: Store) -> dict[str, str]:
    """Return the phases whose run is starting, and what each does: "reading images"."""
    found = {}
    for path in sorted(store.cached("starting").glob("*.step")):
        with contextlib.suppress(OSError):
            step = path.read_text(encoding="utf-8")
            if step and is_locked(path.with_suffix(".lock")):
                found[path.stem] = step
    return found
