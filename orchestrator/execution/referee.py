"""The border between a run and what may end parts of it early: a race between experiments, a cap on its cost.

A referee sees the events of a run and names the keys of trials that are not to begin, or not to go on; the
run stops them through its executor. It orders what is begun, and runs nothing itself.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from orchestrator.execution.executor import Event
from orchestrator.plan.plan import Trial


class Referee(Protocol):
    """Something that may stop trials of a run. Keys are those of trials of the wave that was ordered last."""

    def order(self, wave: Sequence[Trial]) -> Sequence[str]:
        """Return the keys of the trials that are run now, in the order in which they begin.

        What is left out is not run at all.
        """

    def hear(self, event: Event) -> Collection[str]:
        """Take in an event; return the keys of trials that are stopped now."""

    def tick(self) -> Collection[str]:
        """Note that time has passed; return the keys of trials that are stopped now."""
