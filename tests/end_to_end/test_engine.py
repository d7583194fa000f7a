"""Ray's own processes on this machine: who may reach them, what their end costs, and how they are ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.conftest import ROOT
from tests.end_to_end.outcome import expected_runs, tables, tracked_runs
from tests.orchestrator.execution.minders import minder_of

pytestmark = [
    pytest.mark.usefixtures("hangup_is_heard"),
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]
WAIT_S = 200
IMPATIENT = """
from orchestrator import cli
from orchestrator.execution import silence
silence.LEAST_S, silence.TIMES = 15.0, 3
cli.main()
"""
# Long enough for its workers to be in the middle of it, and no more than that.
LONGER = ("--only", "plain", "--set", "epochs=40", "--folds", "0,1")
GONE_WITHIN_S = 10.0
# An address of IPv4 on a socket of IPv6.
MAPPED = "::ffff:"


class Run:
    """The phase under way in a process of its own."""

    def __init__(self, line: list[str], folder: Path, *, program: tuple[str, ...]) -> None:
        self.results, self._log = folder / "results", folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, *line],
                cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def until_it_trains(self, epochs: int = 1) -> None:
        end = time.monotonic() + WAIT_S
        while self.epochs() < epochs or not list(self.results.glob("trials/*/checkpoint/state.safetensors")):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def epochs(self) -> int:
        """How many a trial has behind it."""
        tables = self.results.glob("trials/*/history.csv")
        return max((len(table.read_text().splitlines()) - 1 for table in tables), default=0)

    def workers(self) -> list[psutil.Process]:
        return [child for child in self.children() if "ImplicitFunc" in " ".join(child.cmdline())]

    @property
    def said(self) -> str:
        return self._log.read_text()


@pytest.fixture
def run(
    arguments: Callable[[Path], list[str]], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Run]:
    """The phase, by another program or with more arguments where a test asks for that."""
    program, more = getattr(request, "param", (("-m", "orchestrator"), ()))
    started = Run([*arguments(tmp_path / "results"), *more], tmp_path, program=program)
    yield started
    if started.process.poll() is None:
        os.killpg(started.process.pid, signal.SIGKILL)
    started.process.wait()


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_without_ray_s_own_processes_the_command_begins_again(run: Run, undisturbed: Path, name: str) -> None:
    """Catches a run that hangs with a rising estimate, and one that Ray ends with a stack of C++."""
    run.until_it_trains()
    (killed,) = [child for child in run.children() if child.name() == name]
    killed.kill()
    assert run.process.wait(WAIT_S) == 0, run.said
    assert run.said.count(f"Ray's process {name} has ended; the command begins again") == 1
    for foreign in ("defect", "Traceback", "failed", "rpc_client.h", "***"):
        assert foreign not in run.said, run.said
    assert tables(run.results) == tables(undisturbed)
    assert tracked_runs(run.results) == expected_runs()


@pytest.mark.parametrize("run", [(("-c", IMPATIENT), LONGER)], indirect=True)
def test_workers_that_hang_are_not_waited_for(
    run: Run, run_phase: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Catches a run that waits for ever for a worker which says nothing any more."""
    # The run has to know how long an epoch takes.
    run.until_it_trains(epochs=4)
    for worker in run.workers():
        worker.suspend()
    assert run.process.wait(WAIT_S) == 0, run.said
    assert run.said.count("no trial has given a sign of life") == 1
    assert run.said.count("the command begins again, once") == 1
    undisturbed = tmp_path / "undisturbed"
    run_phase(undisturbed, *LONGER, "--address", "none")
    assert tables(run.results) == tables(undisturbed)


def test_nobody_else_can_reach_it(run: Run) -> None:
    """Catches a Ray that any machine of the network may give work to."""
    run.until_it_trains()
    heard_at = {
        connection.laddr.ip
        for child in run.children()
        for connection in child.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert heard_at
    assert all(ip_address(each.removeprefix(MAPPED)).is_loopback for each in heard_at), heard_at


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_one_sentence_and_nothing_stays(run: Run, number: int, code: int) -> None:
    """Catches a stack of C++ on the screen, and processes that Slurm or docker would have to kill."""
    run.until_it_trains()
    left = [*run.children(), minder_of(run.process.pid)]
    run.process.send_signal(number)
    assert run.process.wait(30) == code, run.said
    assert run.said.rstrip().splitlines()[-1].startswith(f"Error: ended by {signal.Signals(number).name}")
    assert "***" not in run.said and "Traceback" not in run.said
    _, alive = psutil.wait_procs(left, timeout=GONE_WITHIN_S)
    assert not alive, [child.cmdline()[:3] for child in alive]
    assert list(run.results.glob("trials/*/checkpoint/state.safetensors"))


@pytest.mark.parametrize("is_worker_stopped", [False, True])
def test_nothing_outlives_a_run_that_is_killed(run: Run, is_worker_stopped: bool) -> None:
    """Catches agents that wait for a server which is gone, workers that stay, and a minder that does."""
    run.until_it_trains()
    left = [*run.children(), minder_of(run.process.pid)]
    if is_worker_stopped:
        run.workers()[0].suspend()
    run.process.kill()
    _, alive = psutil.wait_procs(left, timeout=GONE_WITHIN_S)
    # Some containers have nobody who asks how orphans have ended.
    assert not [child.name() for child in alive if child.status() != psutil.STATUS_ZOMBIE]
