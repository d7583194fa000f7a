"""Sustained rates of the device that trains, and the time that a network's work takes at them.

Of a GPU its driver says the peak rates. The CPU is timed on a matrix product and on a pass through memory,
some hundredths of a second each, without torch; the outcome is kept in results/cache/speeds/ where that can
be written. A network then takes

    seconds an image = 3 x FLOPs / rate + activations x bytes moved / bandwidth + (layers, parameters) / batch

since the backward pass costs two forward passes, and convolutions in groups, norms and activations move
memory more than they compute (the roofline of Williams, Waterman & Patterson 2009, summed instead of its
maximum). The shares of the peak rates that training reaches on a CPU were fitted to 43 measurements of 17
networks at 32 to 128 px, whose estimates are 0.76 to 1.44 of them (`benchmarks/estimates.py` holds three to
the truth); those of a GPU are assumed, and its first measurement corrects them.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import Store
from trainables import memo
from trainables.device import gpus
from trainables.work import Work

MATRIX, STREAM_BYTES, REPEATS = 512, 2**25, 6
# Of float32: a number that is moved has four bytes.
BYTES = 4


@dataclass(frozen=True, slots=True)
class Reached:
    """What training reaches of a kind of device.

    `dense` and `grouped` are shares of its rate of operations; `passes` is how often each activation is moved
    through memory in a step, `updates` the same of each parameter; `layer_s` is what a layer takes apart from
    its work, in a step.
    """

    dense: float
    grouped: float
    passes: float
    updates: float
    layer_s: float


REACHED = {
    "cpu": Reached(dense=0.8, grouped=0.057, passes=11.7, updates=60.0, layer_s=1.85e-4),
    "cuda": Reached(dense=0.35, grouped=0.057, passes=11.7, updates=15.0, layer_s=5e-5),
}


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """A device (or one core of the CPU) by name and kind, with its rates of float32 and of memory."""

    name: str
    device: str
    flops_per_s: float
    bytes_per_s: float

    def seconds_an_image(self, work: Work, *, batch_size: int) -> float:
        """Estimate what training takes for one image."""
        reached = REACHED[self.device]
        dense = (work.flops - work.grouped_flops) / reached.dense
        grouped = work.grouped_flops / reached.grouped
        moved = BYTES * (reached.passes * work.activations + reached.updates * work.parameters / batch_size)
        return (
            3.0 * (dense + grouped) / self.flops_per_s
            + moved / self.bytes_per_s
            + work.layers * reached.layer_s / batch_size
        )


def device_speed(store: Store, device: str) -> DeviceSpeed:
    """Return the rates of "cuda" or "cpu" here: asked, or timed once and kept."""
    if device == "cuda" and gpus():
        first = gpus()[0]
        return DeviceSpeed(first.name, device, first.flops_per_s, first.bytes_per_s)
    name = f"{platform.node()} {platform.machine()}"
    key = memo.key([name], code=__name__, libraries=("numpy",))
    path = store.cached("speeds", f"{fingerprint(name)[:16]}.memo")
    known = memo.read(path, key)
    if known is None:
        known = asdict(_timed(name))
        # A results folder that there is not yet is not made by a plan.
        if store.root.is_dir():
            memo.write(path, key, known)
    return DeviceSpeed(**known)


def _timed(name: str) -> DeviceSpeed:
    """Time one core."""
    a, product = np.full((MATRIX, MATRIX), 0.5, np.float32), np.empty((MATRIX, MATRIX), np.float32)
    stream = np.ones(STREAM_BYTES // BYTES, np.float32)
    with threadpool_limits(1):
        flops = 2.0 * MATRIX**3 / _least(lambda: np.matmul(a, a, out=product))
        moved = 2.0 * stream.nbytes / _least(lambda: np.add(stream, 1.0, out=stream))
    return DeviceSpeed(name, "cpu", flops, moved)


def _least(function: Callable[[], object]) -> float:
    """Seconds of processor time of the quickest call: what else runs here is no part of it."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return max(min(times), 1e-9)
