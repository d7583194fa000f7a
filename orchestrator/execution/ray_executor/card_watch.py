"""Watch over the cards of a run: one that breaks the contexts of trials is kept from getting more.

Ray gives a task any card of a node that has room. A card that is left out is therefore held by an actor of
ours, which takes the whole of it; until it has got it, workers that come to the card give their task back.
Where all cards of a node are left out the node is, so that an autoscaler may end it.
"""

import secrets
from typing import Any

import ray
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_exists, _internal_kv_put
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.execution.broken_cards import BrokenCards, PlacedCard, broken_card_sentence
from orchestrator.execution.node_book import NodeBook
from orchestrator.execution.ray_executor.joined import JoinedCluster


class CardLeftOut(RuntimeError):
    """A task has come to a card that gets no more trials; it is no fault of the task."""


class CardHolder:
    """A process that has a card for itself and does nothing."""

    def card(self) -> PlacedCard | None:
        """Say which one."""
        return card_of_worker()


class CardWatch:
    """Counts what breaks during a run of tasks, and holds the cards that are left out.

    Args:
        book: is told of them, and of nodes all of whose cards are left out.
        is_local: whether no other node can come.
    """

    def __init__(self, book: NodeBook, *, is_local: bool) -> None:
        self.run = secrets.token_hex(8)
        self._book, self._is_local = book, is_local
        self._cards = BrokenCards()
        self._asked: dict[Any, tuple[Any, PlacedCard]] = {}
        self._holders: list[Any] = []
        self._spare: list[Any] = []

    def broke(self, card: PlacedCard, key: str) -> None:
        """Take in that the context of a task broke on a card."""
        is_last = self._is_local and self._num_left(card.node_id) == 1
        if not self._cards.broke(card, key, is_last=is_last):
            return
        _internal_kv_put(_key(self.run, card), b"out")
        sentence = broken_card_sentence(card)
        is_all = self._num_left(card.node_id) == 0
        if is_all and not self._is_local:
            self._book.judge(card.node_id, sentence)
            return
        self._book.tell(sentence)
        if not is_all:
            self._ask(card)

    @property
    def reason_to_end(self) -> str:
        """Why no trial can run any more; empty where one can."""
        out = self._cards.left_out()
        if not self._is_local or not out or self._num_left(out[-1].node_id):
            return ""
        return f"no GPU is left that works: {broken_card_sentence(out[-1])}"

    def tick(self) -> None:
        """See which cards the holders have got; it waits for nothing."""
        ready, _ = ray.wait(list(self._asked), timeout=0) if self._asked else ([], [])
        for reference in ready:
            holder, wanted = self._asked.pop(reference)
            try:
                held = ray.get(reference) == wanted
            except ray.exceptions.RayError:
                # Its node is gone, and the card with it.
                continue
            if held:
                self._holders.append(holder)
                for other in self._spare:
                    ray.kill(other)
                self._spare.clear()
            else:
                # It keeps the other card meanwhile: were that free, the next holder would come to it again.
                self._spare.append(holder)
                self._ask(wanted)

    def close(self) -> None:
        """Let go of all cards."""
        for holder in (*self._holders, *self._spare, *(holder for holder, _ in self._asked.values())):
            ray.kill(holder)
        for card in self._cards.left_out():
            _internal_kv_del(_key(self.run, card))

    def _num_left(self, node_id: str) -> int:
        """How many cards of a node may still get trials."""
        out = sum(card.node_id == node_id for card in self._cards.left_out())
        return sum(node.gpus for node in JoinedCluster().nodes() if node.node_id == node_id) - out

    def _ask(self, card: PlacedCard) -> None:
        pinned = NodeAffinitySchedulingStrategy(card.node_id, soft=False)
        remote: Any = ray.remote(CardHolder)
        holder = remote.options(num_cpus=0, num_gpus=1, scheduling_strategy=pinned).remote()
        self._asked[holder.card.remote()] = holder, card


def card_of_worker() -> PlacedCard | None:
    """Return the card that Ray has given to this process; None where it has none."""
    context = ray.get_runtime_context()
    gpus = context.get_accelerator_ids().get("GPU", [])
    return PlacedCard(context.get_node_id(), gpus[0]) if gpus else None


def is_card_out(run: str, card: PlacedCard) -> bool:
    """Tell whether a card gets no more trials."""
    return bool(_internal_kv_exists(_key(run, card)))


def _key(run: str, card: PlacedCard) -> str:
    return f"orchestrator:{run}:{card.node_id}:{card.gpu}"
