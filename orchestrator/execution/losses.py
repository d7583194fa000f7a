"""Losses of workers by task, and when a task is given up: only for what can be its own fault.

A worker that dies (out of memory, a fault of a library) may do so again and again on the same trial. A node
that is gone (a spot machine that was taken back) says nothing of the trials that it trained, nor does one
that is left out because it fails its check. Which it was may be known only some time after the loss: so
losses are counted anew each time, by what is known of their nodes by then.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.execution.node_book import NodeBook

MAX_LOST = 3
# More than a bad day of spot machines takes; a task that loses so many nodes is what ends them.
MAX_GONE = 100
# Where a task is that had not begun yet.
NOWHERE = ""
# Where it is when it has come to a card that gets no more trials.
BROKEN_CARD = "broken card"


class LossCause(StrEnum):
    """What has ended a task's worker, as far as it is known."""

    WORKER = "its worker was lost; it starts again"
    NODE = "its node is gone; it goes on from its last checkpoint on another one"
    CARD = "its GPU gets no more trials; it goes on elsewhere"
    LEFT_OUT = "its node is left out; it goes on elsewhere"


@dataclass(slots=True)
class Losses:
    """Losses of the tasks of a run, by the key of the task: the node of each, or NOWHERE."""

    book: NodeBook
    _place: dict[str, str] = field(default_factory=dict)
    _nodes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _excused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    # The nodes that a task has been kept off since its last loss.
    _kept_off: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def runs_on(self, key: str, node_id: str) -> None:
        """Take in on which node a task has begun."""
        self._place[key] = node_id

    def lose(self, key: str) -> LossCause:
        """Count the loss of a task's worker; say what was lost."""
        node_id, out = self._place.pop(key, NOWHERE), self.book.left_out()
        is_news = out != self._kept_off.get(key, ())
        self._kept_off[key] = out
        if node_id == NOWHERE and (is_news or self.book.is_waiting()):
            # It may have been put on a node on which nothing can begin, which was or is being found out.
            self._excused[key] += 1
            return LossCause.LEFT_OUT
        self._nodes[key].append(node_id)
        return self._cause(node_id)

    def is_given_up(self, key: str) -> bool:
        """Tell whether a task has lost too many workers by its own fault, or too many in all."""
        return self._own(key) > MAX_LOST or len(self._nodes[key]) + self._excused[key] > MAX_GONE

    def reason(self, key: str) -> str:
        """Say why a task is given up."""
        if (own := self._own(key)) > MAX_LOST:
            return f"its worker was lost {own} times"
        return f"more than {MAX_GONE} nodes were lost"

    def _own(self, key: str) -> int:
        return sum(self._cause(node_id) is LossCause.WORKER for node_id in self._nodes[key])

    def _cause(self, node_id: str) -> LossCause:
        if node_id == BROKEN_CARD:
            return LossCause.CARD
        if self.book.is_gone(node_id):
            return LossCause.NODE
        return LossCause.LEFT_OUT if node_id in self.book.left_out() else LossCause.WORKER
