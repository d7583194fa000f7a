"""Referee of the disk of results: where it keeps nothing more, no trial goes on, and none is to blame."""

from collections.abc import Collection, Sequence

from orchestrator.execution.executor import Event, EventKind
from orchestrator.plan.plan import Trial
from orchestrator.store.disk_faults import ResultsBlockedError


class DiskReferee:
    """See `Referee`; it stops all trials once one of them was BLOCKED."""

    def __init__(self) -> None:
        self._left: set[str] = set()
        self._sentence = ""

    def order(self, wave: Sequence[Trial]) -> Sequence[str]:
        """Leave the order as it is, and nothing of it where the disk is blocked."""
        keys = [] if self._sentence else [trial.key for trial in wave]
        self._left = set(keys)
        return keys

    def hear(self, event: Event) -> Collection[str]:
        """Take in an event; return all trials that have not ended once one was BLOCKED."""
        if event.kind.is_last():
            self._left.discard(event.key)
        if event.kind is EventKind.BLOCKED and not self._sentence:
            self._sentence = event.message
            return frozenset(self._left)
        return ()

    def tick(self) -> Collection[str]:
        """Do nothing: the trials find out."""
        return ()

    def close(self) -> None:
        """Say what is wrong with the disk.

        Raises:
            ResultsBlockedError: it has kept a trial from going on.
        """
        if self._sentence:
            raise ResultsBlockedError(self._sentence)
