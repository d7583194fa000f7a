"""The executor with Ray, and the one module that knows Ray.

`start` begins a local Ray or joins one by address. Tasks are fanned out with Ray Tune: one Tune trial per
task, worker processes reused, a lost worker's task started again (up to MAX_LOST times). Our own errors end
inside the worker and never reach Tune, so they are not retried. What is finished is on disk when Tune hears
of it; Tune's own records go to a temporary folder and are never read back.
"""

import contextlib
import copy
import logging
import os
import shutil
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
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.autoscaler.sdk import request_resources
    from ray.autoscaler.v2.utils import is_autoscaler_v2
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply  # type: ignore[attr-defined]
    from ray.experimental.internal_kv import _internal_kv_get
    from ray.tune.schedulers import FIFOScheduler
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import psutil  # noqa: E402

from orchestrator.execution import autoscaler_report  # noqa: E402
from orchestrator.execution.autoscaler_report import Autoscaler  # noqa: E402
from orchestrator.execution.cluster_nodes import GPU_TYPE, ClusterNode, smallest_machine  # noqa: E402
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
from orchestrator.execution.joining import Bundle, Joining, settled_device  # noqa: E402
from orchestrator.execution.node_hardware import NodeHardware, fit_nodes, look_at_node  # noqa: E402
from orchestrator.execution.workplace import check_answers, first_line, origin_text  # noqa: E402
from orchestrator.plan.resources import Machine, this_machine  # noqa: E402
from trainables.device import DeviceType  # noqa: E402
from trainables.errors import InputError  # noqa: E402

MAX_LOST = 3
LOOK_TIMEOUT_S, STATUS_TIMEOUT_S = 240.0, 10
OBJECT_STORE_BYTES = 200 * 2**20
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


@contextlib.contextmanager
def start(
    address: str = "local", *, log: Path, joining: Joining | None = None, debug: bool = False
) -> Iterator[RayExecutor]:
    """Start a local Ray ("local"), or join the one at `address` ("auto", "HOST:PORT"); leave it at the end.

    Until then, standard output and error are the file `log`, unless `debug`. `joining` says what trains.

    Raises:
        InputError: there is no Ray at `address`, or no node that can train comes, as `settled_device` says.
    """
    joining = joining or Joining()
    here = this_machine(joining.device)
    options: dict[str, Any] = {
        "address": address,
        "log_to_driver": debug,
        "logging_level": logging.INFO if debug else logging.ERROR,
        "configure_logging": debug,
    }
    if address == "local":
        options |= {
            "num_cpus": here.cores,
            # What this torch can use; Ray would also count what is hidden from it.
            "num_gpus": here.gpus,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_node_ip_address": "127.0.0.1",
        }
    else:
        check_answers(address)
    named = address + origin_text(address)
    with contextlib.nullcontext() if debug else _quiet(log), ended_by_signals() as signals:
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            if address == "local":
                raise
            raise InputError(
                f"no Ray cluster at {named} ({first_line(error)}); start one, or give --address local"
            ) from error
        # Ray has made SIGTERM end the process at once.
        signals.take()
        try:
            yield RayExecutor(here, debug=debug) if address == "local" else _joined(joining, debug=debug)
        finally:
            ray.shutdown()


def _joined(joining: Joining, *, debug: bool) -> RayExecutor:
    cluster = _JoinedCluster()
    with settled_device(cluster, joining) as device:
        alive = [node for node in cluster.nodes() if node.alive]
        training = fit_nodes(alive, _look_at(alive), joining, device=device)
    return RayExecutor(smallest_machine(training, device=device), debug)


def refusal_by_ray(config: Any) -> str:
    """Return the reason for which `ray up` would refuse a cluster's configuration; "" where it takes it.

    Its validator is private to Ray and may move with its version, which constraints.txt fixes.

    Args:
        config: what the file holds, as YAML has it; it is left as it is.
    """
    from ray.autoscaler._private.util import prepare_config, validate_config

    logger = logging.getLogger("ray.autoscaler._private.util")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        validate_config(prepare_config(copy.deepcopy(config)))
    except Exception as error:
        # Whatever is wrong with a file comes as any exception: its steps look up keys as they need them.
        where = ".".join(map(str, getattr(error, "absolute_path", ())))
        said = str(getattr(error, "message", error)).strip().splitlines() or [type(error).__name__]
        lacks = "it lacks " if isinstance(error, KeyError) else ""
        return f"{f'{where}: ' if where else ''}{lacks}{said[0][:300]}"
    finally:
        logger.setLevel(level)
    return ""


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


@dataclass(frozen=True, slots=True)
class _JoinedCluster:
    """The cluster that this process has joined; see `Cluster`."""

    def nodes(self) -> list[ClusterNode]:
        return [
            ClusterNode.counted(
                node["NodeID"], node["NodeManagerAddress"], node["Resources"], alive=node["Alive"]
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
        ]

    def autoscaler(self) -> Autoscaler:
        address = ray.get_runtime_context().gcs_address
        lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        gpu_types, cpu_types = autoscaler_report.node_types(autoscaler_report.configuration(lines, address))
        if is_autoscaler_v2():
            reply = GetClusterStatusReply()
            reply.ParseFromString(GcsClient(address).get_cluster_status(timeout_s=STATUS_TIMEOUT_S))
            reasons = autoscaler_report.second_reasons(reply.autoscaling_state)
        else:
            reasons = autoscaler_report.first_reasons(*map(_internal_kv_get, autoscaler_report.FIRST_KEYS))
        return Autoscaler(gpu_types, cpu_types, reasons)

    def request(self, bundles: Sequence[Bundle]) -> None:
        request_resources(bundles=[dict(bundle) for bundle in bundles])


def _look_at(nodes: Sequence[ClusterNode]) -> dict[str, NodeHardware | str]:
    """Look at each node from a process on it: what it has, or in a line why nobody could look."""
    remote = ray.remote(num_cpus=0, max_retries=1)(look_at_node)
    asked = {
        node.node_id: remote.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        ).remote(node.gpus)
        for node in nodes
    }
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=LOOK_TIMEOUT_S)
    found: dict[str, NodeHardware | str] = {}
    for node_id, reference in asked.items():
        try:
            found[node_id] = ray.get(reference, timeout=0)
        # A node may be lost, out of time, or without this program: all that is said of the node.
        except Exception as error:
            found[node_id] = str(error).strip().splitlines()[-1][:200] if str(error).strip() else repr(error)
    return found


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
