"""The Ray and the device that a run works with, as options and the environment name them.

An option wins over its variable, and an empty variable is none. So the same command trains on a cluster
wherever RAY_ADDRESS is set, as it is in a job that Ray runs.
"""

import os
import socket

from trainables.device import DeviceType
from trainables.errors import InputError

# What --address says for no Ray at all, and what stays on this machine.
IN_PROCESS = "none"
HERE = ("local", IN_PROCESS)
RAY_ADDRESS, DEVICE = "RAY_ADDRESS", "ORCHESTRATOR_DEVICE"
CONNECT_TIMEOUT_S = 10.0
DEVICES: dict[str, DeviceType] = {"cpu": "cpu", "cuda": "cuda"}


def ray_address(given: str | None) -> str:
    """Return what `--address` names, else what RAY_ADDRESS does, else "local"."""
    return given or os.environ.get(RAY_ADDRESS, "").strip() or "local"


def origin_text(address: str) -> str:
    """Say behind an address that RAY_ADDRESS names it; empty where it does not."""
    return f" (from {RAY_ADDRESS})" if os.environ.get(RAY_ADDRESS, "").strip() == address else ""


def declared_device(given: str | None) -> DeviceType | None:
    """Return the device that `--device` declares, else ORCHESTRATOR_DEVICE; None where neither does.

    Raises:
        InputError: it is neither cpu nor cuda.
    """
    variable = os.environ.get(DEVICE, "").strip()
    name = given or variable
    if not name:
        return None
    if name not in DEVICES:
        where = "--device " if given else f"{DEVICE}="
        raise InputError(f"{where}{name}: give cpu or cuda, or leave it out to train on what is there")
    return DEVICES[name]


def check_answers(address: str) -> None:
    """Raise InputError when nobody listens at HOST:PORT; Ray itself would go on trying for ten minutes."""
    named = address + origin_text(address)
    if address.startswith(("http://", "https://")):
        raise InputError(
            f"{named} is where jobs are submitted; run this command there (`ray job submit -- ...`), or give "
            "--address local"
        )
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        if address == "auto":
            return
        raise InputError(f"--address {named}: give local, none, auto or HOST:PORT, for example 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster at {named} ({error}); start one, or give --address local"
        ) from error


def last_line(text: str) -> str:
    """Return the last line of what a library or a traceback says, shortened; empty where it says nothing."""
    return (text.strip().splitlines() or [""])[-1].strip()[:200]


def first_line(error: object) -> str:
    """Return the first line of what an error says, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
