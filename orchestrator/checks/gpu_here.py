"""GPUs of this machine before a run: a card that CUDA does not work on stops it before any image is read.

Otherwise it would be found out hours later, or the CPU would train without a word. What torch could use once
is remembered for its version and the driver's.
"""

import os
import platform
from dataclasses import asdict

from orchestrator.store.folder import Store
from trainables import memo
from trainables.cuda_check import asked_apart, cuda_problem, has_card
from trainables.device import device_type, driver_version, gpus
from trainables.errors import InputError

HIDDEN = "CUDA_VISIBLE_DEVICES"


def refuse_missing_gpu(device: str | None) -> None:
    """Raise InputError where a GPU was declared to train and this machine has none."""
    if device == "cuda" and device_type() == "cpu":
        raise InputError(
            f"{platform.node()} was told to train on a GPU (by --device or ORCHESTRATOR_DEVICE) and has none "
            "that CUDA works on; leave that out, or join a cluster that has some with --address"
        )


def refuse_unusable_gpu(device: str | None, store: Store) -> None:
    """Raise InputError where this machine has a GPU that its driver or torch can't use; `device` is declared.

    What is hidden (CUDA_VISIBLE_DEVICES) or not wanted ("cpu") is not looked at.
    """
    if device == "cpu" or os.environ.get(HIDDEN, "unset") in ("", "-1"):
        return
    if device_type() == "cuda":
        path = store.cached("cuda", "usable.memo")
        key = memo.key(
            [driver_version(), os.environ.get(HIDDEN), [each.name for each in gpus()]],
            code="trainables.cuda_check",
            libraries=("torch",),
        )
        if memo.read(path, key) is not None:
            return
        facts = asked_apart()
        problem = cuda_problem(facts, where=platform.node(), counted=len(gpus()))
        if problem:
            raise InputError(_with_way_out(problem))
        memo.write(path, key, asdict(facts))
    elif has_card() and (driver := driver_version()):
        facts = asked_apart()
        # A torch for the CPU is somebody's choice.
        if facts.torch_cuda:
            problem = cuda_problem(facts, where=platform.node(), counted=1)
            raise InputError(_with_way_out(problem or f"CUDA does not start with driver {driver}"))
    refuse_missing_gpu(device)


def _with_way_out(problem: str) -> str:
    return f"{problem}; --device cpu trains without it"
