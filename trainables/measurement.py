"""Questions about a model before its trials are planned, and their answers; without torch, which a plan does
not import.

A measurement says which number format and memory layout train a model fastest on a type of device, how much
memory a trial takes, and how much of a batch fits. The candidates are tried in a fixed order, and a later one
must be clearly faster than the one held so far (MIN_GAIN): noise must not decide between two that are equally
good.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from trainables.recipe import MemoryFormat, Precision, RecipeKeys
from trainables.starting_weights import StartingWeights

MIN_GAIN = 1.1


class _Plain(BaseModel):
    """Immutable; read leniently, since it is kept on disk for later versions."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Speed(_Plain):
    """One candidate's training speed, the memory that a trial takes, and the largest part of a batch."""

    precision: Precision
    memory_format: MemoryFormat
    images_per_s: float = Field(gt=0.0)
    peak_mib: float
    micro_batch: int | None = None


class Measurement(_Plain):
    """What was measured of a model on a type of device, and the candidate to train with.

    `batch_size` is the largest batch that was tried; None where it was not written down. `card` names the
    GPU with its driver and torch, as `trainables.device.card` does; None on a CPU. `measured` is the time.
    """

    device: str | None = None
    device_name: str | None = None
    torch_version: str | None = None
    card: str | None = None
    batch_size: int | None = None
    batch_norm: bool = False
    speeds: tuple[Speed, ...] = ()
    choice: Speed
    measured: str | None = None

    @property
    def place(self) -> str:
        """Where it was measured: the device's name, or its type; empty where it was not written down."""
        return self.device_name or self.device or ""

    def knows(self, batch_size: int, device: str) -> bool:
        """Tell whether it says how much of a batch of this size fits into memory.

        The CPU's memory is shared out by what a trial took, and what does not fit there is not found by
        trying.
        """
        return (
            device == "cpu"
            or self.batch_size is None
            or batch_size <= self.batch_size
            or self.micro_batch(batch_size) is not None
        )

    def micro_batch(self, batch_size: int) -> int | None:
        """Return the largest part of a batch that fits; None where the whole does, or nobody knows."""
        tried = self.batch_size or batch_size
        fitted = self.choice.micro_batch or tried
        return fitted if fitted < min(tried, batch_size) else None


class ModelQuestion(_Plain):
    """What is to be found out of a model with `num_classes` classes, on "cpu" or "cuda".

    `check`: does the backbone exist, and can its pretrained weights be had, the `weights` that are known from
    before? `time`: how fast is it? In `memory_format` alone, where that is settled.
    """

    recipe: RecipeKeys
    num_classes: int
    device: str
    check: bool
    time: bool
    memory_format: MemoryFormat | None = None
    weights: StartingWeights | None = None


class ModelAnswer(_Plain):
    """What was found out: the user's mistake, or a measurement, the weights that `pretrained` stands for, and
    what there is to say of them, as far as it was asked.
    """

    problem: str | None = None
    measurement: Measurement | None = None
    weights: StartingWeights | None = None
    notes: tuple[str, ...] = ()


def fastest(speeds: Sequence[Speed]) -> Speed:
    """Return the candidate to train with, of those that were timed in order."""
    held = speeds[0]
    for speed in speeds[1:]:
        if speed.images_per_s >= MIN_GAIN * held.images_per_s:
            held = speed
    return held
