"""Each node builds its pixel cache once: who finds none builds it, under a lock, and others wait."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution import worker
from orchestrator.execution.executor import Event, EventKind, Task
from trainables.data import pixels
from trainables.trial_files import DONE


def on_node(task: Task, cache: Path) -> Task:
    """The same task on a machine with another pixel cache."""
    (job,) = task.trials
    return replace(task, trials=(replace(job, cache=cache),))


@pytest.mark.slow
def test_the_first_worker_of_a_node_builds_the_cache_and_the_others_use_it(
    tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a node that needs another node's disk, and one that decodes every image once a trial."""
    built: list[Path] = []
    build = pixels._build

    def counted(folder: Path, *arguments: Any, **options: Any) -> None:
        built.append(folder)
        build(folder, *arguments, **options)

    monkeypatch.setattr(pixels, "_build", counted)
    for node, task in (("a", tasks[0]), ("a", tasks[1]), ("b", tasks[2])):
        events: list[Event] = []
        worker.run_task(on_node(task, tmp_path / f"node-{node}" / "pixels"), events.append)
        assert events[-1].kind == EventKind.DONE, events
        assert (task.trials[0].folder / DONE).is_file()
    assert [folder.parent.parent.name for folder in built] == ["node-a", "node-b"]
    assert built[0].name == built[1].name


@pytest.mark.slow
def test_two_workers_of_a_node_that_start_at_once_build_one_cache(
    tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    build = pixels._build
    first_is_building, second_has_asked = threading.Event(), threading.Event()

    def slow(folder: Path, *arguments: Any, **options: Any) -> None:
        built.append(folder)
        first_is_building.set()
        assert second_has_asked.wait(20)
        build(folder, *arguments, **options)

    monkeypatch.setattr(pixels, "_build", slow)
    events: dict[int, list[Event]] = {0: [], 1: []}

    def work(number: int) -> None:
        worker.run_task(on_node(tasks[number], tmp_path / "node" / "pixels"), events[number].append)

    first = threading.Thread(target=work, args=(0,))
    first.start()
    assert first_is_building.wait(60)
    # The second one's question ends when the cache is there, so it is asked in a thread of its own too.
    locked = pixels._locked

    def asking(*arguments: Any) -> Any:
        second_has_asked.set()
        return locked(*arguments)

    monkeypatch.setattr(pixels, "_locked", asking)
    second = threading.Thread(target=work, args=(1,))
    second.start()
    for thread in (first, second):
        thread.join(60)
    assert [events[number][-1].kind for number in (0, 1)] == [EventKind.DONE] * 2, events
    assert len(built) == 1
