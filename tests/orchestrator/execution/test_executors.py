"""The contract of every executor, with Ray and without: the same tests for both."""

import hashlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.execution.executor import Event, EventKind, Executor, Target, Task, start_executor
from tests.orchestrator.execution.executor_tasks import (
    Opener,
    Remembering,
    breaks_if_broken,
    ends_unless_stubborn,
    task_of,
    torch_threads,
    well_behaved,
    writes_when_ended,
)
from trainables.data.pixels import read_unchanged
from trainables.errors import InputError

pytestmark = pytest.mark.timeout(280)

slow_on_ray = pytest.mark.parametrize(
    "executor", ["none", pytest.param("local", marks=[pytest.mark.ray, pytest.mark.slow])], indirect=True
)


@pytest.fixture(scope="module", params=["none", pytest.param("local", marks=pytest.mark.ray)])
def executor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with start_executor(request.param, logs=tmp_path_factory.mktemp("logs")) as started:
        yield started


def heard_of(
    executor: Executor,
    tasks: Sequence[Task],
    target: Target = well_behaved,
    hear: Callable[[Event], None] = lambda event: None,
    max_concurrent: int | None = None,
    grace_s: float = 0.0,
    events: dict[str, list[Event]] | None = None,
) -> dict[str, list[Event]]:
    """Run tasks; what was heard of each trial, in order."""
    events = {} if events is None else events
    events |= {trial.key: [] for task in tasks for trial in task.trials}

    def on_event(event: Event) -> None:
        events[event.key].append(event)
        hear(event)

    executor.run(
        tasks,
        target=target,
        on_event=on_event,
        on_tick=lambda: None,
        max_concurrent=max_concurrent,
        grace_s=grace_s,
    )
    return events


def test_every_trial_runs_once_and_is_heard(executor: Executor) -> None:
    """Catches a task that is lost or run twice, values that change on their way, and events without a key."""
    tasks = [task_of("k0"), task_of("k1"), task_of("k2", "k3")]
    assert heard_of(executor, tasks) == {
        key: [
            Event(EventKind.STARTED, key, epochs=1),
            Event(EventKind.EPOCH, key, epoch=1, epochs=1, best_score=0.5),
            Event(EventKind.DONE, key),
        ]
        for key in ("k0", "k1", "k2", "k3")
    }


@slow_on_ray
def test_a_stopped_task_ends_and_the_others_go_on(executor: Executor, tmp_path: Path) -> None:
    """Catches a stop that waits for the last epoch, that takes a worker's other tasks with it, or that a
    trial's border takes for the trial's fault.
    """
    tasks = {key: task_of(key, folder=tmp_path) for key in ("stubborn", "a", "b", "stubborn too")}

    def hear(event: Event) -> None:
        if event.kind is EventKind.EPOCH and "stubborn" in event.key:
            executor.stop(tasks[event.key])

    events = heard_of(executor, list(tasks.values()), ends_unless_stubborn, hear)
    assert [event.kind for event in events["a"]][-1] is EventKind.DONE
    assert [event.kind for event in events["b"]][-1] is EventKind.DONE
    for key in ("stubborn", "stubborn too"):
        *epochs, last = [event.kind for event in events[key]]
        assert last is EventKind.STOPPED and set(epochs) == {EventKind.EPOCH} and len(epochs) < 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stubborn ended", "stubborn too ended"]


@slow_on_ray
def test_what_is_stopped_before_its_turn_never_begins(executor: Executor) -> None:
    """Catches a stop that only reaches what runs."""
    tasks = [task_of(f"k{number}") for number in range(6)]
    heard: list[str] = []

    def hear(event: Event) -> None:
        if not heard:
            for task in tasks[1:]:
                executor.stop(task)
        heard.append(event.key)

    events = heard_of(executor, tasks, hear=hear, max_concurrent=1)
    assert [event.kind for event in events["k5"]] == [EventKind.STOPPED]
    for each in events.values():
        assert [event.kind.is_last() for event in each].index(True) == len(each) - 1


@slow_on_ray
def test_what_breaks_a_task_is_no_other_tasks_concern(executor: Executor) -> None:
    """Catches a full disk at one trial's error file that ends the whole run."""
    events = heard_of(executor, [task_of("a"), task_of("broken"), task_of("b")], breaks_if_broken)
    assert events["a"][-1].kind is events["b"][-1].kind is EventKind.DONE
    assert events["broken"][-1].kind is EventKind.LOST
    assert "No space left on device" in events["broken"][-1].message


@slow_on_ray
def test_a_stop_is_forgotten_by_the_next_run(executor: Executor) -> None:
    task = task_of("again")
    executor.stop(task)
    assert heard_of(executor, [task])["again"][-1].kind is EventKind.DONE


def test_calls_come_back_with_their_place_and_the_users_mistake_in_one_sentence(
    executor: Executor, tmp_path: Path
) -> None:
    """Catches an InputError of a worker that arrives as Ray's own error, with its traceback in it."""
    calls = []
    for number in range(9):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(bytes([number]))
        calls.append({"path": path, "digest": hashlib.sha256(bytes([number])).hexdigest()})
    found = dict(executor.each(read_unchanged, calls, cpus=1, gpus=0.0))
    assert found == {number: bytes([number]) for number in range(9)}
    with pytest.raises(InputError) as raised:
        list(executor.each(read_unchanged, [{**calls[0], "digest": "other"}], cpus=1, gpus=0.0))
    assert str(raised.value) == f"{calls[0]['path']} changed since it was scanned; start the command again"


def test_a_worker_that_stays_makes_its_work_once(executor: Executor) -> None:
    """Catches a detector that is loaded for each call, calls that get lost, and a worker for every call."""
    calls = [{"name": str(number)} for number in range(12)]
    found = dict(
        executor.each_staying(Remembering, calls, made_with={"greeting": "hello"}, worth=6, cpus=1, gpus=0.0)
    )
    assert [found[number][0] for number in range(12)] == [f"hello {number}" for number in range(12)]
    by_process: dict[int, list[int]] = {}
    for _, count, process in found.values():
        by_process.setdefault(process, []).append(count)
    assert len(by_process) <= 2
    for counts in by_process.values():
        assert sorted(counts) == list(range(1, len(counts) + 1))


@slow_on_ray
def test_a_mistake_that_a_staying_worker_finds_is_the_users(executor: Executor, tmp_path: Path) -> None:
    """Catches an InputError of an actor that arrives as Ray's own error."""
    (tmp_path / "a").write_bytes(b"a")
    calls = [{"path": tmp_path / "a", "digest": "other"}]
    with pytest.raises(InputError, match="changed since it was scanned") as raised:
        list(executor.each_staying(Opener, calls, made_with={}, worth=1, cpus=1, gpus=0.0))
    assert "Traceback" not in str(raised.value)
    assert list(executor.each_staying(Opener, [], made_with={}, worth=1, cpus=1, gpus=0.0)) == []


def test_a_call_has_the_threads_of_its_cpus(executor: Executor) -> None:
    """Catches numbers that differ with and without Ray in their last bits, and threads beyond the share."""
    assert dict(executor.each(torch_threads, [{}], cpus=1, gpus=0.0)) == {0: 1}


def test_what_libraries_print_is_in_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with start_executor("none", logs=tmp_path / "logs") as executor:
        assert list(executor.each(print, [{"sep": ""}], cpus=1, gpus=0.0)) == [(0, None)]
        print("a library's remark")
    assert (tmp_path / "logs" / "trials.log").read_text() == "\na library's remark\n"
    assert capfd.readouterr().out == ""


# The last one: a running Ray remembers the signal.
def test_a_signal_lets_trials_write_what_they_have(executor: Executor, tmp_path: Path) -> None:
    """Catches a grace that leaves trials half written, that begins others, or that ends like a good run."""
    tasks = [task_of(key, folder=tmp_path) for key in ("a", "b", "c", "d")]
    events: dict[str, list[Event]] = {}

    def hear(event: Event) -> None:
        if event == Event(EventKind.EPOCH, "a", epoch=2, epochs=10_000):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        heard_of(executor, tasks, writes_when_ended, hear, max_concurrent=2, grace_s=60.0, events=events)
    begun = {key for key, heard in events.items() if heard[:-1]}
    assert "a" in begun and begun <= {"a", "b"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{key} written" for key in begun}
    assert {heard[-1].kind for heard in events.values() if heard} == {EventKind.STOPPED}
