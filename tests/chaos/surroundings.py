"""What a study stands on, taken away for a while: its disk, its tracking server, the right time."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from random import Random

from tests.chaos.moments import in_training, struck
from tests.chaos.running_study import IN_PROCESS, Fault, RunningStudy

FILL = "dd if=/dev/zero of={} bs=64k count=100000"
DAY_S = 86_400
# Where Debian and others put it.
FAKE_CLOCKS = "/usr/lib/*/faketime/libfaketime.so.1"


class SmallDisk:
    """A disk of its own with little room; only root can have one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.filling = folder, folder / "filling"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
        mounted = subprocess.run(mount, capture_output=True, check=False)
        self.is_mounted = mounted.returncode == 0

    def fill(self) -> None:
        subprocess.run(FILL.format(self.filling).split(), capture_output=True, check=False)

    def free(self) -> None:
        self.filling.unlink(missing_ok=True)

    def close(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


class TrackingServer:
    """An MLflow server on the loopback that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.store = f"sqlite:///{folder / 'server.db'}"
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        line = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]
        line += ["--port", str(self._port), "--backend-store-uri", self.store]
        line += ["--artifacts-destination", str(self._folder / "artifacts")]
        # What no run needs is another process with all of MLflow in it.
        without_jobs = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                line, stdout=log, stderr=log, start_new_session=True, env=without_jobs
            )
        end = time.monotonic() + 120
        while not self._answers():
            assert time.monotonic() < end and self._process.poll() is None, "no MLflow server came up"
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def full_disk(disk: SmallDisk) -> Fault:
    """A fault: the disk of the results is full for a while."""

    def play(study: RunningStudy, random: Random) -> str | None:
        code = struck(study, random, lambda process: disk.fill(), *IN_PROCESS)
        disk.free()
        if code is None:
            return None
        assert code in (0, 1, 2), study.said
        if code:
            assert "is full" in study.said or "MiB free" in study.said, study.said
        return f"exit {code}"

    return play


def server_stopped(server: TrackingServer) -> Fault:
    """A fault: the tracking server is gone for a while; the study doesn't need it."""

    def play(study: RunningStudy, random: Random) -> str | None:
        code = struck(study, random, lambda process: server.stop(), *IN_PROCESS)
        if code is None:
            return None
        server.start()
        assert code == 0, study.said
        return f"exit {code}"

    return play


def clock_stepped(library: str) -> Fault:
    """A fault: the clock of the command jumps by up to two days, forwards or back."""

    def play(study: RunningStudy, random: Random) -> str | None:
        clock = study.folder / "clock"
        clock.write_text("+0\n", encoding="utf-8")
        environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Threads that wait for each other take Python's lock in turn by this clock, and starve otherwise.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        step_s = random.choice((-1, 1)) * random.randrange(60, 2 * DAY_S)

        def step(process: subprocess.Popen[bytes]) -> None:
            clock.write_text(f"{step_s:+d}\n", encoding="utf-8")

        code = struck(study, random, step, *IN_PROCESS, moment=in_training, environment=environment)
        if code is None:
            return None
        assert code == 0, study.said
        return f"exit {code}"

    return play


def fake_clock() -> str | None:
    """The library that gives a process another clock, if this machine has it."""
    found = sorted(Path("/").glob(FAKE_CLOCKS.lstrip("/")))
    return str(found[0]) if found else None
