"""The end of a run: the decision is taken before the report, and what stands against it is said."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from orchestrator.execution.run import finish
from orchestrator.store.folder import Store

Finish = Callable[..., str]


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Finish:
    """End a run on hand-written results; return what it said."""
    # Its own module tests MLflow, and its import takes seconds.
    monkeypatch.setattr("orchestrator.tracking.is_synced", lambda store, study: True)

    def end(results: Any, *, decides: bool = True, quiet: bool = False) -> str:
        screen = io.StringIO()
        console = Console(file=screen, width=200)
        finish(Store.open(results.root), "phase1", console=console, quiet=quiet, decides=decides)
        return screen.getvalue()

    return end


@pytest.fixture
def clear(results: Any) -> Any:
    """A phase with a rule, of which b is clearly the better."""
    for name, good in (("a", 0.0), ("b", 2.0)):
        results.add(name)
        results.separate(name, "val", good)
    results.decide("a", "b")
    results.write()
    return results


def test_a_phase_with_a_rule_is_decided(ended: Finish, clear: Any) -> None:
    said = ended(clear)
    path = clear.root / "decisions" / "phase1.json"
    assert json.loads(path.read_text())["chosen"] == "b"
    assert "phase1: b is chosen, on validation scores" in said
    assert f"Decision: {path} (version 1)" in said
    before = path.read_bytes()
    assert "Warning" not in ended(clear)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_tables_alone_decide_nothing(ended: Finish, clear: Any) -> None:
    assert "chosen" not in ended(clear, decides=False)
    assert not (clear.root / "decisions").exists()


def test_a_phase_without_a_rule_decides_nothing(ended: Finish, results: Any) -> None:
    results.add("a", folds=2)
    results.write()
    assert "ecision" not in ended(results)
    assert not (results.root / "decisions").exists()


@pytest.mark.slow
def test_what_is_not_finished_is_not_decided(ended: Finish, clear: Any) -> None:
    (clear.folder("a", 3) / "done.json").unlink()
    assert "No decision yet: a: fold 3 is interrupted" in ended(clear, quiet=True)
    assert not (clear.root / "decisions").exists()


@pytest.mark.slow
def test_what_has_moved_since_is_said_and_changes_nothing(ended: Finish, clear: Any) -> None:
    """Catches results that replace a decision behind the back of who built on it."""
    ended(clear)
    path = clear.root / "decisions" / "phase1.json"
    before = path.read_bytes()
    clear.separate("a", "val", 9.0)
    said = ended(clear, quiet=True)
    assert "Warning: since the decision of phase1 was taken: a repeat 0 fold 0 has other predictions" in said
    assert "the decision stays; the rule would now choose a" in said
    assert "decide phase1 --again" in said
    assert path.read_bytes() == before
