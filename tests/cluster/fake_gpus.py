"""A run's requests on a cluster whose GPUs are fake, by a process on its head.

It waits for a GPU as a run does, gives tasks the share that trials get of such a node, and keeps them until
all have begun, each on a node of its own; then it waits until all nodes are gone. It says one line of each
number of nodes that it sees.

    python -m tests.cluster.fake_gpus FOLDER
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from orchestrator.config.trial_resources import Resources
from orchestrator.execution.cluster_nodes import smallest_machine, training_nodes
from orchestrator.execution.executor import Event, EventKind
from orchestrator.execution.joining import Joining, settled_device
from orchestrator.execution.ray_executor.fan_out import RayExecutor
from orchestrator.execution.ray_executor.joined import JoinedCluster
from orchestrator.plan.resources import share_of
from tests.orchestrator.execution.executor_tasks import stays_until_told, task_of

NUM_TASKS = 3
WAIT_S, GONE_TIMEOUT_S = 120.0, 90.0
# Fits into a fake node, of which nobody asks how much memory its GPU has.
PEAK_MIB = 1000.0


class Census:
    """Says how many nodes with GPUs there are, whenever that has changed."""

    def __init__(self, cluster: JoinedCluster) -> None:
        self._cluster, self._said = cluster, -1

    def look(self) -> int:
        number = sum(node.alive and node.gpus > 0 for node in self._cluster.nodes())
        if number != self._said:
            print(f"nodes: {number}", flush=True)
        self._said = number
        return number


def run_tasks(cluster: JoinedCluster, census: Census, folder: Path) -> None:
    """Run tasks with a trial's share until all run at a time."""
    machine = smallest_machine(training_nodes(cluster.nodes(), device="cuda"), device="cuda")
    share = share_of(machine, peak_mib=PEAK_MIB, wanted=Resources())
    tasks = [replace(task_of(f"trial{place}", folder=folder), share=share) for place in range(NUM_TASKS)]

    begun = set[str]()

    def hear(event: Event) -> None:
        if event.kind is EventKind.STARTED:
            begun.add(event.key)
        if len(begun) == NUM_TASKS:
            (folder / "go").touch()
        if event.kind is EventKind.DONE:
            print(f"done: {event.key}", flush=True)

    def tick() -> None:
        census.look()

    RayExecutor(machine, folder / "records").run(tasks, target=stays_until_told, on_event=hear, on_tick=tick)


def main(folder: Path) -> None:
    import ray

    ray.init(address="auto", log_to_driver=False)
    cluster = JoinedCluster()
    census = Census(cluster)
    census.look()
    joining = Joining("cuda", wait_s=WAIT_S, say=lambda text: print(text, flush=True))
    with settled_device(cluster, joining):
        run_tasks(cluster, census, folder)
    end = time.monotonic() + GONE_TIMEOUT_S
    while census.look() and time.monotonic() < end:
        time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
