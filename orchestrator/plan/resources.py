"""Share of a machine that a trial gets: arithmetic on what the machine has and what a trial was seen to need.

On the CPU the number of threads decides the last bits of a result. It must therefore depend on the machine
alone, never on how many trials happen to be missing: a run that was interrupted has to end with the same
numbers.
"""

import math
from dataclasses import dataclass

import psutil

from orchestrator.config.trial_resources import Resources
from trainables.data.images.inspection import num_workers
from trainables.device import gpus
from trainables.errors import InputError

MEMORY_SHARE = 0.8
SPARE = 1.2
DEFAULT_PEAK_MIB = 1500.0
GPU_CONTEXT_MIB = 600.0
# Of a card; the rest is the driver's, and lost between blocks.
GPU_MEMORY_SHARE = 0.95
# What a process that trains on a GPU takes of the node: libraries, batches on their way, the best weights.
GPU_TRIAL_HOST_MIB = 2500.0
MAX_TRIALS_A_GPU = 8


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to share out: of this machine, or of a cluster's smallest of `nodes` working nodes.

    `gpu_type` is Ray's name of the type of GPU that alone trains; "" = none, not known, or of any type.
    """

    cores: int
    memory_mib: float
    gpus: int = 0
    gpu_memory_mib: float = 0.0
    nodes: int = 1
    gpu_type: str = ""

    @property
    def units(self) -> int:
        """How many GPUs there are, or where there are none, machines: what hours are paid for."""
        return self.nodes * (self.gpus or 1)


@dataclass(frozen=True, slots=True)
class Share:
    """What one trial gets. `gpus` may be a fraction; `threads` are torch's.

    `pixels_mib` is the memory of its GPU that it may keep images in.
    """

    cpus: int
    gpus: float
    threads: int
    pixels_mib: int = 0


def this_machine(device: str | None = None) -> Machine:
    """Return the cores that this process may use, the machine's memory, and its GPUs.

    With `device` "cpu" it has none; with "cuda" at least one, which may be elsewhere and is not known yet.
    """
    memory_mib, found = psutil.virtual_memory().total / 2**20, gpus() if device != "cpu" else ()
    least = min((each.memory_mib for each in found), default=0.0)
    return Machine(num_workers(), memory_mib, max(len(found), device == "cuda"), least)


def trials_at_a_time(machine: Machine, share: Share, *, most: int | None = None) -> int:
    """Return how many trials with such a share run at a time, `most` if that is less; at least one."""
    fit = machine.cores // share.cpus
    if share.gpus:
        # A third of a GPU is rounded down, so that three of them fit.
        fit = min(fit, math.floor(machine.gpus / share.gpus + 1e-6))
    together = machine.nodes * max(1, fit)
    return together if most is None else min(together, most)


def unit_share(machine: Machine, share: Share) -> float:
    """Return the part of a GPU, or where there is none of a machine, that a trial has while it runs."""
    return share.gpus or share.cpus / machine.cores


def share_of(machine: Machine, *, peak_mib: float | None, wanted: Resources) -> Share:
    """Return a trial's share of `machine`.

    Args:
        machine: what there is.
        peak_mib: the most memory that training was seen to take, on the device that trains; None = not
        measured.
        wanted: what the experiment asks for; it wins, up to what there is.

    Raises:
        InputError: more GPUs are wanted than a node has.
    """
    need = (peak_mib or DEFAULT_PEAK_MIB) * SPARE
    if machine.gpus:
        fit = math.floor(machine.gpu_memory_mib / _gpu_need_mib(peak_mib)) if machine.gpu_memory_mib else 1
        host = math.floor(MEMORY_SHARE * machine.memory_mib / GPU_TRIAL_HOST_MIB / machine.gpus)
        a_gpu = max(1, min(fit, host, MAX_TRIALS_A_GPU, machine.cores // machine.gpus))
        gpus = math.floor(1000 / a_gpu) / 1000 if wanted.gpus is None else wanted.gpus
        if gpus > machine.gpus:
            raise InputError(f"resources.gpus is {gpus:g}, but a node has {machine.gpus}; ask for no more")
        cpus = min(wanted.cpus or max(1, machine.cores // (machine.gpus * a_gpu)), machine.cores)
        return Share(cpus, gpus, cpus, resident_pixels_mib(machine, gpus, peak_mib=peak_mib))
    if wanted.gpus is not None:
        raise InputError("resources.gpus is set, but there is no GPU to work on; leave it out")
    fit = math.floor(MEMORY_SHARE * machine.memory_mib / need)
    together = max(1, min(machine.cores, fit))
    # Rounded up: a core that is left over is better than a trial too many for the memory.
    cpus = min(wanted.cpus or math.ceil(machine.cores / together), machine.cores)
    return Share(cpus=cpus, gpus=0.0, threads=cpus)


def resident_pixels_mib(machine: Machine, gpus: float, *, peak_mib: float | None) -> int:
    """Return how much memory of its card a trial with `gpus` of it may keep images in.

    It is what the trial's part of the whole card leaves beside training, whatever is free at the moment: many
    trials that look at once would all see the same free memory. The parts of the trials of a card are never
    more than the card, whichever trials they are.
    """
    mine = min(gpus, 1.0) * machine.gpu_memory_mib * GPU_MEMORY_SHARE
    return max(0, math.floor(mine - _gpu_need_mib(peak_mib)))


def _gpu_need_mib(peak_mib: float | None) -> float:
    """What a trial takes of its card, without images that are kept there."""
    return (peak_mib or DEFAULT_PEAK_MIB) * SPARE + GPU_CONTEXT_MIB
