"""The executor with Ray, and the one module that knows Ray.

`start` begins a local Ray or joins one by address. Tasks are fanned out with Ray Tune: one Tune trial per
task, worker processes reused, a lost worker's task started again (up to MAX_LOST times). Our own errors end
inside the worker and never reach Tune, so they are not retried. What is finished is on disk when Tune hears
of it; Tune's own records go to a temporary folder and are never read back.
"""

import contextlib
import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Read by Ray when it is imported. The last three are for the C library of the workers: every trial runs in a
# thread of its own, whose memory would stay with that thread, and mapping each activation anew costs a tenth
# of a step.
for _name, _value in {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_THRESHOLD_S": "3600",
    "TUNE_MAX_PENDING_TRIALS_PG": "auto",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}.items():
    os.environ.setdefault(_name, _value)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler

from orchestrator.execution.ending import ended_by_signals  # noqa: E402
from orchestrator.execution.executor import (  # noqa: E402
    Event,
    EventKind,
    OnEvent,
    R,
    Target,
    Task,
    TaskEvents,
    output_in,
)
from orchestrator.execution.workplace import origin_text  # noqa: E402
from orchestrator.plan.resources import Machine, this_machine  # noqa: E402
from trainables.device import DeviceType, device_type  # noqa: E402
from trainables.errors import InputError  # noqa: E402

MAX_LOST = 3
CONNECT_TIMEOUT_S = 10.0
OBJECT_STORE_BYTES = 200 * 2**20

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
                    tune.with_resources(_trainable(target), _resources),
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

    def stop(self, task: Task) -> None:
        """See `Executor.stop`; Tune stops it at the report after the one that is being heard."""
        self._stopped.add(task.key)

    def each(
        self, function: Callable[..., R], calls: Sequence[Mapping[str, object]], *, cpus: int, gpus: float
    ) -> Iterator[tuple[int, R]]:
        """See `Executor.each`; each call is a Ray task, tried again when its worker is lost."""
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=MAX_LOST)(function)
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


@contextlib.contextmanager
def start(address: str = "local", *, log: Path, debug: bool = False) -> Iterator[RayExecutor]:
    """Start a local Ray ("local"), or join the one at `address` ("auto", "HOST:PORT"); leave it at the end.

    Until then, standard output and error are the file `log`, unless `debug`.

    Raises:
        InputError: there is no Ray at `address`.
    """
    options: dict[str, Any] = {
        "address": address,
        "log_to_driver": debug,
        "logging_level": logging.INFO if debug else logging.ERROR,
        "configure_logging": debug,
    }
    if address == "local":
        options |= {
            "num_cpus": this_machine().cores,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_node_ip_address": "127.0.0.1",
        }
        if device_type() == "cpu":
            # GPUs that this torch can't use, or that are hidden from it, are none.
            options["num_gpus"] = 0
    else:
        _check_answers(address)
    named = address + origin_text(address)
    with contextlib.nullcontext() if debug else _quiet(log), ended_by_signals() as signals:
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            if address == "local":
                raise
            raise InputError(
                f"no Ray cluster at {named} ({_first_line(error)}); start one, or give --address local"
            ) from error
        # Ray has made SIGTERM end the process at once.
        signals.take()
        try:
            yield RayExecutor(_machine(local=address == "local"), debug)
        finally:
            ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise InputError when nobody listens at HOST:PORT; Ray itself would go on trying for ten minutes."""
    named = address + origin_text(address)
    if address.startswith(("http://", "https://")):
        raise InputError(
            f"{named} is where jobs are submitted; run this command there (`ray job submit -- ...`), or give "
            "--address local"
        )
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        if address == "auto":
            return
        raise InputError(f"--address {named}: give local, none, auto or HOST:PORT, for example 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster at {named} ({error}); start one, or give --address local"
        ) from error


def _trainable(target: Target) -> Callable[[Config], None]:
    def trial(config: Config) -> None:
        target(config[TASK], lambda event: tune.report({EVENT: event.plain()}))

    return trial


def _resources(config: Config) -> tune.PlacementGroupFactory:
    share = config[TASK].share
    bundle = {"CPU": share.cpus, "GPU": share.gpus}
    return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}])


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


def _machine(*, local: bool) -> Machine:
    nodes = [
        node["Resources"]
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    gpus = [node for node in nodes if node.get("GPU")]
    workers = gpus or [node for node in nodes if node.get("CPU")]
    if not workers:
        raise InputError("the Ray cluster has no node with CPUs or GPUs to work on; add workers to it")
    here = this_machine()
    memory_mib = here.memory_mib if local else min(node.get("memory", 0.0) for node in workers) / 2**20
    return Machine(
        cores=int(min(node.get("CPU", 1) for node in workers)),
        memory_mib=memory_mib,
        gpus=int(min(node.get("GPU", 0) for node in workers)),
        gpu_memory_mib=_gpu_memory_mib() if gpus else 0.0,
        nodes=len(workers),
    )


def _gpu_memory_mib() -> float:
    return float(ray.get(ray.remote(num_gpus=0.01, num_cpus=1)(_total_gpu_memory).remote()))


def _total_gpu_memory() -> float:
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 2**20


@contextlib.contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """Send what Ray prints (loggers, warnings, and bare prints from its threads) to `log`."""
    loggers = [
        logging.getLogger(name) for name in ("ray", "ray.tune", "ray.train", "ray.data", "ray._private")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with output_in(log):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
