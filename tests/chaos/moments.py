"""Moments of a run at which something may happen to it, found by what it has written: no clock decides."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping
from random import Random

from tests.chaos.running_study import NUM_TRIALS, RunningStudy

Moment = Callable[[RunningStudy, subprocess.Popen[bytes], Random], bool]


def at_its_start(study: RunningStudy, process: subprocess.Popen[bytes], random: Random) -> bool:
    """It has said something: while it looks at the data, plans, or starts Ray."""
    return study.until(lambda: study.log.stat().st_size, process) and a_little_later(process, random, 1.0)


def in_training(study: RunningStudy, process: subprocess.Popen[bytes], random: Random) -> bool:
    """A trial writes its checkpoint."""
    before = checkpoints(study)
    return study.until(lambda: checkpoints(study) - before, process) and a_little_later(process, random, 0.3)


def checkpoints(study: RunningStudy) -> set[tuple[str, int]]:
    """Those that are there, by their folders and times."""
    found = set()
    for path in study.results.glob("trials/*/checkpoint/state.safetensors"):
        # A trial that ends takes its checkpoint away.
        with contextlib.suppress(FileNotFoundError):
            found.add((str(path), path.stat().st_mtime_ns))
    return found


def after_a_trial(study: RunningStudy, process: subprocess.Popen[bytes], random: Random) -> bool:
    """One more trial is done."""
    before = study.finished
    return study.until(lambda: study.finished > before, process) and a_little_later(process, random, 0.2)


def when_all_is_trained(study: RunningStudy, process: subprocess.Popen[bytes], random: Random) -> bool:
    """The last trial is done: while it collects, decides, writes to MLflow or makes the report."""
    return study.until(lambda: study.finished == NUM_TRIALS, process) and a_little_later(process, random, 1.0)


def a_little_later(process: subprocess.Popen[bytes], random: Random, at_most_s: float) -> bool:
    time.sleep(random.uniform(0, at_most_s))
    return process.poll() is None


def struck(
    study: RunningStudy,
    random: Random,
    strike: Callable[[subprocess.Popen[bytes]], object],
    *more: str,
    moment: Moment | None = None,
    environment: Mapping[str, str] | None = None,
) -> int | None:
    """Do something to a command at a moment, any by default; its exit code, None where it was faster."""
    moment = moment or random.choice(MOMENTS)
    with study.attempt(*more, environment=environment) as process:
        if not moment(study, process, random):
            return None
        strike(process)
        return study.ended(process)


MOMENTS: tuple[Moment, ...] = (at_its_start, in_training, after_a_trial, when_all_is_trained)
