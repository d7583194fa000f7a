"""A disk that keeps nothing more ends a run with one sentence, whoever runs its trials."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.execution.disk_referee import DiskReferee
from orchestrator.execution.executor import Event, EventKind
from orchestrator.store.disk_faults import ResultsBlockedError, disk_fault

FULL = "the disk of results is full"


def wave(*keys: str) -> list[Any]:
    return [SimpleNamespace(key=key) for key in keys]


def test_the_first_blocked_trial_stops_the_others_and_what_comes_after() -> None:
    """Catches a run that plays every trial against a full disk, and one that ends as if all were well."""
    referee = DiskReferee()
    assert referee.order(wave("a", "b", "c")) == ["a", "b", "c"]
    assert not referee.hear(Event(EventKind.DONE, "a"))
    assert set(referee.hear(Event(EventKind.BLOCKED, "b", message=FULL))) == {"c"}
    assert not referee.hear(Event(EventKind.BLOCKED, "c", message="another"))
    assert referee.order(wave("d")) == []
    with pytest.raises(ResultsBlockedError, match=FULL) as raised:
        referee.close()
    assert disk_fault(raised.value, Path("results")) == FULL


def test_a_disk_that_keeps_everything_says_nothing() -> None:
    referee = DiskReferee()
    referee.order(wave("a"))
    referee.hear(Event(EventKind.FAILED, "a"))
    referee.close()
