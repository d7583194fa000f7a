"""A disk of results that is full in the middle of a run: one sentence, and the same numbers afterwards."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, TIMEOUT_S
from tests.end_to_end.outcome import tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FILL = "dd if=/dev/zero of={} bs=64k count=100000"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with little room, which only root can have."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_costs_nothing_that_is_finished(
    small_disk: Path,
    arguments: Callable[[Path], list[str]],
    run_phase: Callable[..., subprocess.CompletedProcess[str]],
    undisturbed: Path,
) -> None:
    """Catches workers that are lost since they can't write why, and a full disk that is called a defect."""
    results, filling = small_disk / "results", small_disk / "fill"
    line = [sys.executable, "-m", "orchestrator", *arguments(results), "--address", "none"]
    with subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while not list(results.glob("trials/*/history.csv")):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        subprocess.run(FILL.format(filling).split(), capture_output=True, check=False)
        said, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1, said
    assert "is full" in said and "defect" not in said and "Traceback" not in said and "lost" not in said
    assert sum(each.startswith("Error:") for each in said.splitlines()) == 1
    filling.unlink()
    again = run_phase(results, "--address", "none")
    assert again.returncode == 0, again.stderr
    assert tables(results) == tables(undisturbed)
    # Before any trial starts.
    subprocess.run(FILL.format(filling).split(), capture_output=True, check=False)
    refused = run_phase(results, "--address", "none", "--set", "seed=8")
    assert refused.returncode in (1, 2) and "MiB free" in refused.stderr, refused.stderr
    assert "started" not in refused.stdout
