"""What a run has begun ends with it, however it ends, and nothing else does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.execution import minder
from orchestrator.execution.minder import minded
from tests.orchestrator.execution.minders import minder_of

ENDS_WITHIN_S = 10.0
RUN = """
import os, subprocess, sys
from pathlib import Path
from orchestrator.execution.minder import minded
session, word = Path(sys.argv[1]), sys.argv[2]
with minded(session):
    for stream in ("stdout", "stderr"):
        with (session / "logs" / f"agent.{stream[3:]}").open("w") as log:
            streams = {"stdout": subprocess.DEVNULL, stream: log}
            print(subprocess.Popen(["sleep", "600"], **streams, start_new_session=True).pid, flush=True)
    sys.stdin.read(1)
    if word == "again":
        os.execv("/bin/sleep", ["sleep", "600"])
"""


def until_gone(processes: list[psutil.Process]) -> None:
    """Wait for the end of processes; whether somebody has asked how they ended is no matter."""
    end = time.monotonic() + ENDS_WITHIN_S
    while any(map(lives, processes)):
        assert time.monotonic() < end
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The folder of a session, which a link leads to."""
    (tmp_path / "session_1" / "logs").mkdir(parents=True)
    (tmp_path / "session_latest").symlink_to("session_1")
    return tmp_path / "session_latest"


@pytest.fixture
def strangers(session: Path) -> Iterator[None]:
    """Processes that look like some of a run: they read its logs, edit one, or are of another."""
    log, other = session / "logs" / "raylet.out", session.parent / "session_12" / "log.out"
    log.touch()
    other.parent.mkdir()
    reads = subprocess.Popen(["tail", "-f", str(log)], stdout=subprocess.DEVNULL)
    with other.open("w") as stream:
        found = [reads, subprocess.Popen(["sleep", "600"], stdout=stream)]
    with (session / "logs" / ".raylet.out.swp").open("w") as stream, log.open() as read:
        found.append(subprocess.Popen(["sleep", "600"], stdin=stream, stdout=read))
    yield
    assert all(each.poll() is None for each in found)
    for each in found:
        each.kill()
        each.wait()


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("end", ["killed", "again", "done"])
def test_what_a_run_has_begun_ends_with_it_and_so_does_its_minder(end: str, session: Path) -> None:
    """Catches Ray's agents that outlive a killed run, a command begun again that is ended with what it had
    begun before, processes of somebody else that are ended, and minders that stay.
    """
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(session), end],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdin is not None and run.stdout is not None
    begun = [psutil.Process(int(run.stdout.readline())) for _ in range(2)]
    mine = minder_of(run.pid)
    # Neither Ctrl-C nor what begins the command again reaches it.
    assert os.getsid(mine.pid) != os.getsid(run.pid)
    assert mine not in psutil.Process(run.pid).children(recursive=True)
    if end == "killed":
        run.send_signal(signal.SIGKILL)
    else:
        run.stdin.write(".")
        run.stdin.flush()
    until_gone([*begun, mine])
    if end == "again":
        assert run.poll() is None
        run.kill()
    run.communicate()


def test_a_minder_with_nothing_to_end_goes_at_once(session: Path) -> None:
    """Catches a run that waits for its minder, or leaves it behind."""
    with minded(session):
        mine = minder_of(os.getpid())
        begun = time.monotonic()
    assert time.monotonic() - begun < 1.0
    until_gone([mine])
    assert time.monotonic() - begun < 2.0


@pytest.mark.usefixtures("strangers")
def test_what_does_not_mind_being_asked_is_killed(monkeypatch: pytest.MonkeyPatch, session: Path) -> None:
    """Catches a stopped worker, or one that hangs on its way out, that stays, also when its log is gone."""
    monkeypatch.setattr(minder, "TERM_S", 0.3)
    log = session.resolve() / "logs" / "worker.out"
    with log.open("w") as stream:
        stopped = subprocess.Popen(["sleep", "600"], stdout=stream)
    log.unlink()
    stopped.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        stopped.wait(0.1)
    minder.end_session(str(session.resolve()))
    assert stopped.wait(1.0) == -signal.SIGKILL
