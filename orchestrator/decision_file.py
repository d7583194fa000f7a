"""Where decisions lie, and how they are read: what must answer before anything that computes is imported.

A decision holds the hash of what it says, so that one that was edited is known. Those of earlier versions of
the program have none, and are believed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.identity import fingerprint
from orchestrator.store.folder import Store, read_record
from trainables.errors import InputError
from trainables.trial_files import FORMAT


def in_force(store: Store, phase: str) -> dict[str, Any] | None:
    """Return the record of a phase's decision; None when none has been taken.

    Raises:
        InputError: its file is damaged, was edited, or is of a newer version of the program.
    """
    record = on_disk(store, phase)
    if record is not None and record.get("digest", digest(record)) != digest(record):
        raise InputError(
            f"{store.decision_file(phase)} was edited after the decision was taken; bring it back, or take "
            f"it anew with `python -m orchestrator decide {phase} --again`, and give what you want with --set"
        )
    return record


def on_disk(store: Store, phase: str) -> dict[str, Any] | None:
    """Return the record of a phase's decision, edited or not; None when none has been taken.

    Raises:
        InputError: its file is damaged, or of a newer version of the program.
    """
    path = store.decision_file(phase)
    return _read(path) if path.exists() else None


def digest(record: Mapping[str, Any]) -> str:
    """Return the hash of what a decision says, 64 hexadecimal digits."""
    return fingerprint({name: value for name, value in record.items() if name != "digest"})


def _read(path: Path) -> dict[str, Any]:
    record = read_record(path)
    needed = {"chosen", "version", "rule", "trials", "handed_over"}
    if record is None or not needed <= record.keys() or not isinstance(record["handed_over"], dict):
        raise InputError(f"{path} is damaged; bring it back, or delete it and decide again")
    if int(record.get("format", FORMAT)) > FORMAT:
        raise InputError(f"{path} was written by a newer version; update the program")
    return record
