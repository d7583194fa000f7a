"""Calls by workers that stay: Ray actors that make something once and are then given call after call.

As many are asked for as the calls are worth; those that find no room wait for it, and end with the calls. The
call of a worker that is lost goes to another one, before all others, until `Losses` gives it up.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray

from orchestrator.execution.executor import CallLostError
from orchestrator.execution.losses import Losses
from orchestrator.execution.ray_executor.node_watch import SEE_EVERY_S, NodeLeftOut, wait_until_judged
from orchestrator.execution.ray_executor.sound_process import in_sound_process
from orchestrator.execution.workplace import last_line
from trainables.errors import InputError

# More than a cluster of this program has room for; Ray keeps a record of each.
MAX_WORKERS = 64
# Under which the losses of workers are counted that had no call yet.
BEGINNING = "beginning"
LOST = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.ObjectLostError,
    ray.exceptions.NodeDiedError,
)


class StayingWorker:
    """The process of a worker: it says where it is, begins, and then works.

    Args:
        run: the name of the verdicts on nodes; empty where nobody judges any.
        make: gives what is called, from `made_with`.
        made_with: its arguments.
    """

    def __init__(
        self, run: str, make: Callable[..., Callable[..., Any]], made_with: Mapping[str, object]
    ) -> None:
        self._run, self._make, self._made_with = run, make, made_with

    def node(self) -> str:
        """Return the id of the node it is on."""
        return str(ray.get_runtime_context().get_node_id())

    def begin(self) -> None:
        """Make what is called.

        Raises:
            NodeLeftOut: nothing may run on this node.
        """
        if self._run:
            wait_until_judged(self._run)
        self._work = in_sound_process(self._make(**self._made_with))

    def work(self, arguments: Mapping[str, object]) -> Any:
        """Answer a call."""
        return self._work(**arguments)


@dataclass(slots=True)
class _Hand:
    """A worker as the process of the command sees it; `place` is that of its call, None = it has none."""

    actor: Any
    node_id: str = ""
    place: int | None = None

    @property
    def key(self) -> str:
        """Under which its loss is counted."""
        return BEGINNING if self.place is None else str(self.place)


@dataclass(slots=True)
class StayingCalls:
    """The calls of one `each_staying`, and the workers that answer them.

    Args:
        calls: the arguments of each.
        new_actor: starts a worker where one may be started by now.
        losses: counts what is lost, by the place of the call.
        see: looks at the nodes of the cluster, `at_once` or when it is time.
    """

    calls: Sequence[Mapping[str, object]]
    new_actor: Callable[[], Any]
    losses: Losses
    see: Callable[..., None]
    _todo: deque[int] = field(default_factory=deque)
    _asked: dict[Any, _Hand] = field(default_factory=dict)
    _idle: list[_Hand] = field(default_factory=list)

    def answers(self, num_workers: int) -> Iterator[tuple[int, Any]]:
        """Yield place and answer of every call, in any order.

        Raises:
            InputError: a call raised it.
            CallLostError: a call lost too many workers.
        """
        self._todo.extend(range(len(self.calls)))
        left = len(self.calls)
        try:
            for _ in range(min(num_workers, MAX_WORKERS, left)):
                self._start()
            while left:
                ready, _ = ray.wait(list(self._asked), timeout=SEE_EVERY_S)
                self.see()
                for reference in ready:
                    hand = self._asked.pop(reference)
                    place, answer = hand.place, self._heard(hand, reference)
                    if place is not None and hand.place is None:
                        left -= 1
                        yield place, answer
                self._hand_out()
        finally:
            for hand in (*self._asked.values(), *self._idle):
                ray.kill(hand.actor)

    def _start(self) -> None:
        hand = _Hand(self.new_actor())
        self._asked[hand.actor.node.remote()] = hand

    def _hand_out(self) -> None:
        while self._todo and self._idle:
            hand = self._idle.pop()
            hand.place = self._todo.popleft()
            self.losses.runs_on(hand.key, hand.node_id)
            self._asked[hand.actor.work.remote(self.calls[hand.place])] = hand

    def _heard(self, hand: _Hand, reference: Any) -> Any:
        """Take in what a worker says; an answer leaves it without a call, a loss with the one it had."""
        try:
            said = ray.get(reference)
        except LOST as error:
            self._replace(hand, error)
            return None
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, NodeLeftOut):
                ray.kill(hand.actor)
                self.see(at_once=True)
                self._start()
                return None
            if isinstance(error.cause, InputError):
                raise error.cause from error
            raise
        if not hand.node_id:
            hand.node_id = said
            self._asked[hand.actor.begin.remote()] = hand
            return None
        hand.place = None
        self._idle.append(hand)
        return said

    def _replace(self, hand: _Hand, error: Exception) -> None:
        """Give the call of a lost worker back, and start another worker."""
        # It may only be out of reach.
        ray.kill(hand.actor)
        self.see(at_once=True)
        if hand.place is None and hand.node_id:
            self.losses.runs_on(hand.key, hand.node_id)
        self.losses.lose(hand.key)
        if self.losses.is_given_up(hand.key):
            last = last_line(str(error)) or type(error).__name__
            raise CallLostError(f"{self.losses.reason(hand.key)}: {last}") from error
        if hand.place is not None:
            self._todo.appendleft(hand.place)
        self._start()
