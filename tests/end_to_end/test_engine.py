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

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]
WAIT_S = 200
GONE_WITHIN_S = 10.0
# An address of IPv4 on a socket of IPv6.
MAPPED = "::ffff:"


class Run:
    """The phase under way in a process of its own."""

    def __init__(self, line: list[str], folder: Path) -> None:
        self.results, self._log = folder / "results", folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", *line],
                cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def until_it_trains(self) -> None:
        end = time.monotonic() + WAIT_S
        while not list(self.results.glob("trials/*/checkpoint/state.safetensors")):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    @property
    def said(self) -> str:
        return self._log.read_text()


@pytest.fixture
def run(arguments: Callable[[Path], list[str]], tmp_path: Path) -> Iterator[Run]:
    started = Run(arguments(tmp_path / "results"), tmp_path)
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
    left = run.children()
    run.process.send_signal(number)
    assert run.process.wait(30) == code, run.said
    assert run.said.rstrip().splitlines()[-1].startswith(f"Error: ended by {signal.Signals(number).name}")
    assert "***" not in run.said and "Traceback" not in run.said
    _, alive = psutil.wait_procs(left, timeout=GONE_WITHIN_S)
    assert not alive, [child.cmdline()[:3] for child in alive]
    assert list(run.results.glob("trials/*/checkpoint/state.safetensors"))
