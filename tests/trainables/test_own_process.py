"""Calls in a process of their own: the answer, and what is heard of one that gave none."""

import signal
import subprocess
import sys

# A program of its own: a test may run in a process with threads, which must not be forked.
PROGRAM = """
import os, signal
from trainables.own_process import ProcessEndedError, in_own_process

print(in_own_process(lambda word: word + str(os.getpid() != PARENT), "other "))
for end in (lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0):
    try:
        in_own_process(end)
    except ProcessEndedError as error:
        print(error.exit_code)
"""


def test_an_answer_comes_back_and_an_end_is_told() -> None:
    """Catches a caller that waits for ever for a process that was killed for memory."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os; PARENT = os.getpid()\n{PROGRAM}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split("\n")[:3] == ["other True", str(-signal.SIGKILL), "1"], done.stderr
    assert "ZeroDivisionError" in done.stderr
