"""A phase that is interrupted, killed, or loses a worker: nothing that is finished is lost or done twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.cases import fast_first
from tests.end_to_end.outcome import expected_runs, tables, tracked_runs

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    # MLflow uses parts of SQLAlchemy that are on their way out.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "orchestrator")
WAIT_S = 120

Command = Callable[..., subprocess.CompletedProcess[str]]


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for `condition`, as long as the process lives."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert process.poll() is None, "the run ended before it could be disturbed"
        assert time.monotonic() < end, "the run never came so far"
        time.sleep(0.02)


@pytest.fixture
def started(
    arguments: Callable[[Path], list[str]], tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The phase under way in a process (group) of its own, in an empty results folder."""
    results = tmp_path / "results"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*PROGRAM, *arguments(results)],
            cwd=ROOT, stdout=log, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
        yield process, results
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    "goes_on", fast_first([(("--address", "none"),), ((),)], 1), ids=["without Ray", "on Ray"]
)
def test_an_interrupted_run_goes_on_where_it_stopped(
    started: tuple[subprocess.Popen[str], Path],
    goes_on: tuple[str, ...],
    run_phase: Command,
    request: pytest.FixtureRequest,
) -> None:
    """Catches Ctrl-C that hangs, and numbers that depend on interruptions or on what carries out the rest."""
    process, results = started
    until(lambda: list(results.glob("trials/*/checkpoint/state.safetensors")), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    again = run_phase(results, *goes_on)
    assert again.returncode == 0, again.stderr
    # Asked for last: another process of the tests may have made it meanwhile.
    assert tables(results) == tables(request.getfixturevalue("undisturbed"))
    assert tracked_runs(results) == expected_runs()


@pytest.mark.slow
def test_a_killed_driver_loses_nothing_that_is_finished(
    started: tuple[subprocess.Popen[str], Path], run_phase: Command, undisturbed: Path
) -> None:
    """Catches finished trials that are repeated, and numbers that depend on who was killed."""
    process, results = started
    until(lambda: list(results.glob("trials/*/done.json")), process)
    process.kill()
    finished = {path: path.stat().st_mtime_ns for path in results.glob("trials/*/done.json")}
    again = run_phase(results)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == expected_runs()


@pytest.mark.slow
def test_a_killed_worker_is_replaced(
    started: tuple[subprocess.Popen[str], Path], undisturbed: Path, tmp_path: Path
) -> None:
    """Catches a lost worker that costs a trial, and what Ray prints about it on the screen."""
    process, results = started
    until(lambda: list(results.glob("trials/*/checkpoint/state.safetensors")), process)
    workers = [child for child in psutil.Process(process.pid).children(recursive=True) if is_trial(child)]
    assert workers, "no worker process was found"
    workers[0].kill()
    assert process.wait(WAIT_S) == 0
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == expected_runs()
    assert "raylet" not in (tmp_path / "log").read_text()


def is_trial(process: psutil.Process) -> bool:
    try:
        return "ImplicitFunc" in " ".join(process.cmdline())
    except psutil.Error:
        return False
