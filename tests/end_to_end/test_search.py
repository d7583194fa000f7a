"""A search over experiments from the command line: rounds until its end, the same after a kill."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUM_SETTINGS = 4
SEARCH = {
    "trials": NUM_SETTINGS,
    "parallel": 2,
    "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}, "dropout": {"low": 0, "high": 0.5}},
}
NUM_TRIALS = 2 * (NUM_SETTINGS + 1)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def line(small_experiments: Path, faces: Path) -> Callable[[Path], list[object]]:
    """The command line that runs a phase of one search, without Ray, into a results folder."""
    phase = {"title": "S", "extends": "small", "search": SEARCH, "decision": {"choose": "auc"}}
    path = small_experiments / "search" / "phase.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(phase))
    given = ["search", "--experiments", small_experiments, "--data", faces, "--address", "none"]
    return lambda results: [*given, "--results", results]


def tried(results: Path) -> str:
    return (results / "collected" / "search" / "tried.csv").read_text()


def test_a_killed_search_ends_as_one_that_was_not(
    line: Callable[[Path], list[object]],
    orchestrate: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Catches a search whose state lives in a process, and one that proposes anew what it has proposed."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = orchestrate(*line(whole))
    assert done.returncode == 0, done.stderr
    assert "2 of 4 settings so far; 2 more, proposed when these are finished" in done.stdout
    assert "is chosen among 5 tried settings" in done.stdout
    assert len(list(whole.glob("trials/*/done.json"))) == NUM_TRIALS
    command = [sys.executable, "-m", "orchestrator", *map(str, line(killed))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(killed.glob("trials/*/done.json"))) < NUM_TRIALS - 3 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    num_done = len(list(killed.glob("trials/*/done.json")))
    assert NUM_TRIALS - 4 < num_done < NUM_TRIALS
    shown = orchestrate("plan", *line(killed)[:5], "--results", killed, "--json")
    assert json.loads(shown.stdout)["sweeps"][0]["num_planned"] == 4
    done = orchestrate(*line(killed))
    assert done.returncode == 0, done.stderr
    assert tried(killed) == tried(whole)
    assert len(list(killed.glob("trials/*"))) == NUM_TRIALS
    again = orchestrate(*line(killed))
    assert again.returncode == 0 and "started" not in again.stdout
