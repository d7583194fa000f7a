"""What trains on a cluster, and the wait for its first worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.execution.autoscaler_report import Autoscaler
from orchestrator.execution.cluster_nodes import ClusterNode
from orchestrator.execution.joining import Abandonment, Bundle, Joining, as_planned, settled_device
from orchestrator.execution.restart import RunEndedError
from orchestrator.plan.plan import Options
from trainables.errors import InputError

HEAD = ClusterNode.counted("h", "10.0.0.1", {}, alive=True)
CORES = ClusterNode.counted("c", "10.0.0.2", {"CPU": 4}, alive=True)
GPU = ClusterNode.counted("g", "10.0.0.3", {"CPU": 4, "GPU": 1, "accelerator_type:T4": 1}, alive=True)


@dataclass
class PretendCluster:
    """A cluster whose worker comes after some seconds of its clock."""

    alive: tuple[ClusterNode, ...] = (HEAD,)
    worker: ClusterNode | None = None
    after_s: float = 0.0
    scaler: Autoscaler = field(default_factory=Autoscaler)
    now: float = 0.0
    asked: list[list[Bundle]] = field(default_factory=list)

    def nodes(self) -> Sequence[ClusterNode]:
        came = self.worker is not None and self.now >= self.after_s and any(self.asked)
        return (*self.alive, self.worker) if came and self.worker is not None else self.alive

    def autoscaler(self) -> Autoscaler:
        return self.scaler

    def request(self, bundles: Sequence[Bundle]) -> None:
        self.asked.append(list(bundles))

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def settled(cluster: PretendCluster, joining: Joining) -> str:
    with settled_device(cluster, joining, sleep=cluster.sleep, clock=lambda: cluster.now) as device:
        # Whatever was asked for stays while the nodes are looked at.
        assert [] not in cluster.asked
        return device


def test_a_declared_gpu_is_asked_for_and_waited_for() -> None:
    """Catches a head whose CPUs train because its workers are not up yet, and a request that stays."""
    said: list[str] = []
    cluster = PretendCluster(alive=(HEAD, CORES), worker=GPU, after_s=60.0)
    assert settled(cluster, Joining("cuda", say=said.append)) == "cuda"
    assert cluster.asked == [[{"CPU": 1, "GPU": 1}], []] and 60.0 <= cluster.now < 70.0
    assert said[0].startswith("waiting for the first GPU worker (")


def test_no_worker_in_time_says_the_autoscalers_reasons_and_takes_the_request_back() -> None:
    cluster = PretendCluster(scaler=Autoscaler(reasons=("2 of gpu could not be launched (no capacity)",)))
    with pytest.raises(
        InputError, match=r"no GPU worker came within 2 min: 2 of gpu .*no capacity.*--wait-workers"
    ):
        settled(cluster, Joining("cuda", wait_s=120.0))
    assert cluster.asked[-1] == []


def test_an_interrupted_wait_takes_the_request_back() -> None:
    """Catches a GPU that is paid for because somebody pressed Ctrl-C."""
    cluster = PretendCluster()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    waiting = settled_device(cluster, Joining("cuda"), sleep=interrupt, clock=lambda: 0.0)
    with pytest.raises(KeyboardInterrupt), waiting:
        raise AssertionError
    assert cluster.asked[-1] == []


def test_without_a_declared_device_what_is_alive_decides() -> None:
    assert settled(PretendCluster(alive=(HEAD, CORES, GPU)), Joining()) == "cuda"
    assert settled(PretendCluster(alive=(HEAD, CORES)), Joining()) == "cpu"
    with pytest.raises(InputError, match="no node with CPUs or GPUs"):
        settled(PretendCluster(), Joining())


def test_gpus_that_may_come_are_not_passed_over_in_silence() -> None:
    """Catches days of training on the head's CPUs."""
    cluster = PretendCluster(alive=(CORES,), scaler=Autoscaler(gpu_types=("g5",), cpu_types=()))
    with pytest.raises(InputError, match=r"can start some \(g5\); say by --device or ORCHESTRATOR_DEVICE"):
        settled(cluster, Joining())
    assert settled(cluster, Joining("cpu")) == "cpu" and not cluster.asked


def test_workers_without_gpus_are_waited_for_too() -> None:
    cluster = PretendCluster(worker=CORES, after_s=10.0, scaler=Autoscaler(gpu_types=(), cpu_types=("c5",)))
    assert settled(cluster, Joining()) == "cpu" and cluster.asked == [[{"CPU": 1}], []]


def test_a_run_without_any_node_ends_after_as_long_a_wait() -> None:
    """Catches a run that waits for ever for nodes that were taken away, or ends as the last one goes."""
    cluster = PretendCluster(scaler=Autoscaler(reasons=("no capacity",)))
    abandoned = Abandonment(cluster, "cuda", 120.0, clock=lambda: cluster.now)
    for is_any_left, seconds in ((True, 500.0), (False, 100.0), (True, 10.0), (False, 119.0)):
        abandoned.look(is_any_left=is_any_left)
        cluster.sleep(seconds)
        abandoned.look(is_any_left=is_any_left)
    cluster.sleep(1.0)
    with pytest.raises(
        RunEndedError, match=r"no GPU worker was left, and none came within 2 min: no capacity; .*goes on"
    ):
        abandoned.look(is_any_left=False)


def test_what_a_study_was_planned_for_is_declared_on_a_cluster_alone(results: object) -> None:
    from orchestrator.store.folder import Store

    results.add("a", folds=2)  # type: ignore[attr-defined]
    study = Store.look(results.write()).study("phase1").model_copy(update={"device": "cuda"})  # type: ignore[attr-defined]
    joined = Options(Path("results"), address="auto")
    assert as_planned(joined, study).device == "cuda" and as_planned(joined, None).device is None
    assert as_planned(Options(Path("results")), study).device is None
    assert as_planned(Options(Path("results"), address="auto", device="cpu"), study).device == "cpu"
