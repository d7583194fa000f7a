"""Decision what trains on a cluster that is joined, and the wait for nodes that can: the first, or another.

The nodes that are alive at this moment do not decide it where somebody has: with a declared device that no
node has, the autoscaler is asked for one and the run waits. Where all nodes go during a run it waits as long
for another one. Knows no Ray: a `Cluster` does.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from orchestrator.execution.autoscaler_report import Autoscaler
from orchestrator.execution.cluster_nodes import ClusterNode
from orchestrator.execution.restart import RunEndedError
from orchestrator.execution.workplace import HERE
from orchestrator.plan.plan import Options
from orchestrator.store.records import StudyRecord
from orchestrator.store.remote.local_copy import copy_at
from trainables.device import DeviceType
from trainables.errors import InputError

POLL_S = 2.0
WAIT_S = 900.0
KIND: dict[DeviceType, str] = {"cuda": "GPU", "cpu": "CPU"}
HOW = "--device or ORCHESTRATOR_DEVICE"
Bundle = Mapping[str, float]


def as_planned(options: Options, known: StudyRecord | None) -> Options:
    """Declare a GPU where a study's trials were planned for one, a cluster is joined and nobody says else.

    Which workers happen to be up must not change what trains; on one machine there are no others to come.
    """
    if options.address in HERE or options.device is not None or known is None or known.device != "cuda":
        return options
    return replace(options, device="cuda", device_why="its trials were planned for GPUs")


def joining_of(
    options: Options, known: StudyRecord | None, say: Callable[[str], None], *, results: Path
) -> "Joining":
    """Return how a run joins a cluster: by its options, with the type of GPU that its study had before."""
    shares = [] if known is None else [each.share for each in known.experiments if each.share is not None]
    return Joining(
        device=options.device,
        why=options.device_why,
        wait_s=options.wait_workers_s,
        mixed_gpus=options.mixed_gpus,
        gpu_type=shares[0].gpu_type if shares else "",
        results=seen_by_all(results),
        say=say,
    )


def seen_by_all(results: Path) -> Path | None:
    """Return the folder that every node must see; None where it is a copy, and each node has its own."""
    return results if copy_at(results) is None else None


def _say_nothing(text: str) -> None:
    """Say what takes a while to nobody."""


@dataclass(frozen=True, slots=True)
class Joining:
    """How a cluster is joined.

    `device` is what was declared to train, and `why` by whom, if not by an option or a variable; None = what
    is there. `wait_s` is how long the first worker may take. `gpu_type` is preferred among several types of
    GPUs. `results` is the folder that every node must see; None = none need to. `say` hears what takes a
    while, and what there is to know of the nodes.
    """

    device: DeviceType | None = None
    why: str = ""
    wait_s: float = WAIT_S
    mixed_gpus: bool = False
    gpu_type: str = ""
    results: Path | None = None
    say: Callable[[str], None] = _say_nothing


class Cluster(Protocol):
    """A cluster that has been joined."""

    def nodes(self) -> Sequence[ClusterNode]:
        """Return its nodes, as Ray counts them."""

    def autoscaler(self) -> Autoscaler:
        """Return what is known of its autoscaler."""

    def request(self, bundles: Sequence[Bundle]) -> None:
        """Ask for nodes on which all of these fit, until it is asked again; none = no more."""


@contextlib.contextmanager
def settled_device(
    cluster: Cluster,
    joining: Joining,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[DeviceType]:
    """Give what trains, when a node that can is alive; a node that had to be asked for stays for the block.

    Raises:
        InputError: none is and none can come, or none came in time; or it has to be declared whether to wait.
    """
    alive = [node for node in cluster.nodes() if node.alive]
    if joining.device is None and any(node.gpus for node in alive):
        yield "cuda"
        return
    device = joining.device or _without_gpus(cluster.autoscaler())
    if _is_there(alive, device):
        yield device
        return
    if joining.device is None and not cluster.autoscaler().cpu_types:
        raise InputError(
            "the Ray cluster has no node with CPUs or GPUs to work on; add workers to it, or, where they "
            f"are still to come, say by {HOW} which to wait for: cuda or cpu"
        )
    try:
        _wait(cluster, device, joining, sleep=sleep, clock=clock)
        yield device
    finally:
        # What is not taken back keeps a node that nobody uses, also when this process is gone.
        cluster.request([])


def _without_gpus(autoscaler: Autoscaler) -> DeviceType:
    """Return "cpu", unless GPUs may come: then it is not for a moment's nodes to decide."""
    if autoscaler.gpu_types:
        raise InputError(
            "no GPU worker is up, and this cluster's autoscaler can start some "
            f"({', '.join(autoscaler.gpu_types)}); say by {HOW} what trains: cuda waits for the first one, "
            "cpu takes the CPUs that there are"
        )
    return "cpu"


def _is_there(nodes: Sequence[ClusterNode], device: DeviceType) -> bool:
    return any(node.alive and (node.gpus if device == "cuda" else node.cores) for node in nodes)


def _wait(
    cluster: Cluster,
    device: DeviceType,
    joining: Joining,
    *,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> None:
    kind, end = KIND[device], clock() + joining.wait_s
    minutes = f"{joining.wait_s / 60:g} min"
    why = f"{joining.why}; " if joining.why else ""
    joining.say(
        f"waiting for the first {kind} worker ({why}the autoscaler is asked for one; at most {minutes})"
    )
    cluster.request([{"CPU": 1, "GPU": 1} if device == "cuda" else {"CPU": 1}])
    while not _is_there(cluster.nodes(), device):
        if clock() >= end:
            raise InputError(f"no {kind} worker came within {minutes}: {_why(cluster)}")
        sleep(POLL_S)


def _why(cluster: Cluster) -> str:
    """Say why no worker comes, and what to do."""
    reasons = "; ".join(cluster.autoscaler().reasons) or "its autoscaler gives no reason, or it has none"
    return f"{reasons}; see `ray status`, or wait longer with --wait-workers"


@dataclass(slots=True)
class Abandonment:
    """How long a cluster has had no node that a run can use, which may end the run.

    Whoever waits for trials does not hear of it: they wait for a node themselves.
    """

    cluster: Cluster
    device: DeviceType
    wait_s: float
    clock: Callable[[], float] = time.monotonic
    _since: float | None = None

    def look(self, *, is_any_left: bool) -> None:
        """Take in whether a node is left.

        Raises:
            RunEndedError: none was for as long as a worker may take to come.
        """
        if is_any_left:
            self._since = None
            return
        self._since = self.clock() if self._since is None else self._since
        if self.clock() - self._since >= self.wait_s:
            raise RunEndedError(
                f"no {KIND[self.device]} worker was left, and none came within {self.wait_s / 60:g} min: "
                f"{_why(self.cluster)}; the same command goes on where this one stopped"
            )
