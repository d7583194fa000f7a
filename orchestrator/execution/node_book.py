"""Book of a cluster's nodes during a run: which may be worked on, which are left out, which are gone.

Nodes come and go while trials run. Each is judged once, before its first trial, and what has become of it is
said once. A node without cores (a head that only schedules) does no work and is not in the book.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.execution.cluster_nodes import ClusterNode


@dataclass(slots=True)
class NodeBook:
    """Nodes by their ids; without any it has nothing to say, as on one machine.

    `gpu_type` is the type of the GPUs that train, and `is_for_gpus` whether GPUs train at all.
    """

    is_for_gpus: bool = False
    gpu_type: str = ""
    _nodes: dict[str, ClusterNode] = field(default_factory=dict)
    _faults: dict[str, str] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _news: list[str] = field(default_factory=list)
    _joined: int = 0

    def begin(self, node: ClusterNode, fault: str) -> None:
        """Enter a node that is there when the run begins, of which all was said; "" = it may be worked on."""
        if node.cores:
            self._nodes[node.node_id], self._faults[node.node_id] = node, fault

    def see(self, nodes: Sequence[ClusterNode]) -> list[ClusterNode]:
        """Take in which nodes there are now; return those that are new and have to be judged."""
        new = [node for node in nodes if node.alive and node.cores and node.node_id not in self._nodes]
        self._nodes |= {node.node_id: node for node in new}
        alive = {node.node_id for node in nodes if node.alive}
        for node_id in self._nodes.keys() - alive - self._gone:
            self._gone.add(node_id)
            if self._trains(node_id):
                self._news.append(
                    f"node {self._nodes[node_id].address} is gone; what it trained goes on from its last "
                    "checkpoint, on another one"
                )
        return new

    def judge(self, node_id: str, sentence: str, *, note: str = "") -> None:
        """Take in what the check of a node that came later has found; "" = it may be worked on.

        `note` is what else there is to say of it.
        """
        self._faults[node_id] = sentence
        if node_id in self._gone:
            return
        if sentence:
            self._news.append(sentence)
        elif self._trains(node_id):
            self._joined += 1
            self._news.append(f"node {_called_with_gpus(self._nodes[node_id])} has joined")
        self._news += filter(None, [note])

    def tell(self, sentence: str) -> None:
        """Take in something else to be said once."""
        self._news.append(sentence)

    def left_out(self) -> tuple[str, ...]:
        """Return the ids of the nodes that nothing may be given to."""
        return tuple(sorted(node_id for node_id, fault in self._faults.items() if fault))

    def is_gone(self, node_id: str) -> bool:
        """Tell whether a node was there and is no more."""
        return node_id in self._gone

    def is_waiting(self) -> bool:
        """Tell whether a node that is there has not been judged yet."""
        return bool(self._nodes.keys() - self._faults.keys() - self._gone)

    def is_any_left(self) -> bool:
        """Tell whether a node is there on which trials may run, or one that has not been judged yet."""
        return self.is_waiting() or any(map(self._trains, self._nodes.keys() - self._gone))

    def news(self) -> list[str]:
        """Return what has not been said yet, in sentences; to be said now."""
        said, self._news = self._news, []
        return said

    def headline(self) -> str:
        """Say in a few words which nodes train; empty where there is no cluster."""
        if not self._nodes:
            return ""
        there = self._nodes.keys() - self._gone
        training = [self._nodes[node_id] for node_id in there if self._trains(node_id)]
        text = f"on {_count(len(training), 'node')}"
        if self.is_for_gpus:
            text += f" with {_count(sum(node.gpus for node in training), 'GPU')}"
        lost = sum(self._trains(node_id) for node_id in self._gone)
        out = len(set(self.left_out()) - self._gone)
        beside = {"joined": self._joined, "gone": lost, "left out": out}
        told = [f"{count} {what}" for what, count in beside.items() if count]
        return text + (f" ({', '.join(told)})" if told else "")

    def _trains(self, node_id: str) -> bool:
        """Whether trials may run on a node, or could while it was there."""
        node = self._nodes[node_id]
        fits = not self.is_for_gpus or (node.gpus > 0 and self.gpu_type in ("", node.gpu_type))
        return fits and self._faults.get(node_id) == ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _called_with_gpus(node: ClusterNode) -> str:
    return node.address + (f" ({_count(node.gpus, 'GPU')})" if node.gpus else "")
