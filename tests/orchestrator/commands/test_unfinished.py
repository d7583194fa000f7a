"""Trials that a run leaves undone without an error: the run did not do what it was asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.execution import worker
from orchestrator.execution.executor import Event, EventKind, Report, Task
from tests.orchestrator.conftest import SHARED

Call = Callable[..., tuple[int, str, str]]


def test_a_selected_trial_that_left_nothing_is_no_success(
    call: Call, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a worker that writes to another folder: every trial was heard of, and the run ended with 0."""

    def elsewhere(task: Task, report: Report) -> None:
        report(Event(EventKind.DONE, task.key))

    monkeypatch.setattr(worker, "run_task", elsewhere)
    folder = tmp_path / "experiments"
    (folder / "p").mkdir(parents=True)
    (folder / "shared.json").write_text(json.dumps({**SHARED, "cv_folds": 2, "val_ratio": 0.3}))
    (folder / "p" / "a.json").write_text(json.dumps({"dropout": 0.0}))
    (folder / "p" / "phase.json").write_text(json.dumps({"title": "P", "experiments": ["a"]}))
    words = ["--experiments", folder, "--data", faces, "--address", "none", "--accept-shortcut"]

    code, _, err = call("p", *words)
    assert code == 1
    assert "2 trials are not done, and left no error: a repeat 0 fold 0 and a repeat 0 fold 1" in err
    code, _, err = call("p", *words, "--folds", "1")
    assert code == 1 and "1 trial is not done, and left no error: a repeat 0 fold 1; the same" in err
