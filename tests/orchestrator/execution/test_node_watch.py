"""Nodes of a real Ray cluster, all on this machine: judged before their first task, joining late, lost.

A node is bad by what its Ray was started with: it finds a copy of the program with one line more.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from orchestrator.execution.executor import Event, EventKind
from orchestrator.execution.joining import Joining
from orchestrator.execution.losses import LossCause
from orchestrator.execution.ray_executor import session
from orchestrator.execution.restart import RunEndedError
from tests.orchestrator.execution.executor_tasks import (
    node_of_worker,
    stays_until_told,
    task_of,
    variable_of_worker,
)

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(280)]

ROOT = Path(__file__).parents[3]
MEMORY = {"object_store_memory": 80 * 2**20}
GOOD = {"env_vars": {"PYTHONPATH": str(ROOT)}, **MEMORY}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that does no work, and a worker of one core."""
    # Workers look for modules in the folder of the command first, where it is there.
    monkeypatch.chdir(tmp_path)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **GOOD})
    made.add_node(num_cpus=1, **GOOD)
    yield made
    made.shutdown()


@pytest.fixture
def other_sources(tmp_path: Path) -> dict[str, str]:
    """The environment of a node that has another version of the program."""
    for package in ("orchestrator", "trainables", "tests", "experiments"):
        shutil.copytree(ROOT / package, tmp_path / "other" / package, ignore=shutil.ignore_patterns("golden"))
    with (tmp_path / "other" / "orchestrator" / "execution" / "worker.py").open("a") as module:
        module.write("# another version\n")
    return {"PYTHONPATH": str(tmp_path / "other")}


@pytest.fixture
def no_program(tmp_path: Path) -> dict[str, str]:
    """The environment of a node on which the program can't be imported."""
    (tmp_path / "none" / "orchestrator").mkdir(parents=True)
    (tmp_path / "none" / "orchestrator" / "__init__.py").write_text("raise ImportError('no such program')")
    return {"PYTHONPATH": str(tmp_path / "none")}


def joining(results: Path, said: list[str]) -> Joining:
    results.mkdir(exist_ok=True)
    return Joining("cpu", results=results, say=said.append)


def test_a_node_that_fails_its_check_gets_no_task(
    cluster: Any, other_sources: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches tasks on a node with other sources, calls too, and workers without the command's settings."""
    monkeypatch.setenv("HF_HUB_CACHE", "hub")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    bad = cluster.add_node(num_cpus=4, env_vars=other_sources, **MEMORY)
    said: list[str] = []
    with session.start(cluster.address, log=tmp_path / "log", joining=joining(tmp_path / "r", said)) as ray:
        (tmp_path / "go").touch()
        kinds: dict[str, list[EventKind]] = {f"t{number}": [] for number in range(4)}
        ray.run(
            [task_of(key, folder=tmp_path) for key in kinds],
            target=stays_until_told,
            on_event=lambda event: kinds[event.key].append(event.kind),
            on_tick=lambda: None,
        )
        called = [node for _, node in ray.each(node_of_worker, [{}] * 4, cpus=1, gpus=0.0)]
        assert ray.nodes.headline() == "on 1 node (1 left out)" and not ray.nodes.news()
        assert list(ray.each(variable_of_worker, [{}], cpus=1, gpus=0.0)) == [(0, ("hub", None))]
    assert len(said) == 1 and "is left out: it has other sources" in said[0]
    assert set(map(tuple, kinds.values())) == {(EventKind.STARTED, EventKind.DONE)}
    where = {path.read_text() for path in tmp_path.glob("t*.node")} | set(called)
    assert len(where) == 1 and bad.node_id not in where
    assert not list((tmp_path / "r").rglob("*.token"))


@pytest.mark.parametrize(("bad", "fault"), [("other_sources", "other sources"), ("no_program", "no such")])
def test_nodes_that_come_late_are_judged_and_one_that_goes_is_no_failure(
    cluster: Any, bad: str, fault: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Catches a late node that works without a check, and trials that fail since their node was taken."""
    environment = request.getfixturevalue(bad)
    said: list[str] = []
    news: list[str] = []
    heard: list[Event] = []
    first = cluster.list_all_nodes()[-1]
    late: list[Any] = []

    def on_event(event: Event) -> None:
        heard.append(event)
        if event.kind is EventKind.STARTED and not late:
            late.append(cluster.add_node(num_cpus=4, env_vars=environment, **MEMORY))
            late.append(cluster.add_node(num_cpus=1, **GOOD))

    def on_tick() -> None:
        news.extend(ray.nodes.news())
        if len(news) == 2 and first in cluster.list_all_nodes():
            cluster.remove_node(first, allow_graceful=False)
        if any("is gone" in line for line in news):
            (tmp_path / "go").touch()

    with session.start(cluster.address, log=tmp_path / "log", joining=joining(tmp_path / "r", said)) as ray:
        tasks = [task_of(f"t{number}", folder=tmp_path) for number in range(5)]
        ray.run(tasks, target=stays_until_told, on_event=on_event, on_tick=on_tick)
        assert ray.nodes.headline() == "on 1 node (1 joined, 1 gone, 1 left out)"
    assert not said
    assert {event.key for event in heard if event.kind is EventKind.DONE} == {task.key for task in tasks}
    assert not [event for event in heard if event.kind in (EventKind.LOST, EventKind.FAILED)]
    # A worker may be missed before its node is: which it was is known in the end.
    causes = {event.message.split(" (")[0] for event in heard if event.kind is EventKind.RESTARTED}
    assert causes & {LossCause.NODE.value, LossCause.WORKER.value} and LossCause.LEFT_OUT.value in causes
    assert {path.read_text() for path in tmp_path.glob("t*.node")} == {late[1].node_id}
    assert len([line for line in news if "left out" in line and fault in line]) == 1
    assert len([line for line in news if "has joined" in line]) == 1


def test_a_run_that_has_lost_all_nodes_ends(cluster: Any, tmp_path: Path) -> None:
    """Catches a run that waits for ever for a cluster on which nothing can run any more."""
    worker = cluster.list_all_nodes()[-1]
    waits_less = replace(joining(tmp_path / "r", []), wait_s=4.0)

    def on_event(event: Event) -> None:
        if event.kind is EventKind.STARTED:
            cluster.remove_node(worker, allow_graceful=False)

    with (
        pytest.raises(RunEndedError, match="no CPU worker was left, and none came within"),
        session.start(cluster.address, log=tmp_path / "log", joining=waits_less) as ray,
    ):
        ray.run(
            [task_of("t", folder=tmp_path)],
            target=stays_until_told,
            on_event=on_event,
            on_tick=lambda: None,
        )
