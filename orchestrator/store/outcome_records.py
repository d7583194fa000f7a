"""The records that a trial leaves in its folder: what it found, why it failed."""

from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.store.record import Record
from trainables.outside_text import without_accounts
from trainables.trial_files import FORMAT


class MetricsRecord(Record):
    """metrics.json: what a finished trial found and took. `n_...` count images; times are in seconds.

    `n_val_halves` are the images of each half of the inner validation part: none where it is too small for
    two halves, None where an earlier version did not cut it. `flops_per_image` are the operations of one
    forward pass; a kernel machine has none, and its `parameters` are its support vectors.
    """

    n_train: int
    n_val: int
    n_test: int
    test: dict[str, float | None] = Field(default_factory=dict)
    score: float | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    parameters: int | None = None
    flops_per_image: int | None = None
    n_val_halves: tuple[int, ...] | None = None
    seconds: int | float | None = None
    training_seconds: int | float | None = None
    peak_mib: int | float | None = None
    threads: int | None = None
    device: str = ""


class ErrorRecord(Record):
    """error.json: why a trial failed."""

    format: int = FORMAT
    type: str = ""
    message: Annotated[str, AfterValidator(without_accounts)] = ""
    traceback: Annotated[str, AfterValidator(without_accounts)] = ""
    time: str = ""
