"""A phase on a Ray cluster of which one worker is taken away: the same bytes, and no failure."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from tests.end_to_end.conftest import ROOT, TIMEOUT_S
from tests.end_to_end.outcome import tables

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
# Long enough to be in the middle of when its node is taken away.
MORE = ("--set", "epochs=150", "--folds", "0,1")


def test_a_node_that_is_taken_away_changes_no_byte(
    arguments: Callable[[Path], list[str]],
    run_phase: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Catches trials that fail or start anew when a spot machine goes, and nodes that nobody is told of."""
    worker = {"num_cpus": os.cpu_count(), "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**worker, "num_cpus": 0})
    taken = cluster.add_node(**worker)
    results = tmp_path / "results"
    line = [sys.executable, "-m", "orchestrator", *arguments(results), *MORE, "--address", cluster.address]
    try:
        with (tmp_path / "out").open("w") as out:
            command = subprocess.Popen(line, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
            try:
                while not list(results.glob("trials/*/history.csv")):
                    assert command.poll() is None, (tmp_path / "out").read_text()
                    time.sleep(0.1)
                cluster.add_node(**worker)
                cluster.remove_node(taken, allow_graceful=False)
                command.wait(TIMEOUT_S)
            finally:
                command.kill()
    finally:
        cluster.shutdown()
    said = (tmp_path / "out").read_text()
    assert command.returncode == 0, said
    for sentence in ("has joined", "is gone; what it trained goes on"):
        assert said.count(sentence) == 1, said
    assert "failed" not in said
    undisturbed = tmp_path / "undisturbed"
    run_phase(undisturbed, *MORE, "--address", "none")
    assert tables(results) == tables(undisturbed)
    for folder in sorted((undisturbed / "trials").iterdir()):
        other = results / "trials" / folder.name
        assert (other / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_gpus_that_cuda_does_not_work_on_are_found_before_any_image_is_read(
    arguments: Callable[[Path], list[str]],
    run_phase: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Catches a long scan before it is said that nothing can train."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "num_gpus": 1, "object_store_memory": 80 * 2**20},
    )
    try:
        ended = run_phase(tmp_path / "results", "--address", cluster.address)
    finally:
        cluster.shutdown()
    assert ended.returncode == 2, ended.stderr
    assert "CUDA" in ended.stderr and ended.stderr.count("Error:") == 1, ended.stderr
    assert "defect" not in ended.stderr and "Reading" not in ended.stdout
