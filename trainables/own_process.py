"""Calls that get a process of their own: what they take is given back, and what ends them ends nothing else.

On Linux the process is forked, so that nothing has to be imported again. That needs a caller that has neither
started threads nor asked for a GPU: a program of its own (`python -m ...`), not a worker.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

PROCESSES = (
    multiprocessing.get_context("fork") if sys.platform == "linux" else multiprocessing.get_context("spawn")
)


def module_environment() -> dict[str, str]:
    """Return an environment in which another Python finds the modules that this process finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class ProcessEndedError(RuntimeError):
    """The process gave no answer: it was killed (`exit_code` is minus the signal) or met an exception."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"a process ended with {exit_code}")
        self.exit_code = exit_code


def in_own_process(function: Callable[..., str], *arguments: object) -> str:
    """Return what `function(*arguments)` returns.

    Raises:
        ProcessEndedError: it did not return; an exception has been printed.
    """
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_send, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv_bytes().decode()
    except EOFError:
        process.join()
        raise ProcessEndedError(process.exitcode or 0) from None
    finally:
        process.join()
        ours.close()


def _send(theirs: Connection, function: Callable[..., str], arguments: tuple[object, ...]) -> None:
    theirs.send_bytes(function(*arguments).encode())
