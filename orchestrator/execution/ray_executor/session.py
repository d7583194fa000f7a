"""A running Ray for the length of a block: begun on this machine, or joined by address."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from orchestrator.execution.cluster_nodes import smallest_machine
from orchestrator.execution.ending import EndingSignals, ended_by_signals
from orchestrator.execution.executor import output_in
from orchestrator.execution.joining import Joining, settled_device
from orchestrator.execution.minder import minded
from orchestrator.execution.node_book import NodeBook
from orchestrator.execution.node_check import demands_of_here
from orchestrator.execution.node_hardware import fit_nodes, node_problems
from orchestrator.execution.ray_executor import SETTINGS
from orchestrator.execution.ray_executor.engine_watch import engine_watched
from orchestrator.execution.ray_executor.fan_out import SESSION, RayExecutor
from orchestrator.execution.ray_executor.joined import JoinedCluster
from orchestrator.execution.ray_executor.local_ray import alone_on_loopback, begin_local
from orchestrator.execution.ray_executor.node_watch import NodeWatch, look_at_nodes
from orchestrator.execution.ray_executor.session_place import session_place
from orchestrator.execution.workers_environment import carried_environment
from orchestrator.execution.workplace import check_answers, first_line, origin_text
from orchestrator.plan.resources import this_machine
from orchestrator.store.shared_results import ResultsToken, left_token
from trainables.errors import InputError

OBJECT_STORE_BYTES = 200 * 2**20


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
    with _connected(address, log=log, joining=joining, debug=debug) as (place, signals):
        if address == "local":
            with engine_watched(signals):
                yield RayExecutor(this_machine(joining.device), place, debug=debug)
        else:
            with _joined(joining, place, debug=debug) as executor:
                yield executor


def look_early(address: str, *, log: Path, joining: Joining) -> None:
    """Look at the nodes of a cluster that are up, before anything takes long; nothing is waited for.

    Raises:
        InputError: there is no Ray at `address`; or it has GPUs that should train, and none of them can.
    """
    with _connected(address, log=log, joining=joining, debug=False):
        alive = [node for node in JoinedCluster().nodes() if node.alive]
        if joining.device == "cpu" or not any(node.gpus for node in alive):
            return
        with _token(joining) as token:
            found = look_at_nodes(alive, demands_of_here(token))
        fit_nodes(alive, found, replace(joining, say=lambda sentence: None), device="cuda")


@contextlib.contextmanager
def _connected(
    address: str, *, log: Path, joining: Joining, debug: bool
) -> Iterator[tuple[Path, EndingSignals]]:
    """Give the folder of a session on a Ray that was begun or joined, and what hears of signals."""
    options: dict[str, Any] = {
        "address": address,
        "log_to_driver": debug,
        "logging_level": logging.INFO if debug else logging.ERROR,
        "configure_logging": debug,
    }
    if address == "local":
        here = this_machine(joining.device)
        options |= {
            "num_cpus": here.cores,
            # What this torch can use; Ray would also count what is hidden from it.
            "num_gpus": here.gpus,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
    else:
        check_answers(address)
        options["runtime_env"] = {"env_vars": carried_environment(SETTINGS)}
    named = address + origin_text(address)
    with (
        contextlib.nullcontext() if debug else _quiet(log),
        ended_by_signals() as signals,
        session_place() as place,
        alone_on_loopback() if address == "local" else contextlib.nullcontext(),
    ):
        if address == "local":
            begin = functools.partial(ray.init, **options, _temp_dir=str(place))
            begin_local(begin, place=place, say=joining.say)
        else:
            _join(functools.partial(ray.init, **options), named)
        # Ray has made SIGTERM end the process at once.
        signals.take()
        with minded(place / SESSION) if address == "local" else contextlib.nullcontext():
            try:
                yield place, signals
            finally:
                ray.shutdown()
                # It has set what the system does at SIGTERM to its default, of which Python knows nothing.
                signals.take()


def _token(joining: Joining) -> contextlib.AbstractContextManager[ResultsToken | None]:
    """What nodes find in the results, where they must see them."""
    return contextlib.nullcontext() if joining.results is None else left_token(joining.results)


def _join(join: Callable[[], object], named: str) -> None:
    try:
        join()
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"no Ray cluster at {named} ({first_line(error)}); start one, or give --address local"
        ) from error


@contextlib.contextmanager
def _joined(joining: Joining, place: Path, *, debug: bool) -> Iterator[RayExecutor]:
    """Give the executor of the cluster that was joined, whose nodes are watched meanwhile."""
    cluster = JoinedCluster()
    with _token(joining) as token:
        demands = demands_of_here(token)
        with settled_device(cluster, joining) as device:
            alive = [node for node in cluster.nodes() if node.alive]
            found = look_at_nodes(alive, demands)
            training = fit_nodes(alive, found, joining, device=device)
        verdicts = node_problems(alive, found, device=device)
        book = NodeBook(is_for_gpus=device == "cuda", gpu_type=training.gpu_type)
        for node in alive:
            book.begin(node, verdicts.get(node.node_id, ""))
        watch = NodeWatch(cluster, book, demands, device, joining.wait_s)
        watch.begin(verdicts)
        try:
            yield RayExecutor(smallest_machine(training, device=device), place, debug, watch)
        finally:
            watch.close()


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
