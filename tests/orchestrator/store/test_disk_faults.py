"""Faults of the disk of results, told from what the system and libraries raise."""

import errno
import os
from pathlib import Path

import pytest

from orchestrator.store.disk_faults import disk_fault


def wrapped(error: Exception) -> Exception:
    try:
        raise RuntimeError("could not save") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "full"), (errno.EDQUOT, "quota"), (errno.EROFS, "Read-only"), (errno.EIO, "broken")],
)
def test_what_the_system_says_of_the_disk_is_one_sentence_with_the_place(
    tmp_path: Path, code: int, said: str
) -> None:
    error = OSError(code, os.strerror(code))
    for each in (error, wrapped(error)):
        sentence = disk_fault(each, tmp_path)
        assert sentence is not None and said in sentence and str(tmp_path) in sentence
        assert "\n" not in sentence


def test_a_library_s_own_error_with_the_words_of_the_system_counts(tmp_path: Path) -> None:
    """Catches weights that can't be written, of which safetensors says so in an error of its own."""
    error = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert "full" in (disk_fault(error, tmp_path) or "")


def test_a_file_elsewhere_that_is_closed_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    """Catches an image without permission to read that ends a run, though it is one trial's matter."""
    results = tmp_path / "results"
    below, beside = results / "trials" / "a", tmp_path / "data" / "a.png"
    closed = os.strerror(errno.EACCES)
    assert disk_fault(PermissionError(errno.EACCES, closed, str(below)), results)
    assert disk_fault(PermissionError(errno.EACCES, closed, str(beside)), results) is None


@pytest.mark.parametrize(
    "error", [ValueError("wrong"), FileNotFoundError(errno.ENOENT, "gone", "/x"), KeyError()]
)
def test_other_errors_are_none(tmp_path: Path, error: Exception) -> None:
    assert disk_fault(error, tmp_path) is None
