"""Cards that break down, on a real Ray that is told of cards which are not there."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.execution.broken_cards import MAX_BROKEN, BrokenCards, PlacedCard
from orchestrator.execution.executor import Event, EventKind
from orchestrator.execution.ray_executor import session
from orchestrator.plan.resources import Machine, Share
from tests.orchestrator.execution.executor_tasks import breaks_on_card_0, task_of


def run_on(gpus: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Event], list[str]]:
    """Run six trials, each with a card for itself; the last that was heard of each, and what was said."""
    monkeypatch.setattr(session, "this_machine", lambda device: Machine(2, 64_000, gpus, 8_000))
    last: dict[str, Event] = {}
    tasks = [task_of(f"t{number}", folder=folder) for number in range(6)]
    with session.start(log=folder / "log") as executor:
        executor.run(
            [replace(task, share=Share(1, 1.0, 1)) for task in tasks],
            target=breaks_on_card_0,
            on_event=lambda event: last.update({event.key: event}),
            on_tick=lambda: None,
        )
        return last, executor.nodes.news()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_card_that_breaks_gets_no_more_trials_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a broken process that is used again, a broken card that fails every trial, and a good one that
    is given up with it.
    """
    last, said = run_on(2, tmp_path, monkeypatch)
    assert [event.kind for event in last.values()] == [EventKind.DONE] * 6
    broken = (tmp_path / "card-0").read_text().split()
    assert len(broken) == len(set(broken)) == MAX_BROKEN
    (sentence,) = said
    assert sentence.startswith("GPU 0 of node ") and "gets no more trials" in sentence


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_without_another_card_the_run_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a run that waits for ever for a card that it leaves out itself."""
    last, _ = run_on(1, tmp_path, monkeypatch)
    assert [event.kind for event in last.values()] == [EventKind.LOST] * 6
    assert "no GPU is left that works" in last["t5"].message


def test_one_trial_alone_does_not_take_the_last_card() -> None:
    """Catches a label out of range that ends all other trials, and a bad card that is tried for ever."""
    cards, card, last = BrokenCards(), PlacedCard("node", "0"), PlacedCard("node", "1")
    assert [cards.broke(card, "a", is_last=False) for _ in range(4)] == [False, False, True, False]
    assert not any(cards.broke(last, "a", is_last=True) for _ in range(5))
    assert cards.left_out() == (card,)
    assert cards.broke(last, "b", is_last=True) and cards.left_out() == (card, last)
