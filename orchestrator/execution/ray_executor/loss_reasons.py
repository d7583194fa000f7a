"""Reasons why a worker was lost, out of what Ray says and what the worker has left in its own log.

Ray gives page-long texts that end with advice on Ray itself, and calls each death that it did not order a
connection error. A worker that crashes writes its signal into its log, beside the session.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator.execution.workplace import last_line

LOWER = "lower batch_size, or run fewer trials at a time with --max-concurrent"
MEMORY = re.compile(r"Memory on the node .*? was (?P<used>\S+) used / (?P<all>\S+) limit")
EXIT_CODE = re.compile(r"Worker exits with an exit code (?P<code>-?\d+)")
PID = re.compile(r"^\s*pid: (?P<pid>\d+)$", re.MULTILINE)
SIGNAL = re.compile(r"\*\*\* (?P<name>SIG[A-Z]+) received")
CUT_OFF = "Worker unexpectedly exits with a connection error"
# What a worker's log is read of, in bytes.
READ = 2**16


@dataclass(frozen=True, slots=True)
class LossReason:
    """Why a worker was lost, as the rest of a sentence; `of_memory` where there was too little of it."""

    text: str
    of_memory: bool = False


def loss_reason(said: str, *, logs: Path) -> LossReason:
    """Find out why a worker was lost.

    Args:
        said: what Ray says of it, on any number of lines.
        logs: the folder of the session's logs, where this machine has them.
    """
    if found := MEMORY.search(said):
        amounts = f"{found['used']} of {found['all']} were in use"
        return LossReason(f"out of memory ({amounts}, and Ray ended the worker): {LOWER}", of_memory=True)
    if found := EXIT_CODE.search(said):
        return LossReason(f"its process ended with exit code {found['code']}")
    if CUT_OFF in said:
        name, log = _signal(said, logs)
        if name:
            return LossReason(f"its process ended by {name}, as {log} says")
        return LossReason(
            f"its process was killed, as the system does when memory runs out: {LOWER} if it is again"
        )
    return LossReason(last_line(said) or "no reason given")


def _signal(said: str, logs: Path) -> tuple[str, Path | None]:
    """Read the signal that a worker wrote down before it died, and where."""
    pid = PID.search(said)
    for log in sorted(logs.glob(f"worker-*-{pid['pid']}.err")) if pid else ():
        try:
            with log.open(encoding="utf-8", errors="replace") as stream:
                found = SIGNAL.search(stream.read(READ))
        except OSError:
            continue
        if found:
            return found["name"], log
    return "", None
