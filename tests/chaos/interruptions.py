"""What ends a command, or a process that it lives from, in the middle of its work."""

import signal
import subprocess
from collections.abc import Callable
from random import Random

import psutil

from tests.chaos.moments import in_training, struck
from tests.chaos.running_study import IN_PROCESS, Fault, RunningStudy


def driver_gets(number: signal.Signals, *, on_ray: bool, codes: tuple[int, ...]) -> Fault:
    """A fault: the command gets a signal at some moment, and ends with one of `codes`."""

    def play(study: RunningStudy, random: Random) -> str | None:
        left: list[psutil.Process] = []

        def send(process: subprocess.Popen[bytes]) -> None:
            left.extend(study.children(process))
            process.send_signal(number)

        code = struck(study, random, send, *(() if on_ray else IN_PROCESS))
        if code is None:
            return None
        if number is not signal.SIGKILL:
            _, alive = psutil.wait_procs(left, timeout=10)
            assert not alive, [child.cmdline()[:3] for child in alive]
        # It may have come to its end in the very moment.
        assert code in (*codes, 0), f"exit code {code}\n{study.said}"
        return f"exit {code}" if code >= 0 else "killed"

    return play


def loses(which: Callable[[psutil.Process], bool]) -> Fault:
    """A fault: one of Ray's processes is killed; the command mends it by itself."""

    def play(study: RunningStudy, random: Random) -> str | None:
        with study.attempt() as process:
            if not in_training(study, process, random):
                return None
            found = [child for child in study.children(process) if is_such(which, child)]
            if not found:
                return None
            random.choice(found).kill()
            assert study.ended(process) == 0, study.said
        return "exit 0"

    return play


def is_such(which: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return which(process)
    except psutil.Error:
        return False


def is_trial(process: psutil.Process) -> bool:
    return "ImplicitFunc" in " ".join(process.cmdline())


def is_raylet(process: psutil.Process) -> bool:
    return process.name() == "raylet"


def is_gcs(process: psutil.Process) -> bool:
    return process.name() == "gcs_server"
