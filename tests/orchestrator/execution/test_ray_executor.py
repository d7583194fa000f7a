"""Troubles of Ray's own: lost workers, and an interrupt that one of its threads swallows."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.execution.executor import CallLostError, Event, EventKind
from orchestrator.execution.losses import MAX_LOST
from orchestrator.execution.ray_executor import session
from orchestrator.execution.ray_executor.fan_out import RayExecutor
from tests.orchestrator.execution.executor_tasks import (
    Mortal,
    breaks_its_context,
    dies_as_told,
    task_of,
    well_behaved,
)

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayExecutor]:
    with session.start(log=tmp_path_factory.mktemp("log") / "ray.log") as started:
        yield started


@pytest.mark.slow
def test_a_lost_worker_is_tried_again_and_a_hopeless_task_is_given_up(
    executor: RayExecutor, tmp_path: Path
) -> None:
    """Catches no retry of a killed worker, and endless retries of a task that always kills it."""
    events: dict[str, list[EventKind]] = {"once": [], "always": [], "never": []}
    reasons: list[str] = []

    def hear(event: Event) -> None:
        events[event.key].append(event.kind)
        if event.kind is EventKind.LOST:
            reasons.append(event.message)

    times = {"once": 1, "always": 99, "never": 0}
    executor.run(
        [task_of(key, folder=tmp_path, data=Path(str(times[key]))) for key in events],
        target=dies_as_told,
        on_event=hear,
        on_tick=lambda: None,
    )
    assert events["never"] == [EventKind.DONE]
    assert events["once"][-1] == EventKind.DONE
    assert events["always"][-1] == EventKind.LOST
    assert "lost 4 times" in reasons[0] and "no reason" not in reasons[0]
    assert len((tmp_path / "always").read_text().splitlines()) == MAX_LOST + 1


@pytest.mark.slow
def test_a_staying_workers_call_goes_to_another_and_a_hopeless_one_is_given_up(
    executor: RayExecutor, tmp_path: Path
) -> None:
    """Catches a call that is lost with its actor, and endless new actors for a call that kills them."""

    def answers(*times: int) -> dict[int, str]:
        calls = [{"file": tmp_path / str(number), "times": number} for number in times]
        return dict(executor.each_staying(Mortal, calls, made_with={}, worth=9, cpus=1, gpus=0.0))

    assert answers(0, 1) == {0: "0", 1: "1"}
    with pytest.raises(CallLostError, match=f"lost {MAX_LOST + 1} times"):
        answers(99)
    assert len((tmp_path / "99").read_text().splitlines()) == MAX_LOST + 1


@pytest.mark.slow
def test_a_broken_context_ends_its_process_and_a_hopeless_call_is_given_up(
    executor: RayExecutor, tmp_path: Path
) -> None:
    """Catches a process that gives every later call the error of an earlier one, and endless retries."""

    def answers(*times: int) -> dict[int, str]:
        calls = [{"file": tmp_path / str(number), "times": number} for number in times]
        return dict(executor.each(breaks_its_context, calls, cpus=1, gpus=0.0))

    assert answers(0, 1) == {0: "0", 1: "1"}
    with pytest.raises(CallLostError, match=f"lost {MAX_LOST + 1} times"):
        answers(99)
    assert len((tmp_path / "99").read_text().splitlines()) == MAX_LOST + 1


@pytest.mark.slow
def test_an_interrupt_that_somebody_swallows_comes_again(executor: RayExecutor) -> None:
    """Catches Ctrl-C that does nothing: a destructor or a thread of Ray's may be what it interrupts."""
    swallowed: list[str] = []

    def on_event(event: Event) -> None:
        if not swallowed:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                swallowed.append(event.key)

    before = signal.getsignal(signal.SIGINT)
    tasks = [task_of(f"t{number}") for number in range(3)]
    with pytest.raises(KeyboardInterrupt):
        executor.run(tasks, target=well_behaved, on_event=on_event, on_tick=lambda: None)
    assert swallowed and signal.getsignal(signal.SIGINT) is before
