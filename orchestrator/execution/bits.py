"""Comparisons of bits on this machine: made in another process, and kept in results/ for the runs to come."""

import subprocess
import sys

from orchestrator.plan.resources import this_machine
from orchestrator.store.bits_file import write_bits
from orchestrator.store.folder import Store
from trainables.bits_verdict import BitsVerdict
from trainables.errors import InputError
from trainables.own_process import module_environment

TIMEOUT_S = 300.0
# A trial with several threads adds up in another way than one with one.
MOST_THREADS = 2


def compared_bits(store: Store, device: str) -> BitsVerdict:
    """Compare bits on "cpu" or "cuda", and keep the verdict.

    Raises:
        InputError: the device can't train a small trial, with the reason.
    """
    threads = min(MOST_THREADS, this_machine().cores)
    command = [sys.executable, "-m", "trainables.same_bits", "--device", device, "--threads", str(threads)]
    try:
        done = subprocess.run(
            command,
            env=module_environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        verdict = BitsVerdict.model_validate_json(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        said = "it took too long" if isinstance(error, subprocess.TimeoutExpired) else _last_line(done.stderr)
        raise InputError(
            f"a small trial on {device} did not end ({said}); "
            f"`python -m trainables.same_bits --device {device}` shows why"
        ) from error
    write_bits(store.root, verdict)
    return verdict


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
