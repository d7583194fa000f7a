"""Fan-out of tasks and calls over the workers of a running Ray.

Tasks go through Ray Tune: one Tune trial per task, worker processes reused, a lost worker's task started
again (up to MAX_LOST times). Our own errors end inside the worker and never reach Tune, so they are not
retried. What is finished is on disk when Tune hears of it; Tune's own records go to a temporary folder and
are never read back.
"""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler

from orchestrator.execution.cluster_nodes import GPU_TYPE
from orchestrator.execution.ending import ended_by_signals
from orchestrator.execution.executor import (
    Event,
    EventKind,
    OnEvent,
    R,
    Target,
    Task,
    TaskEvents,
)
from orchestrator.plan.resources import Machine
from trainables.device import DeviceType
from trainables.errors import InputError

MAX_LOST = 3
# How much a task takes of what tells the type of a node's GPUs.
TRIFLE = 0.001

# What Tune hands to a worker: the task alone, under this name.
TASK = "task"
EVENT = "event"
Config = Mapping[str, Task]
# What Tune hands to a callback; of its many entries only ours is read.
Result = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """A running Ray. `machine` is what its smallest working node has."""

    machine: Machine
    debug: bool = False
    _stopped: set[str] = field(default_factory=set)

    @property
    def device(self) -> DeviceType:
        """See `Executor.device`."""
        return "cuda" if self.machine.gpus else "cpu"

    def run(
        self,
        tasks: Sequence[Task],
        *,
        target: Target,
        on_event: OnEvent,
        on_tick: Callable[[], None],
        max_concurrent: int | None = None,
    ) -> None:
        """See `Executor.run`. A task whose workers died MAX_LOST + 1 times is given up: event LOST."""
        self._stopped.clear()
        storage = Path(tempfile.mkdtemp(prefix="orchestrator-tune-"))
        try:
            with ended_by_signals() as signals:

                def tick() -> None:
                    signals.check()
                    on_tick()

                tuner = tune.Tuner(
                    tune.with_resources(_trainable(target), self._bundle),
                    param_space={TASK: tune.grid_search(list(tasks))},
                    tune_config=tune.TuneConfig(
                        reuse_actors=True,
                        max_concurrent_trials=max_concurrent,
                        scheduler=_InOrder(self._stopped),
                    ),
                    run_config=tune.RunConfig(
                        name="run",
                        storage_path=str(storage),
                        verbose=2 if self.debug else 0,
                        failure_config=tune.FailureConfig(max_failures=MAX_LOST),
                        callbacks=[_Events(TaskEvents(on_event), tick)],
                    ),
                )
                tuner.fit()
                signals.check()
        finally:
            shutil.rmtree(storage, ignore_errors=True)

    def _of_type(self) -> dict[str, float]:
        """What a node has of which every task takes a trifle, so that it comes to a GPU of the type."""
        return {GPU_TYPE + self.machine.gpu_type: TRIFLE} if self.machine.gpu_type else {}

    def _bundle(self, config: Config) -> tune.PlacementGroupFactory:
        share = config[TASK].share
        bundle = {"CPU": share.cpus, "GPU": share.gpus} | (self._of_type() if share.gpus else {})
        return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}])

    def stop(self, task: Task) -> None:
        """See `Executor.stop`; Tune stops it at the report after the one that is being heard."""
        self._stopped.add(task.key)

    def each(
        self, function: Callable[..., R], calls: Sequence[Mapping[str, object]], *, cpus: int, gpus: float
    ) -> Iterator[tuple[int, R]]:
        """See `Executor.each`; each call is a Ray task, tried again when its worker is lost."""
        only = self._of_type() if gpus else {}
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, resources=only, max_retries=MAX_LOST)(function)
        places = {remote.remote(**arguments): place for place, arguments in enumerate(calls)}
        waiting = list(places)
        while waiting:
            ready, waiting = ray.wait(waiting)
            for reference in ready:
                try:
                    yield places[reference], ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, InputError):
                        raise InputError(str(error.cause)) from error
                    raise


def _trainable(target: Target) -> Callable[[Config], None]:
    def trial(config: Config) -> None:
        target(config[TASK], lambda event: tune.report({EVENT: event.plain()}))

    return trial


class _Unsaved:
    """Something that Tune pickles into its own records, which nobody reads: without its state."""

    def __getstate__(self) -> dict[str, object]:
        return {}


class _InOrder(_Unsaved, FIFOScheduler):
    """First come, first served, but for what was stopped; `stopped` is filled while the run goes on."""

    def __init__(self, stopped: Collection[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._stopped = stopped

    def on_trial_result(self, controller: Any, trial: Any, result: object) -> str:
        stopped = trial.config[TASK].key in self._stopped
        return str(FIFOScheduler.STOP if stopped else FIFOScheduler.CONTINUE)

    def choose_trial_to_run(self, controller: Any) -> Any:
        for trial in list(controller.get_live_trials()) if self._stopped else ():
            if trial.status == "PENDING" and trial.config[TASK].key in self._stopped:
                # Tune asks every trial for its folder in the end, and one that was never begun has none yet.
                trial.init_local_path()
                controller.stop_trial(trial)
        return super().choose_trial_to_run(controller)


class _Events(_Unsaved, tune.Callback):
    """Hands what Tune hears to our own functions."""

    def __init__(self, events: TaskEvents, on_tick: Callable[[], None]) -> None:
        self._events, self._on_tick = events, on_tick

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._on_tick()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Result, **info: Any
    ) -> None:
        self._events.hear(Event.of(result[EVENT]))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._events.say(trial.config[TASK], EventKind.RESTARTED)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._events.say(trial.config[TASK], EventKind.LOST, _reason(trial))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Whatever has not ended by now was stopped. Tune may say so twice.
        self._events.say(trial.config[TASK], EventKind.STOPPED)


def _reason(trial: Any) -> str:
    """Say why a trial is given up, by the end of the traceback that Tune has written of its last loss."""
    try:
        text = Path(trial.local_path, trial.run_metadata.error_filename or "").read_text(encoding="utf-8")
    except (OSError, TypeError):
        text = ""
    last = (text.strip().splitlines() or ["no reason given"])[-1].strip()[:200]
    return f"its worker was lost {MAX_LOST + 1} times: {last}"
