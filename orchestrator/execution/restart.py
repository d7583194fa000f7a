"""Second beginning of a command whose surroundings have ended under it: once, in the same process.

All that is worth something is on disk, so the same command goes on. A library that was told that its server
is gone may end or hang its process; so the process image is replaced, from whatever thread finds it out.
"""

import os
import signal
import sys
import threading

import psutil

EXIT_FAILED = 1
# Set in a command that has been begun again.
AGAIN = "ORCHESTRATOR_BEGUN_AGAIN"
# Shows the cursor, which a live table hides.
CURSOR = "\x1b[?25h"
# Whether this process is a command, and nobody's notebook.
_is_command: list[bool] = []
# What is ended by one that begins the command again may be missed by another that watches it.
_under_way = threading.Lock()


class RunEndedError(Exception):
    """What ran the trials is gone for good; the message says what, and what to do."""


def allow_restart() -> None:
    """Say that this process runs a command and nothing else, which may be begun again as it was given."""
    _is_command.append(True)


def has_begun_again() -> bool:
    """Tell whether this command was begun again, with the same number of its process."""
    return AGAIN in os.environ


def begin_again(reason: str) -> None:
    """End what was begun, and begin the command anew; the second time, or in a notebook, say why it ends."""
    stream = sys.__stderr__ or sys.stderr
    if not _is_command:
        print(f"Error: {reason}; start it again to go on", file=stream, flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        return
    if not _under_way.acquire(blocking=False):
        return
    _end_children()
    if stream.isatty():
        stream.write(CURSOR)
    if has_begun_again():
        print(
            f"Error: {reason}, again; the same command goes on with what is missing",
            file=stream,
            flush=True,
        )
        os._exit(EXIT_FAILED)
    again = "the command begins again, once, and goes on with what is missing"
    print(f"Warning: {reason}; {again}", file=stream, flush=True)
    if sys.__stdout__:
        sys.__stdout__.flush()
    os.environ[AGAIN] = "1"
    os.execv(sys.executable, sys.orig_argv)


def _end_children() -> None:
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.Error:
            continue
