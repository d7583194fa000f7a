"""A run over remote results: its lease, what it pulls before and pushes after, and turns of shards."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from filelock import FileLock
from rich.console import Console

from orchestrator.console import complain, say
from orchestrator.execution.restart import has_begun_again
from orchestrator.plan.sharding import Shard
from orchestrator.store import provenance
from orchestrator.store.folder import Store
from orchestrator.store.remote.lease import held, holders, turn
from orchestrator.store.remote.local_copy import LocalCopy, copy_at
from trainables.errors import InputError


@contextlib.contextmanager
def driving(store: Store, phase: str, shard: Shard | None, *, console: Console) -> Iterator[None]:
    """Hold the lease of a phase, or of a shard of it, for the block; pull before it, and push after it.

    Local results have none.

    Raises:
        InputError: another run holds it, or a run of the whole phase and one of a shard meet.
    """
    copy = copy_at(store.root)
    if copy is None:
        yield
        return
    with _holding(copy, _lease(phase, shard), console):
        _refuse_overlap(copy, phase, shard)
        copy.pull()
        try:
            yield
        finally:
            copy.push()


@contextlib.contextmanager
def in_turn(store: Store, name: str, *folders: str, console: Console) -> Iterator[None]:
    """Let one shard at a time do something, on what the one before has left in some folders of results/."""
    copy = copy_at(store.root)
    if copy is None:
        lock = store.cached("turns", f"{name}.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            yield
        return
    since, again = provenance.now(), has_begun_again()
    with turn(copy, name, since=since, say=_sayer(console), on_lost=_end, again=again):
        copy.fetch(*folders)
        yield
        copy.send(*folders)


def pull_again(store: Store) -> None:
    """Take in what other shards have left meanwhile."""
    copy = copy_at(store.root)
    if copy is not None:
        copy.pull()


def _holding(copy: LocalCopy, name: str, console: Console) -> contextlib.AbstractContextManager[None]:
    since, again = provenance.now(), has_begun_again()
    return held(copy, name, since=since, say=_sayer(console), on_lost=_end, again=again)


def _lease(phase: str, shard: Shard | None) -> str:
    return phase if shard is None else f"{phase}@{shard.number}-of-{shard.count}"


def _refuse_overlap(copy: LocalCopy, phase: str, shard: Shard | None) -> None:
    mine = _lease(phase, shard)
    for name, record in holders(copy, phase).items():
        whole, _, part = name.partition("@")
        is_other_cut = bool(part) != (shard is not None) or (
            shard is not None and not part.endswith(f"-of-{shard.count}")
        )
        if whole == phase and name != mine and is_other_cut:
            raise InputError(
                f"{name} at {copy.address.uri} is being run by {record.holder}, and {mine} would run the "
                "same trials; wait for it, or end it there"
            )


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda text: say(text, console=console, style="yellow")


def _end(holder: str) -> None:
    """End this process as SIGTERM does: another run has taken it for dead."""
    complain(f"the lease of this run was taken over by {holder}, which goes on with it")
    os.kill(os.getpid(), signal.SIGTERM)
