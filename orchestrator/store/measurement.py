"""What was measured of a model on a type of device (results/precision/): which number format is fastest, how
much memory a trial takes, and how much of a batch fits.
"""

from pathlib import Path

from pydantic import Field, ValidationError

from orchestrator.store.record import Record
from trainables.files import write_json
from trainables.recipe import MemoryFormat, Precision


class SpeedRecord(Record):
    """A number format and memory layout, how fast a model trains in it, and how much of a batch fits."""

    precision: Precision
    memory_format: MemoryFormat
    images_per_s: float = Field(gt=0.0)
    peak_mib: float
    micro_batch: int | None = None


class MeasurementRecord(Record):
    """What was measured of a model on a type of device, and the speed that is chosen.

    `batch_size` is the largest batch that was tried; None where it was not written down.
    """

    device: str | None = None
    device_name: str | None = None
    torch_version: str | None = None
    batch_size: int | None = None
    batch_norm: bool = False
    speeds: tuple[SpeedRecord, ...] = ()
    choice: SpeedRecord
    measured: str | None = None

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
        """Return the largest part of a batch of this size that fits; None where it was not seen that the
        whole does not.
        """
        tried = self.batch_size or batch_size
        fitted = self.choice.micro_batch or tried
        return fitted if fitted < min(tried, batch_size) else None


def read_measurement(path: Path) -> MeasurementRecord | None:
    """Read what was measured of a model; None when it was not, or the file is damaged."""
    try:
        return MeasurementRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_measurement(path: Path, record: MeasurementRecord) -> None:
    """Write down what was measured of a model."""
    write_json(path, record.plain())
