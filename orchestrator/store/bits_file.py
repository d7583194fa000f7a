"""Verdicts of comparisons of bits in results/bits/: one for each place, which runs there are stamped with."""

import re
from pathlib import Path

from orchestrator.store.record_file import known_record
from trainables.bits_verdict import BitsVerdict
from trainables.files import write_json


def write_bits(root: Path, verdict: BitsVerdict) -> Path:
    """Keep a verdict in the results folder `root`; return its file."""
    path = _file(root, verdict.device, verdict.place)
    write_json(path, verdict.model_dump(mode="json"))
    return path


def read_bits(root: Path, *, device: str, place: str) -> BitsVerdict | None:
    """Return the verdict of a place; None where bits were not compared there, or the file is damaged."""
    return known_record(_file(root, device, place), BitsVerdict)


def _file(root: Path, device: str, place: str) -> Path:
    return root / "bits" / (re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{device}-{place}") + ".json")
