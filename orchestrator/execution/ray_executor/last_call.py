"""Last call of a run whose command is being ended: every trial writes a checkpoint of the moment, and ends.

Tune ends a trial between two of its reports and does not wait for what it does then; a checkpoint may take
longer. So a trial finds out by itself, where it reports, and Tune hears of its end when all is on disk.
"""

import secrets

from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_exists, _internal_kv_put


class LastCallGiven(SystemExit):
    """Ends a trial from within; no border of a trial takes it for the trial's fault."""


class LastCall:
    """The last call of a run, which is `run` to its workers."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(8)
        self.is_given = False

    def give(self) -> None:
        """Let no task begin any more, and end those that run where they report next."""
        if not self.is_given:
            self.is_given = True
            _internal_kv_put(_key(self.run), b"given")

    def take_back(self) -> None:
        """Take back what workers were told."""
        if self.is_given:
            _internal_kv_del(_key(self.run))


def heed_last_call(run: str) -> None:
    """Raise LastCallGiven in a worker where it was given."""
    if _internal_kv_exists(_key(run)):
        raise LastCallGiven


def _key(run: str) -> str:
    return f"orchestrator:{run}:last call"
