"""Watch over the nodes of a joined cluster: each is judged before its first task, whenever it joins.

The process of the command asks every node once, by a task that is pinned to it, and leaves the verdict where
all workers can read it. A worker on a node that has none yet waits for it; on one that is left out it gives
its task back, and the task is kept off that node from then on.
"""

import functools
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put
from ray.util.placement_group import NODE_ID_LABEL_KEY
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.execution.cluster_nodes import ClusterNode
from orchestrator.execution.joining import Abandonment, Cluster
from orchestrator.execution.node_book import NodeBook
from orchestrator.execution.node_check import NodeDemands
from orchestrator.execution.node_hardware import (
    NodeHardware,
    look_at_node,
    node_problem,
    uncounted_sentence,
)
from orchestrator.execution.workplace import last_line
from trainables.device import DeviceType

SEE_EVERY_S, LOOK_TIMEOUT_S = 2.0, 240.0
# A node is seen and looked at within these; after that nobody will judge it.
JUDGED_WITHIN_S = LOOK_TIMEOUT_S + 60.0
FIT = b"fit"


class NodeLeftOut(RuntimeError):
    """A task has come to a node that is left out; it is no fault of the task."""


class NodeWatch:
    """Fills the book of a run with the nodes that come and go.

    Args:
        cluster: whose nodes these are.
        book: it knows the nodes that were there when the run began, and what became of them.
        demands: what every node must have.
        device: what trains.
        wait_s: how long the run goes on without any node that it can use.
    """

    def __init__(
        self, cluster: Cluster, book: NodeBook, demands: NodeDemands, device: DeviceType, wait_s: float
    ) -> None:
        self.book, self.run = book, secrets.token_hex(8)
        self._cluster, self._demands, self._device = cluster, demands, device
        self._abandonment = Abandonment(cluster, device, wait_s)
        self._asked: dict[Any, tuple[ClusterNode, float]] = {}
        self._told: list[str] = []
        self._seen_at = float("-inf")

    def begin(self, verdicts: Mapping[str, str]) -> None:
        """Let workers know what was found of the nodes that were there when the run began, by their ids."""
        for node_id, sentence in verdicts.items():
            self._tell(node_id, sentence)

    def tick(self, *, at_once: bool = False) -> None:
        """Look for what has changed, every SEE_EVERY_S or `at_once`; it waits for nothing.

        Raises:
            RunEndedError: no node was left for too long.
        """
        if not at_once and time.monotonic() - self._seen_at < SEE_EVERY_S:
            return
        self._seen_at = time.monotonic()
        for node in self.book.see(self._cluster.nodes()):
            self._asked[_asked(node, self._demands)] = node, time.monotonic()
        if self._asked:
            self._judge()
        self._abandonment.look(is_any_left=self.book.is_any_left())

    def _judge(self) -> None:
        """Take in the answers of nodes that have come."""
        ready, waiting = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        late = [each for each in waiting if time.monotonic() - self._asked[each][1] > LOOK_TIMEOUT_S]
        for reference in (*ready, *late):
            node, _ = self._asked.pop(reference)
            found = _answer(reference)
            sentence = node_problem(node, found, device=self._device)
            self.book.judge(node.node_id, sentence, note=uncounted_sentence(node, found))
            self._tell(node.node_id, sentence)

    def _tell(self, node_id: str, sentence: str) -> None:
        self._told.append(_key(self.run, node_id))
        _internal_kv_put(self._told[-1], sentence.encode() or FIT)

    def close(self) -> None:
        """Take back what workers were told."""
        for key in self._told:
            _internal_kv_del(key)

    def selector(self) -> dict[str, str]:
        """Return the labels of nodes that may be given work, as Ray selects by them; empty = all."""
        out = self.book.left_out()
        return {NODE_ID_LABEL_KEY: f"!in({','.join(out)})"} if out else {}


def look_at_nodes(nodes: Sequence[ClusterNode], demands: NodeDemands) -> dict[str, NodeHardware | str]:
    """Look at each node from a process on it: what it has, or in a line why nobody could look."""
    asked = {node.node_id: _asked(node, demands) for node in nodes}
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=LOOK_TIMEOUT_S)
    return {node_id: _answer(reference) for node_id, reference in asked.items()}


def on_fit_node(run: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what does the same on a node that may be worked on, and raises NodeLeftOut elsewhere."""

    def checked(**arguments: Any) -> Any:
        wait_until_judged(run)
        return function(**arguments)

    return checked


@functools.cache
def wait_until_judged(run: str) -> None:
    """Return when the node of this process may be worked on.

    Raises:
        NodeLeftOut: it may not, or nobody says so in time.
    """
    key, end = _key(run, ray.get_runtime_context().get_node_id()), time.monotonic() + JUDGED_WITHIN_S
    while (verdict := _internal_kv_get(key)) is None:
        if time.monotonic() > end:
            raise NodeLeftOut("nobody has looked at this node")
        time.sleep(0.2)
    if verdict != FIT:
        raise NodeLeftOut(verdict.decode())


def _key(run: str, node_id: str) -> str:
    return f"orchestrator:{run}:{node_id}"


def _asked(node: ClusterNode, demands: NodeDemands) -> Any:
    return (
        ray.remote(num_cpus=0, max_retries=1)(look_at_node)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False))
        .remote(node.gpus, demands)
    )


def _answer(reference: Any) -> NodeHardware | str:
    try:
        found: NodeHardware = ray.get(reference, timeout=0)
    # A node may be lost, out of time, or without this program: all that is said of the node.
    except Exception as error:
        return last_line(str(error)) or repr(error)
    return found
