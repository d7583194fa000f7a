"""The fan-out alone: events, lost workers, joining a cluster. Real Ray, trials that take no time."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution import launch

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

Report = Callable[[dict[str, Any]], None]


def well_behaved(task: dict[str, Any], report: Report) -> None:
    report({"state": "running", "epoch": 1})
    report({"state": "done"})


def dies_as_told(task: dict[str, Any], report: Report) -> None:
    """Die at once until the task's file has as many lines as it may die."""
    file = Path(task["deaths"])
    died = len(file.read_text().splitlines()) if file.exists() else 0
    if died < task["times"]:
        file.write_text("died\n" * (died + 1))
        os._exit(1)
    report({"state": "done"})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[launch.Cluster]:
    with launch.start(log=tmp_path_factory.mktemp("log") / "ray.log") as started:
        yield started


def run(cluster: launch.Cluster, tasks: list[dict[str, Any]], target: Any) -> dict[str, list[str]]:
    events: dict[str, list[str]] = {task["key"]: [] for task in tasks}
    launch.run(
        cluster,
        [{"cpus": 1, "gpus": 0.0, **task} for task in tasks],
        target=target,
        on_event=lambda key, event: events[key].append(event["state"]),
        on_tick=lambda: None,
    )
    return events


def test_every_task_runs_once_and_is_heard(cluster: launch.Cluster) -> None:
    """Catches a task that is lost or run twice by the grid, and events without their key."""
    events = run(cluster, [{"key": f"k{number}"} for number in range(5)], well_behaved)
    assert events == {f"k{number}": ["running", "done"] for number in range(5)}


def test_a_lost_worker_is_tried_again_and_a_hopeless_task_is_given_up(
    cluster: launch.Cluster, tmp_path: Path
) -> None:
    """Catches no retry of a killed worker, and endless retries of a task that always kills it."""
    tasks = [
        {"key": "once", "deaths": str(tmp_path / "once"), "times": 1},
        {"key": "always", "deaths": str(tmp_path / "always"), "times": 99},
        {"key": "never", "deaths": str(tmp_path / "never"), "times": 0},
    ]
    events = run(cluster, tasks, dies_as_told)
    assert events["never"] == ["done"]
    assert events["once"][-1] == "done"
    assert events["always"][-1] == "lost"
    assert len((tmp_path / "always").read_text().splitlines()) == launch.MAX_LOST + 1


def test_an_interrupt_that_somebody_swallows_comes_again(cluster: launch.Cluster) -> None:
    """Catches Ctrl-C that does nothing: a destructor or a thread of Ray's may be what it interrupts."""
    swallowed: list[str] = []

    def on_event(key: str, event: dict[str, Any]) -> None:
        if not swallowed:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                swallowed.append(key)

    before = signal.getsignal(signal.SIGINT)
    tasks = [{"key": f"t{number}", "cpus": 1, "gpus": 0.0} for number in range(3)]
    with pytest.raises(KeyboardInterrupt):
        launch.run(cluster, tasks, target=well_behaved, on_event=on_event, on_tick=lambda: None)
    assert swallowed and signal.getsignal(signal.SIGINT) is before
