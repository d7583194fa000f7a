"""The one module that knows Ray: a list of tasks in, events out.

`Cluster` starts a local Ray or joins one by address. `run` fans tasks out with Ray Tune: one Tune trial a
task, worker processes reused, a lost worker's task started again (up to MAX_LOST times). Our own errors end
inside the worker and never reach Tune, so they are not retried. What is finished is on disk when Tune hears
of it; Tune's own records go to a temporary folder and are never read back.
"""

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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

from orchestrator.plan.resources import Machine, this_machine  # noqa: E402
from trainables.device import device_type  # noqa: E402
from trainables.errors import InputError  # noqa: E402

MAX_LOST = 3
CONNECT_TIMEOUT_S = 10.0
OBJECT_STORE_BYTES = 200 * 2**20

Task = Mapping[str, Any]
Event = dict[str, Any]
OnEvent = Callable[[str, Event], None]
Target = Callable[[dict[str, Any], Callable[[Event], None]], None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running Ray. `machine` is what its smallest working node has; `slots` counts its nodes."""

    machine: Machine
    nodes: int
    debug: bool

    @property
    def device(self) -> str:
        """What trains here: "cuda" or "cpu"."""
        return "cuda" if self.machine.gpus else "cpu"


@contextlib.contextmanager
def start(address: str = "local", *, log: Path, debug: bool = False) -> Iterator[Cluster]:
    """Start a local Ray ("local"), or join the one at `address` ("auto", "HOST:PORT"); leave it at the end.

    Until then, standard output and error are the file `log`, unless `debug`: whoever has something to show
    keeps the stream it had before.

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
    quiet = contextlib.nullcontext() if debug else _quiet(log)
    with quiet:
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            if address == "local":
                raise
            raise InputError(
                f"no Ray cluster at {address} ({_first_line(error)}); start one, or leave out --address"
            ) from error
        try:
            machine, nodes = _machine(local=address == "local")
            yield Cluster(machine, nodes, debug)
        finally:
            ray.shutdown()


def call(
    function: Callable[..., Any], calls: Sequence[Mapping[str, Any]], *, cpus: int, gpus: float
) -> list[Any]:
    """Call `function(**arguments)` for each of `calls` on workers of this size; return the results."""
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=2)(function)
    return list(ray.get([remote.remote(**arguments) for arguments in calls]))


def each(
    function: Callable[..., Any], calls: Sequence[Mapping[str, Any]], *, cpus: int, gpus: float
) -> Iterator[Any]:
    """Call `function(**arguments)` for each of `calls`, and yield the results as they come, in any order.

    Raises:
        InputError: a call raised it.
    """
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=MAX_LOST)(function)
    waiting = [remote.remote(**arguments) for arguments in calls]
    while waiting:
        ready, waiting = ray.wait(waiting)
        for reference in ready:
            try:
                yield ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, InputError):
                    raise InputError(str(error.cause)) from error
                raise


def run(
    cluster: Cluster,
    tasks: Sequence[Task],
    *,
    target: Target,
    on_event: OnEvent,
    on_tick: Callable[[], None],
    max_concurrent: int | None = None,
) -> None:
    """Run `target(task, report)` for every task on the cluster's workers.

    Args:
        cluster: what `start` gave.
        tasks: plain dictionaries; `key` names a task, `cpus` and `gpus` are what it gets.
        target: a function of an importable module; it must not raise for a task's own errors.
        on_event: called with (key, event) for everything that `target` reports, and with state "lost" when
        the workers
            of a task died MAX_LOST + 1 times.
        on_tick: called several times a second.
        max_concurrent: the most tasks at a time; None = what the resources allow.
    """
    storage = Path(tempfile.mkdtemp(prefix="orchestrator-tune-"))
    try:
        with _remembered_interrupt() as check:

            def tick() -> None:
                check()
                on_tick()

            tuner = tune.Tuner(
                tune.with_resources(_trainable(target), _resources),
                param_space={"task": tune.grid_search([dict(task) for task in tasks])},
                tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=max_concurrent),
                run_config=tune.RunConfig(
                    name="run",
                    storage_path=str(storage),
                    verbose=2 if cluster.debug else 0,
                    failure_config=tune.FailureConfig(max_failures=MAX_LOST),
                    callbacks=[_Events(on_event, tick)],
                ),
            )
            tuner.fit()
    finally:
        shutil.rmtree(storage, ignore_errors=True)


def _check_answers(address: str) -> None:
    """Raise InputError when nobody listens at HOST:PORT; Ray itself would go on trying for ten minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        if address == "auto":
            return
        raise InputError(f"--address {address}: give local, auto or HOST:PORT, for example 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster at {address} ({error}); start one, or leave out --address"
        ) from error


def _trainable(target: Target) -> Callable[[dict[str, Any]], None]:
    def trial(config: dict[str, Any]) -> None:
        target(config["task"], tune.report)

    return trial


def _resources(config: dict[str, Any]) -> tune.PlacementGroupFactory:
    bundle = {"CPU": config["task"]["cpus"], "GPU": config["task"]["gpus"]}
    return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}])


class _Events(tune.Callback):
    """Hands what Tune hears to our own functions; holds no state that would have to be saved."""

    def __init__(self, on_event: OnEvent, on_tick: Callable[[], None]) -> None:
        self._on_event, self._on_tick = on_event, on_tick

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles callbacks into its own records, which nobody reads.
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._on_tick()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._on_event(trial.config["task"]["key"], result)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._on_event(trial.config["task"]["key"], {"state": "restarted"})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._on_event(trial.config["task"]["key"], {"state": "lost", "message": _reason(trial)})


@contextlib.contextmanager
def _remembered_interrupt() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt again when one was lost.

    An interrupt that arrives inside a callback of Ray's own threads and destructors is printed and forgotten.
    """
    came: list[int] = []

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    def remember(number: int, frame: Any) -> None:
        came.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, remember)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, before)


def _reason(trial: Any) -> str:
    error = trial.get_pickled_error() or trial.get_error()
    text = _first_line(error) if error else "no reason given"
    return f"its worker was lost {MAX_LOST + 1} times: {text}"


def _machine(*, local: bool) -> tuple[Machine, int]:
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
    machine = Machine(
        cores=int(min(node.get("CPU", 1) for node in workers)),
        memory_mib=memory_mib,
        gpus=int(min(node.get("GPU", 0) for node in workers)),
        gpu_memory_mib=_gpu_memory_mib() if gpus else 0.0,
    )
    return machine, len(workers)


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
    log.parent.mkdir(parents=True, exist_ok=True)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with (
            log.open("a", encoding="utf-8") as stream,
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
