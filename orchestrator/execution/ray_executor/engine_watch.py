"""Watch over Ray's own processes on this machine: without them a run waits for ever, and nobody says so.

A thread watches, since whoever has asked Ray for something is not heard of again. Without its GCS this
process would be ended by Ray within a minute.
"""

import contextlib
import threading
from collections.abc import Iterator

import psutil

from orchestrator.execution.ending import EndingSignals
from orchestrator.execution.restart import begin_again

PROCESSES = ("gcs_server", "raylet")
LOOK_EVERY_S = 1.0


@contextlib.contextmanager
def engine_watched(signals: EndingSignals) -> Iterator[None]:
    """Begin the command again when a process ends that this one has begun, unless a signal has ended both."""
    is_over = threading.Event()
    # A command that was begun again has what it had begun before among its children, dead.
    children = filter(_lives, psutil.Process().children(recursive=True))
    watched = {name: child for child in children if (name := _name(child)) in PROCESSES}
    thread = threading.Thread(
        target=_watch, args=(watched, is_over, signals), name="engine watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        # Before Ray is shut down, which ends them.
        is_over.set()
        thread.join()


def _watch(processes: dict[str, psutil.Process], is_over: threading.Event, signals: EndingSignals) -> None:
    while not is_over.wait(LOOK_EVERY_S):
        gone = [name for name, process in processes.items() if not _lives(process)]
        if gone and signals.first is None:
            begin_again(f"Ray's process {gone[0]} has ended")
            return


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""
