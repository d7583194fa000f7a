"""Leases of remote results: one run of a study at a time, told by an object that its holder keeps fresh.

The object is made only where there is none, and rewritten every BEAT_S. One that is older than STALE_S, by
the clock of the place that it lies at, belongs to a run that has died, and is taken over.
"""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from orchestrator.store.remote.address import RemoteAddress
from orchestrator.store.remote.conditional import ConditionalFile, Versioned, conditional_file
from orchestrator.store.remote.local_copy import LocalCopy
from orchestrator.store.remote.remote_folder import RemoteError
from orchestrator.store.remote.shared_names import LEASES
from trainables.errors import InputError
from trainables.recipe_part import Frozen

BEAT_S, STALE_S = 30.0, 120.0
POLL_S = 2.0
Say = Callable[[str], None]


class LeaseRecord(Frozen):
    """What a lease holds: who, since when, and a token of this one lease."""

    host: str
    pid: int
    since: str
    token: str

    @property
    def holder(self) -> str:
        """The holder as people are told."""
        return f"{self.host} (process {self.pid}, since {self.since})"


@contextlib.contextmanager
def held(
    copy: LocalCopy, name: str, *, since: str, say: Say, on_lost: Say, again: bool = False
) -> Iterator[None]:
    """Hold the lease `name` of remote results for the block.

    Args:
        copy: the copy of those results.
        name: the study, or a shard of it.
        since: the time now, as records have it.
        say: is told of a lease that is taken over.
        on_lost: is told by whom this one was taken over, from another thread.
        again: whether this process is another program by now; then what it held before is its own.

    Raises:
        InputError: somebody else holds it.
        RemoteError: the place can't be used.
    """
    file, mine = _file(copy, name), _my_record(since)
    version = _take(copy.address, name, file, mine, say, again=again)
    over = threading.Event()

    def beat() -> None:
        current = version
        while not over.wait(BEAT_S):
            try:
                # Another content, so that places which know files by their content see a new version.
                fresh = file.write(_text(mine, beat=time.time()), over=current)
                found = None if fresh is not None else file.read()
            except RemoteError:
                # The next one may be answered; what takes too long is taken over.
                continue
            if found is not None and _record(found).token.startswith(mine.token):
                # The answer to an earlier write was lost.
                fresh = found.version
            if fresh is None:
                on_lost("nobody" if found is None else _record(found).holder)
                return
            current = fresh
        with contextlib.suppress(RemoteError):
            file.remove(current)

    keeper = threading.Thread(target=beat, name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


@contextlib.contextmanager
def turn(
    copy: LocalCopy, name: str, *, since: str, say: Say, on_lost: Say, again: bool = False
) -> Iterator[None]:
    """Hold the lease `name` for a short block, and wait for it where another run has it; see `held`."""
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held(copy, name, since=since, say=say, on_lost=on_lost, again=again))
            except RemoteError:
                raise
            except InputError:
                time.sleep(POLL_S)
                continue
            yield
            return


def holders(copy: LocalCopy, prefix: str) -> dict[str, LeaseRecord]:
    """Return the leases that are held, by name, of those whose name begins with `prefix`.

    Raises:
        RemoteError: the place can't be used.
    """
    found = {}
    for path in copy.folder.list(LEASES):
        name = path.rpartition("/")[2].removesuffix(".json")
        if name.startswith(prefix) and not name.startswith("."):
            there = _file(copy, name).read()
            if there is not None and there.age_s < STALE_S:
                found[name] = _record(there)
    return found


def _take(
    address: RemoteAddress, name: str, file: ConditionalFile, mine: LeaseRecord, say: Say, *, again: bool
) -> str:
    """Make the lease, or take over one that has died; return its version."""
    while True:
        version = file.write(_text(mine), over=None)
        if version is not None:
            return version
        there = file.read()
        if there is None:
            # It was given back at this moment.
            continue
        before = _record(there)
        holder, is_own = before.holder, again and (before.host, before.pid) == (mine.host, mine.pid)
        if there.age_s < STALE_S and not is_own:
            raise InputError(
                f"{name} at {address.uri} is being run by {holder}; wait for it, or end it there; one that "
                f"has died is taken over after {STALE_S:.0f} s"
            )
        version = file.write(_text(mine), over=there.version)
        if version is not None and not is_own:
            say(f"{name} at {address.uri}: taken over from {holder}, not heard of for {there.age_s:.0f} s")
        if version is not None:
            return version


def _file(copy: LocalCopy, name: str) -> ConditionalFile:
    return conditional_file(copy.address, f"{LEASES}/{name}.json")


def _my_record(since: str) -> LeaseRecord:
    return LeaseRecord(host=socket.gethostname(), pid=os.getpid(), since=since, token=uuid.uuid4().hex)


def _text(record: LeaseRecord, *, beat: float | None = None) -> bytes:
    return json.dumps({**record.model_dump(), "token": f"{record.token}-{beat or 0:.0f}"}, indent=1).encode()


def _record(there: Versioned) -> LeaseRecord:
    try:
        return LeaseRecord.model_validate_json(there.content)
    except ValidationError:
        return LeaseRecord(host="an unknown host", pid=0, since="an unknown time", token="")
