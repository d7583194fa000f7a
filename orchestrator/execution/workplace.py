"""The Ray and the device that a run works with, as options and the environment name them.

An option wins over its variable, and an empty variable is none. So the same command trains on a cluster
wherever RAY_ADDRESS is set, as it is in a job that Ray runs.
"""

import os

from trainables.device import DeviceType
from trainables.errors import InputError

RAY_ADDRESS, DEVICE = "RAY_ADDRESS", "ORCHESTRATOR_DEVICE"
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
