"""Troubles of a trial's device, as its worker meets them; the errors of the device are made up."""

import errno
import json
import os
from typing import Any

import pytest
import torch

from orchestrator.execution import worker
from orchestrator.execution.executor import Event, EventKind, Task
from orchestrator.store.folder import State, read_trial, state_to_plan
from tests.cases import fast_first
from trainables.broken_context import BrokenContextError
from trainables.training.loop import Trainer
from trainables.trial_files import ERROR, HISTORY, METRICS, PREDICTIONS, TRIAL


def test_what_memory_allowed_is_on_record(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches numbers of smaller parts of a batch that nobody can tell from those of whole batches."""
    logits = Trainer._logits

    def short(trainer: Trainer, rows: Any, x_BCHW: Any) -> Any:
        if len(rows) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return logits(trainer, rows, x_BCHW)

    monkeypatch.setattr(Trainer, "_logits", short)
    events: list[Event] = []
    worker.run_task(tasks[0], events.append)
    assert events[-1].kind is EventKind.DONE, events
    (job,) = tasks[0].trials
    record = read_trial(job.folder)
    assert record is not None and (record.run.micro_batch or 9) <= 4 and record.run.started
    assert record.recipe.micro_batch is None
    assert json.loads((job.folder / "metrics.json").read_text())["micro_batch"] == record.run.micro_batch


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        (
            "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
            True,
        ),
        ("CUDA error: an illegal memory access was encountered", True),
        ("CUDA error: unspecified launch failure", True),
        ("CUDA error: uncorrectable ECC error encountered", True),
        ("CUDA error: invalid argument", False),
        ("an illegal memory access in a test", False),
    ],
)
def test_a_broken_context_is_no_failure_of_the_trial(
    tasks: list[Task], monkeypatch: pytest.MonkeyPatch, text: str, breaks: bool
) -> None:
    """Catches a worker that goes on to fail every trial after it, and a failure that ends the worker."""

    def broken(*arguments: object) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(Trainer, "_logits", broken)
    events: list[Event] = []
    (job,) = tasks[0].trials
    if breaks:
        with pytest.raises(BrokenContextError, match="CUDA error"):
            worker.run_task(tasks[0], events.append)
    else:
        worker.run_task(tasks[0], events.append)
    assert (job.folder / ERROR).exists() is not breaks
    assert (events[-1].kind is EventKind.FAILED) is not breaks


KEPT = (PREDICTIONS, METRICS, HISTORY, TRIAL)
DAMAGES = ("another byte", "a pipe", "gone")


@pytest.mark.parametrize(
    ("name", "damage"),
    # Each file and each damage once, and then the other pairs.
    fast_first(
        [(name, DAMAGES[(place + shift) % 3]) for shift in range(3) for place, name in enumerate(KEPT)],
        len(KEPT),
    ),
)
def test_a_damaged_result_is_made_again(tasks: list[Task], name: str, damage: str) -> None:
    """Catches a finished trial that nobody can score and that no run mends."""
    (job,) = tasks[0].trials
    worker.run_task(tasks[0], lambda event: None)
    path, predictions = job.folder / name, (job.folder / PREDICTIONS).read_bytes()
    before = path.read_bytes()
    assert state_to_plan(job.folder) == State.DONE
    path.unlink()
    if damage == "another byte":
        path.write_bytes(before[:-1] + b"?")
    elif damage == "a pipe":
        os.mkfifo(path)
    assert state_to_plan(job.folder) == State.UNREADABLE
    events: list[Event] = []
    worker.run_task(tasks[0], events.append)
    assert [event.kind for event in events][0 :: len(events) - 1] == [EventKind.STARTED, EventKind.DONE]
    assert (job.folder / PREDICTIONS).read_bytes() == predictions and state_to_plan(job.folder) == State.DONE


@pytest.mark.parametrize("target", ["trainables.trial.run_trial", "pathlib.Path.mkdir"])
def test_a_full_disk_is_no_failure_of_the_trial(
    tasks: list[Task], monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Catches a worker that is lost since it can't write why, and trials that count as failed."""

    def full(*arguments: object, **given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(target, full)
    events: list[Event] = []
    worker.run_task(tasks[0], events.append)
    assert events[-1].kind is EventKind.BLOCKED and "full" in events[-1].message
    (job,) = tasks[0].trials
    assert not (job.folder / ERROR).exists()
