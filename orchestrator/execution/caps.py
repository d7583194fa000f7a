"""Caps on what one command takes, in hours on the clock or in money, over all phases that it runs.

A cap on money is one on hours, by the price. Under a cap whole experiments come first, so that what is cut
leaves complete sets of folds; no trial is begun that would end past the cap, by the estimate and by how long
trials of this run really took; and one that runs is stopped at the cap, with its checkpoint.
"""

import statistics
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from orchestrator.execution.executor import Event, EventKind
from orchestrator.plan.estimates import Basis, ExperimentEstimate, PhaseEstimate
from orchestrator.plan.plan import StudyPlan, Trial
from orchestrator.store.folder import State
from orchestrator.store.price_record import PriceRecord

# An estimate without a measurement may be too long by this much: it alone keeps no trial from being begun.
DOUBT = 3.0


@dataclass(frozen=True, slots=True)
class CutShort:
    """What a cap left of a phase: trials that were not begun or were stopped, and the seconds they take."""

    phase: str
    planned: int
    not_begun: int
    stopped: int
    seconds: float

    @property
    def unfinished(self) -> int:
        """Trials that are not finished because of the cap."""
        return self.not_begun + self.stopped


@dataclass(slots=True)
class Budget:
    """What a command has taken since `started`, and what it may take; None = as much as it needs.

    `units` are the GPUs or machines that are paid for, known once there is an executor.
    """

    max_s: float | None = None
    max_cost: float | None = None
    price: PriceRecord | None = None
    clock: Callable[[], float] = time.monotonic
    units: int = 1
    started: float = field(init=False)
    cut: list[CutShort] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the command began."""
        return self.clock() - self.started

    @property
    def limit_s(self) -> float | None:
        """Seconds that the command may take in all, by whichever cap is the tighter."""
        limits = [] if self.max_s is None else [self.max_s]
        if self.max_cost is not None and self.price is not None:
            limits.append(self.max_cost / (self.price.per_hour * self.units) * 3600)
        return min(limits, default=None)


@dataclass(slots=True)
class CapReferee:
    """Keeps one phase of a run within the budget of its command.

    With `keeps_order` trials begin in the order in which they come: that of a race, fold by fold.
    """

    budget: Budget
    limit_s: float
    study: StudyPlan
    estimate: PhaseEstimate
    keeps_order: bool = False
    _seconds: dict[str, float] = field(default_factory=dict)
    _experiment: dict[str, str] = field(default_factory=dict)
    _pending: list[str] = field(default_factory=list)
    _begun: dict[str, float] = field(default_factory=dict)
    _heard: dict[str, tuple[float, int]] = field(default_factory=dict)
    _took: dict[str, list[float]] = field(default_factory=dict)
    _trained: set[str] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)
    _ended: set[str] = field(default_factory=set)
    _stopped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        seconds = {name: s for each in self.estimate.experiments for name, s in each.seconds.items()}
        for trial in self.study.missing():
            self._seconds[trial.key] = seconds.get(trial.name, 0.0)
            self._experiment[trial.key] = trial.experiment

    def order(self, wave: Sequence[Trial]) -> Sequence[str]:
        """Return what may begin: experiments that fit as a whole, then the others, each fold after fold."""
        self._asked.update(trial.key for trial in wave)
        ready = [trial for trial in wave if not any(base.key in self._unfinished() for base in trial.bases)]
        grouped = [key for group in self._groups(ready) for key in group]
        self._pending = [trial.key for trial in ready] if self.keeps_order else grouped
        dropped = set(self._cut())
        return [key for key in self._pending if key not in dropped]

    def hear(self, event: Event) -> Collection[str]:
        """Take in an event; what runs is stopped where its next epoch would end past the cap."""
        now = self.budget.elapsed_s
        if event.key in self._pending:
            self._pending.remove(event.key)
        if event.kind in (EventKind.STARTED, EventKind.RESTARTED):
            self._begun.setdefault(event.key, now)
            self._heard[event.key] = (now, 0)
        elif event.kind is EventKind.EPOCH:
            return [*self._last_epoch(event, now), *self._cut()]
        elif event.kind is EventKind.DONE and event.key in self._begun:
            took = (now - self._begun[event.key]) / max(self._seconds.get(event.key, 0.0), 1e-9)
            self._took.setdefault(self._experiment[event.key], []).append(took)
        # What another referee has stopped is over, too.
        is_ours = event.kind is EventKind.STOPPED and event.key in self._stopped
        if event.kind.is_last() and not is_ours:
            self._ended.add(event.key)
        return self._cut()

    def tick(self) -> Collection[str]:
        """Stop everything once the cap is reached."""
        if self.budget.elapsed_s < self.limit_s:
            return ()
        # After the last epoch only scoring is left.
        running = [key for key in self._running() if key not in self._trained]
        return [*self._stop(running), *self._cut()]

    def fit(self) -> tuple[int, list[str]]:
        """Return how many missing trials end within the cap by the estimate, and the experiments of which all
        do.
        """
        left = max(0.0, self.limit_s - self.budget.elapsed_s)
        used, within, whole = 0.0, 0, []
        for wave in self.study.waves():
            for group in self._groups(wave):
                together = self._together(group[0])
                fitting = 0
                for key in group:
                    used += self._seconds[key] / together
                    fitting += used <= left
                within += fitting
                whole += [self._experiment[group[0]]] if fitting == len(group) else []
        for each in self.to_come:
            for seconds in each.seconds.values():
                used += seconds / each.at_a_time
                within += used <= left
        return within, whole

    @property
    def to_come(self) -> list[ExperimentEstimate]:
        """What the estimate has beside the experiments of the study: settings that a search will propose."""
        known = {each.experiment.name for each in self.study.experiments}
        return [each for each in self.estimate.experiments if each.experiment not in known]

    def close(self) -> None:
        """Note in the budget what was left."""
        unfinished = self._unfinished()
        if not unfinished:
            return
        stopped = [key for key in unfinished if key in self._begun]
        seconds = sum(self._expected(key) / self._together(key) for key in unfinished if key not in stopped)
        seconds += sum(self._remaining(key) / self._together(key) for key in stopped)
        seconds += sum(each.clock_s for each in self.to_come)
        num_to_come = sum(each.missing for each in self.to_come)
        self.budget.cut.append(
            CutShort(
                phase=self.study.phase.name,
                planned=len(self.study.selected()) + num_to_come,
                not_begun=len(unfinished) - len(stopped) + num_to_come,
                stopped=len(stopped),
                seconds=seconds,
            )
        )

    def _unfinished(self) -> set[str]:
        """What is not finished although nothing went wrong."""
        return self._asked - self._ended

    def _groups(self, wave: Sequence[Trial]) -> list[list[str]]:
        """Keys by experiment: those that fit as a whole first, begun ones before those in order."""
        keys: dict[str, list[str]] = {each.experiment.name: [] for each in self.study.experiments}
        for trial in sorted(wave, key=lambda trial: (trial.repeat, trial.fold)):
            keys[trial.experiment].append(trial.key)
        begun = {trial.experiment for trial in self.study.trials if trial.state == State.DONE}
        names = sorted((name for name in keys if keys[name]), key=lambda name: name not in begun)
        left = self.limit_s - self.budget.elapsed_s
        whole, others = [], []
        for name in names:
            needs = sum(self._expected(key) for key in keys[name]) / self._together(keys[name][0])
            if needs <= left:
                left -= needs
                whole.append(keys[name])
            else:
                others.append(keys[name])
        return [*whole, *others]

    def _cut(self) -> list[str]:
        """Stop what would begin next and end past the cap; what has to wait is judged when its turn comes."""
        left = self.limit_s - self.budget.elapsed_s
        if left <= 0.0:
            return self._stop(self._pending)
        stopped: list[str] = []
        while self._pending:
            free = self._together(self._pending[0]) - len(self._running())
            late = [key for key in self._pending[: max(0, free)] if self._expected(key) > left]
            if not late:
                break
            stopped += self._stop(late)
        return stopped

    def _running(self) -> list[str]:
        return [key for key in self._begun if key not in self._ended | self._stopped]

    def _stop(self, keys: Sequence[str]) -> list[str]:
        new = [key for key in keys if key not in self._stopped]
        self._stopped.update(new)
        self._pending = [key for key in self._pending if key not in self._stopped]
        return new

    def _last_epoch(self, event: Event, now: float) -> list[str]:
        before, _ = self._heard.get(event.key, (now, 0))
        self._heard[event.key] = (now, event.epoch or 0)
        if event.epoch is not None and event.epoch == event.epochs:
            self._trained.add(event.key)
            return []
        return [] if now + (now - before) <= self.limit_s else self._stop([event.key])

    def _expected(self, key: str) -> float:
        """Seconds that a trial takes from its beginning, by those of this run that have ended."""
        name = self._experiment[key]
        mine = self._took.get(name) or [ratio for each in self._took.values() for ratio in each]
        if mine:
            return self._seconds[key] * statistics.median(mine)
        doubtful = any(
            each.experiment == name and each.basis is Basis.ESTIMATED for each in self.estimate.experiments
        )
        return self._seconds[key] / (DOUBT if doubtful else 1.0)

    def _remaining(self, key: str) -> float:
        """Seconds that a stopped trial still takes: it goes on from its last epoch."""
        name = self._experiment[key]
        epochs = self.study.experiment(name).experiment.epochs
        _, done = self._heard.get(key, (0.0, 0))
        return self._expected(key) * max(0.0, 1.0 - done / epochs)

    def _together(self, key: str) -> int:
        name = self._experiment[key]
        return next(each.at_a_time for each in self.estimate.experiments if each.experiment == name)
