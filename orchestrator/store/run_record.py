"""The records of what a process and a trial ran on: versions, host, commit, device."""

from pydantic import Field

from orchestrator.store.record import Record
from trainables.bits_verdict import Stamp


class Environment(Record):
    """Versions, host and commit of a process."""

    versions: dict[str, str] = Field(default_factory=dict)
    host: str | None = None
    platform: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None


class RunRecord(Environment):
    """What a trial ran on, and by which command. `device` is "cpu", or the GPU's name.

    `card` names the GPU with its driver and torch, `gpus` is the share of it that the trial had, and `tf32`
    whether float32 was rounded; None on a CPU. `bits` is what `doctor` had found there: are two runs of a
    trial, and an interrupted one, equal? None where nobody had compared them. `micro_batch` is the part of a
    batch that it went on with when memory ran out; None where it did not.
    """

    command: str | None = None
    phase: str | None = None
    device: str | None = None
    started: str | None = None
    card: str | None = None
    gpus: float | None = None
    tf32: bool | None = None
    bits: Stamp | None = None
    micro_batch: int | None = None
