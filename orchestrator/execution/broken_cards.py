"""Cards on which the CUDA contexts of trials broke, and when a card gets no more trials.

A trial may break contexts by its own fault (a label out of range): one alone can't take the last card from
all others. On another card it is soon given up.
"""

from collections import defaultdict
from dataclasses import dataclass, field

MAX_BROKEN = 3


@dataclass(frozen=True, slots=True, order=True)
class PlacedCard:
    """A GPU of a node, by the number that Ray gives it there."""

    node_id: str
    gpu: str

    @property
    def name(self) -> str:
        """What it is told by."""
        return f"GPU {self.gpu} of node {self.node_id[:8]}"


@dataclass(slots=True)
class BrokenCards:
    """The cards of a run by the tasks whose contexts broke on them."""

    _by_task: dict[PlacedCard, list[str]] = field(default_factory=lambda: defaultdict(list))
    _out: set[PlacedCard] = field(default_factory=set)

    def broke(self, card: PlacedCard, key: str, *, is_last: bool) -> bool:
        """Count that the context of a task broke; tell whether the card gets no more trials from now on.

        `is_last` says that no other card is left for them.
        """
        tasks = self._by_task[card]
        tasks.append(key)
        if card in self._out or len(tasks) < MAX_BROKEN or (is_last and len(set(tasks)) == 1):
            return False
        self._out.add(card)
        return True

    def left_out(self) -> tuple[PlacedCard, ...]:
        """Return the cards that get no more trials."""
        return tuple(sorted(self._out))


def broken_card_sentence(card: PlacedCard) -> str:
    """Say that a card gets no more trials, and the way out."""
    return (
        f"{card.name} gets no more trials: CUDA broke down on it {MAX_BROKEN} times; look at it with "
        "nvidia-smi (ECC errors, temperature), and reset or replace it"
    )
