"""A small study that faults are played to: its folder, its command, and what has to come out in the end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from tests.end_to_end.conftest import ROOT
from tests.end_to_end.outcome import EPOCHS, expected_runs, tables, tracked_runs

IN_PROCESS = ("--address", "none")
# No attempt may take longer, whatever is done to it.
HANGS_AFTER_S = 180.0
NUM_TRIALS = 3 * len(EPOCHS)
# What no attempt may say: a fault of the surroundings is no defect of the program.
NEVER_SAID = ("defect", "Traceback", "*** SIG")


@dataclass
class RunningStudy:
    """One results folder under the small phase, whose command is started as often as it was ended.

    `line`: the command after the program's name. `environment`: what all attempts have of their own.
    `store`: the address of the tracking store, to be read when all is over. `has_lost_store`: whether that
    was damaged. `durations_s`: how long each attempt took since `pop_longest_s`.
    """

    folder: Path
    results: Path
    line: list[str]
    store: str
    environment: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    durations_s: list[float] = field(default_factory=list)
    has_lost_store: bool = False

    @property
    def finished(self) -> int:
        return len(list(self.results.glob("trials/*/done.json")))

    @property
    def log(self) -> Path:
        return self.folder / f"log-{self.attempts}.txt"

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def leave_work(self, random: Random) -> None:
        """Remove one or two finished trials, as a user may, if there is nothing left to train."""
        if self.finished == NUM_TRIALS:
            for folder in random.sample(sorted(self.results.glob("trials/*")), random.choice((1, 2))):
                shutil.rmtree(folder)

    @contextmanager
    def attempt(
        self,
        *more: str,
        line: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The command, or another one, under way in a session of its own; gone when the block is left."""
        self.attempts += 1
        began = time.monotonic()
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", *(line or self.line), *more],
                cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", **self.environment, **(environment or {})},
            )  # fmt: skip
        try:
            yield process
            self.ended(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.durations_s.append(time.monotonic() - began)
        for word in NEVER_SAID:
            assert word not in self.said, self.said

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code, as soon as there is one; a command that hangs is a failure."""
        try:
            return process.wait(HANGS_AFTER_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs after {HANGS_AFTER_S:.0f} s:\n{self.said}") from None

    def until(self, condition: Callable[[], object], process: subprocess.Popen[bytes]) -> bool:
        """Whether `condition` came true before the command ended."""
        end = time.monotonic() + HANGS_AFTER_S
        while not condition():
            if process.poll() is not None:
                return False
            assert time.monotonic() < end, f"it never came so far:\n{self.said}"
            time.sleep(0.02)
        return process.poll() is None

    def children(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        try:
            return psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def pop_longest_s(self) -> float:
        """Return how long the longest attempt took of those since this was asked last."""
        longest_s = max(self.durations_s, default=0.0)
        self.durations_s.clear()
        return longest_s

    def sync(self) -> None:
        """Tell the tracking store all again: what is finished is told once, unless it is said to be lost."""
        with self.attempt(line=["collect", "phase1", "--results", str(self.results), "--sync"]) as process:
            assert self.ended(process) == 0, self.said

    def finish(self, undisturbed: Path) -> None:
        """Run what is missing in peace, and compare what came out with a study that nothing was done to."""
        with self.attempt(*IN_PROCESS) as process:
            assert self.ended(process) == 0, self.said
        if self.has_lost_store:
            self.sync()
        assert tables(self.results) == tables(undisturbed)
        assert tracked_runs(self.results, self.store) == expected_runs()


# Play it, and say how the command ended; None: it was faster, or there was nothing that it could happen to.
Fault = Callable[[RunningStudy, Random], str | None]
