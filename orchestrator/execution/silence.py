"""Silence of a run: how long no trial has given a sign of life, and its end where that is too long.

A worker that hangs (a card, a library that waits for itself) says nothing, and whoever waits for it waits for
ever, with an estimate of the time left that rises. A sign of life is an event of any trial: within an epoch
there is one every few seconds, so a trial that is slow is not taken for one that hangs. What goes on without
(reading images, keeping features, scoring) takes about as long as an epoch at most, and TIMES as long is
waited for: the longest time from epoch to epoch of a trial of the same experiment in this run, and before
there is one its estimate, which trials beside it may make wrong by some times. A wrong verdict costs what
comes after the last checkpoints.

Nothing is counted while no trial runs: nodes, faces, pixels and another command's lock are waited for before
a trial has STARTED. Nor is what this process does not live to see: it may be stopped itself.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.console import duration
from orchestrator.execution.executor import Event, EventKind, OnEvent
from orchestrator.execution.restart import begin_again
from orchestrator.plan.plan import StudyPlan

TIMES, LEAST_S = 20, 600.0
# Of an epoch of which nothing is known.
EPOCH_S = 3600.0
LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class WatchedTrial:
    """A trial that may fall silent: `epoch_s` is the estimate of an epoch; None = unknown."""

    experiment: str
    epoch_s: float | None


@dataclass(slots=True)
class Silence:
    """What is heard of trials, by key; times are those of one clock that never goes back."""

    trials: Mapping[str, WatchedTrial]
    _heard: dict[str, float] = field(default_factory=dict)
    _longest: dict[str, float] = field(default_factory=dict)
    _silent_s: float = 0.0
    _looked: float = float("inf")

    def hear(self, event: Event, now: float) -> None:
        """Take in an event of a trial."""
        self._silent_s = 0.0
        if event.kind is EventKind.SIGN:
            return
        before = self._heard.pop(event.key, now)
        if event.kind in (EventKind.EPOCH, EventKind.DONE):
            name = self.trials[event.key].experiment
            self._longest[name] = max(self._longest.get(name, 0.0), now - before)
        if event.kind in (EventKind.STARTED, EventKind.EPOCH):
            self._heard[event.key] = now

    def look(self, now: float) -> str:
        """Say what is wrong where the silence is too long."""
        passed, self._looked = min(max(0.0, now - self._looked), 2 * LOOK_EVERY_S), now
        expected = [self._expected_s(key) for key in self._heard]
        if not expected:
            self._silent_s = 0.0
            return ""
        self._silent_s += passed
        if self._silent_s <= max(LEAST_S, TIMES * max(expected)):
            return ""
        return (
            f"no trial has given a sign of life for {duration(self._silent_s)} "
            f"({len(expected)} running; an epoch should take {duration(max(expected))} at most)"
        )

    def _expected_s(self, key: str) -> float:
        """Return in how many seconds the next event of a trial is expected."""
        trial = self.trials[key]
        known = max(self._longest.get(trial.experiment, 0.0), trial.epoch_s or 0.0)
        return known or EPOCH_S


def watched_trials(study: StudyPlan) -> dict[str, WatchedTrial]:
    """Return the trials of a study that are to run, by key."""
    found = {}
    for trial in study.missing():
        epochs = study.experiment(trial.experiment).experiment.epochs
        epoch_s = None if trial.estimate_s is None else trial.estimate_s / epochs
        found[trial.key] = WatchedTrial(trial.experiment, epoch_s)
    return found


@contextlib.contextmanager
def not_silent(trials: Mapping[str, WatchedTrial]) -> Iterator[OnEvent]:
    """Give what hears of trials; begin the command again where they are silent for too long in the block.

    A thread looks, since whoever has asked an engine for something may never be heard of again.
    """
    silence, is_over, lock = Silence(trials), threading.Event(), threading.Lock()

    def hear(event: Event) -> None:
        with lock:
            silence.hear(event, time.monotonic())

    def watch() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            with lock:
                reason = silence.look(time.monotonic())
            if reason:
                begin_again(reason)
                return

    thread = threading.Thread(target=watch, name="silence", daemon=True)
    thread.start()
    try:
        yield hear
    finally:
        is_over.set()
        thread.join()
