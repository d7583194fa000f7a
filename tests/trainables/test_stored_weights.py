"""What done.json says of a trial, and of its weights."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from trainables import files
from trainables.done_record import DoneRecord, read_done, write_done
from trainables.files import file_sha256
from trainables.stored_weights import weights_problem
from trainables.trial_files import DONE, WEIGHTS


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """A trial's folder with weights and what is said of them."""
    save_file({"a": torch.zeros(64)}, tmp_path / WEIGHTS)
    digest, size = file_sha256(tmp_path / WEIGHTS), (tmp_path / WEIGHTS).stat().st_size
    write_done(tmp_path, DoneRecord(best_epoch=1, weights_sha256=digest, weights_bytes=size))
    return tmp_path


def problem(trial: Path, *, in_full: bool = False) -> str:
    done = read_done(trial)
    assert done is not None
    return weights_problem(trial, done, in_full=in_full)


def test_whole_weights_are_no_problem_and_not_read(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a `status` that reads all weights of a study of thousands of trials."""
    assert problem(trial, in_full=True) == ""
    monkeypatch.setattr(files, "file_sha256", lambda path: pytest.fail("was read"))
    assert problem(trial) == ""


def test_a_byte_that_changed_is_seen(trial: Path) -> None:
    content = bytearray((trial / WEIGHTS).read_bytes())
    content[-1] ^= 1
    status = (trial / WEIGHTS).stat()
    (trial / WEIGHTS).write_bytes(content)
    os.utime(trial / WEIGHTS, ns=(status.st_atime_ns, status.st_mtime_ns + 10**10))
    assert problem(trial) == f"{WEIGHTS} is not what the trial wrote"
    # As a disk does it: who loads them reads them.
    os.utime(trial / WEIGHTS, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert problem(trial) == "" and problem(trial, in_full=True) == f"{WEIGHTS} is not what the trial wrote"


@pytest.mark.parametrize("earlier", [False, True])
def test_weights_that_are_gone_or_cut_short_are_seen(trial: Path, earlier: bool) -> None:
    if earlier:
        write_done(trial, DoneRecord(best_epoch=1))
    assert problem(trial) == ""
    content = (trial / WEIGHTS).read_bytes()
    (trial / WEIGHTS).write_bytes(content[:-1])
    assert problem(trial) == f"{WEIGHTS} is not what the trial wrote"
    (trial / WEIGHTS).unlink()
    assert problem(trial) == f"{WEIGHTS} is gone"
    os.mkfifo(trial / WEIGHTS)
    assert problem(trial) == f"{WEIGHTS} is no file"


def test_a_copy_of_a_trial_is_the_trial(trial: Path, tmp_path: Path) -> None:
    """Catches a results folder that was copied, whose weights are newer than what is said of them."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (DONE, WEIGHTS):
        shutil.copyfile(trial / name, copy / name)
    os.utime(copy / WEIGHTS, ns=(0, (copy / DONE).stat().st_mtime_ns + 1))
    assert problem(copy) == ""


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "[" * 100_000, '{"predictions_sha256": 5}', "\xff"]
)
def test_a_damaged_record_commits_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / DONE).write_bytes(content.encode("latin-1"))
    assert read_done(tmp_path) is None


@pytest.mark.parametrize("content", ["{}", '{"format": 1, "best_epoch": 3, "later": [1]}'])
def test_trials_of_other_versions_are_finished(tmp_path: Path, content: str) -> None:
    (tmp_path / DONE).write_text(content)
    assert read_done(tmp_path) is not None


def test_a_pipe_commits_nothing_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / DONE)
    assert read_done(tmp_path) is None and read_done(tmp_path / "none") is None
