"""`ray up` with the local provider over pretended machines: the same bytes, whatever machine is lost."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.local_provider import RUN_TIMEOUT_S, LocalCluster, make_local_cluster
from tests.cluster.machines import Machine, Network, Running, wait_for
from tests.end_to_end.outcome import tables

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def cluster(machines: Network, sources: Path, shipped: dict[str, Any]) -> LocalCluster:
    """A cluster that is up."""
    made = make_local_cluster(machines, sources, shipped)
    made.up()
    return made


def wait_for_trials_on_all(study: Path, running: Running) -> None:
    """Wait until more trials are under way than fit on one of the two workers, whoever of them came first."""

    def are_under_way() -> bool:
        assert running.process.poll() is None, running.said()
        begun = [path.parent for path in study.glob("results/trials/*/history.csv")]
        under_way = [folder for folder in begun if not (folder / "done.json").exists()]
        return len(under_way) > (os.cpu_count() or 1)

    wait_for("trials on both workers", are_under_way, timeout_s=RUN_TIMEOUT_S)


def compare_bytes(study: Path, undisturbed: Path) -> None:
    """Compare tables and weights of a finished phase with those of a run on one machine."""
    assert tables(study / "results") == tables(undisturbed)
    for folder in sorted((undisturbed / "trials").iterdir()):
        other = study / "results" / "trials" / folder.name
        assert (other / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("lose", [Machine.end, Machine.vanish], ids=["ended", "silent"])
def test_a_worker_machine_that_is_lost_changes_no_byte(
    lose: Callable[[Machine], None], cluster: LocalCluster, study: Path, undisturbed: Path
) -> None:
    """Catches other numbers on a cluster, trials that fail with a machine, and a wait without an end."""
    running = cluster.run_phase()
    wait_for_trials_on_all(study, running)
    lose(cluster.workers[0])
    said = running.good_end(timeout_s=RUN_TIMEOUT_S)
    assert "is gone; what it trained goes on" in said
    assert "failed" not in said
    compare_bytes(study, undisturbed)


def test_a_head_that_is_lost_comes_up_again_and_the_same_command_goes_on(
    cluster: LocalCluster, study: Path, undisturbed: Path
) -> None:
    """Catches results that only the lost command knew, locks of the dead, and trials that start anew."""
    running = cluster.run_phase()
    wait_for_trials_on_all(study, running)
    cluster.head.end()
    assert running.end(timeout_s=RUN_TIMEOUT_S) != 0
    cluster.head.boot()
    cluster.up()
    said = cluster.run_phase().good_end(timeout_s=RUN_TIMEOUT_S)
    assert "4/4 trials done" in said
    compare_bytes(study, undisturbed)
