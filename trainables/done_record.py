"""done.json: that a trial is finished and what it left, with its one reader and its one writer.

It is written last, when everything that it speaks of is on the disk. A trial is finished if and only if it
can be read; one that is damaged is run again, and so is a trial of which another file that tables are made of
is another by now. Earlier versions of the program left fewer hashes, or none: their trials are finished, and
what has no hash is believed.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from trainables.files import known_sha256, read_file, write_json
from trainables.trial_files import DONE, FORMAT, HISTORY, METRICS, PREDICTIONS, TRIAL


class DoneRecord(BaseModel):
    """What done.json holds: when the trial ended, its best epoch, and the hashes of what it left."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    finished: str = ""
    best_epoch: int | None = None
    predictions_sha256: str | None = None
    metrics_sha256: str | None = None
    history_sha256: str | None = None
    trial_sha256: str | None = None
    weights_sha256: str | None = None
    weights_bytes: int | None = None


def read_done(folder: Path) -> DoneRecord | None:
    """Read done.json of the trial at `folder`; None where the trial is not finished."""
    try:
        return parse_done(read_file(folder / DONE))
    except OSError:
        return None


def is_whole(folder: Path) -> bool:
    """Tell whether the trial at `folder` is finished, and what tables are made of is what it left."""
    done = read_done(folder)
    if done is None:
        return False
    hashes = {
        PREDICTIONS: done.predictions_sha256,
        METRICS: done.metrics_sha256,
        HISTORY: done.history_sha256,
        TRIAL: done.trial_sha256,
    }
    return all(known is None or _hash(folder / name) == known for name, known in hashes.items())


def _hash(path: Path) -> str | None:
    try:
        return known_sha256(path)
    except OSError:
        return None


def parse_done(content: bytes) -> DoneRecord | None:
    """Read the content of a done.json; None when it is damaged."""
    try:
        return DoneRecord.model_validate_json(content)
    except ValidationError:
        return None


def write_done(folder: Path, record: DoneRecord) -> None:
    """Commit the trial at `folder`."""
    write_json(folder / DONE, record.model_dump(mode="json"))
