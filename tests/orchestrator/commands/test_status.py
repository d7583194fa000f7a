"""`status`, for people and as JSON."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.store.folder import Store
from orchestrator.store.records import StudyRecord
from orchestrator.store.starting import announced

Write = Callable[..., Path]
Run = Callable[..., str]


def test_status_json_is_the_state_of_every_phase(run_command_line: Run, results: Any) -> None:
    results.add("a", states={1: "failed", 2: "interrupted"})
    found = json.loads(run_command_line("status", "--json", "--results", results.write()))
    assert found["phase1"]["counts"] == {"done": 3, "failed": 1, "interrupted": 1}
    assert found["phase1"]["seconds_left"] is None
    trial = found["phase1"]["trials"][1]
    assert (trial["experiment"], trial["fold"], trial["state"]) == ("a", 1, "failed")
    assert trial["message"] == "the loss is nan"


def test_a_copied_record_does_not_stop_the_status(run_command_line: Run, results: Any) -> None:
    results.add("a")
    root = results.write()
    shutil.copy(root / "studies" / "phase1.json", root / "studies" / "phase1-backup.json")
    assert list(json.loads(run_command_line("status", "--json", "--results", root))) == ["phase1"]


def test_status_is_a_table_with_the_reasons_of_failures(run_command_line: Run, results: Any) -> None:
    results.add("a", states={1: "failed"})
    out = run_command_line("status", "phase1", "--results", results.write())
    assert "4/5 trials done, 1 failed" in out
    assert "a r0 f1 failed: the loss is nan" in out


def test_watching_off_a_terminal_does_not_wait(run_command_line: Run, results: Any) -> None:
    """Catches `status --watch` in a script that never comes back."""
    results.add("a")
    assert "5/5 trials done" in run_command_line("status", "--watch", "--results", results.write())


def test_status_changes_nothing(run_command_line: Run, results: Any) -> None:
    results.add("a", states={1: "interrupted"})
    root = results.write()
    before = sorted(root.rglob("*"))
    run_command_line("status", "--results", root)
    assert sorted(root.rglob("*")) == before


def test_each_record_is_read_once(
    run_command_line: Run, results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a status that takes twice as long as it needs on a study of thousands of trials."""
    results.add("a")
    root, read = results.write(), []
    parse = StudyRecord.model_validate_json

    def counted(content: bytes) -> StudyRecord:
        read.append(content)
        return parse(content)

    monkeypatch.setattr(StudyRecord, "model_validate_json", counted)
    run_command_line("status", "--results", root)
    assert len(read) == 1


def test_a_run_that_is_starting_is_shown_before_it_has_a_record(
    run_command_line: Run, tmp_path: Path
) -> None:
    """Catches a status that says that nothing has run while images are being read."""
    store = Store.look(tmp_path / "results")
    with announced(store, "phase1") as on_step:
        on_step("reading images")
        out = run_command_line("status", "--results", store.root)
        assert out == "phase1: a run is starting (reading images)\n"
        assert run_command_line("status", "phase1", "--results", store.root) == out
        found = json.loads(run_command_line("status", "--json", "--results", store.root))
    assert found == {
        "phase1": {"counts": {}, "seconds_left": None, "trials": [], "starting": "reading images"}
    }


def test_a_run_that_starts_again_is_shown_with_what_it_left(run_command_line: Run, results: Any) -> None:
    results.add("a", states={1: "interrupted"})
    store = Store.look(results.write())
    with announced(store, "phase1") as on_step:
        on_step("starting Ray")
        out = run_command_line("status", "--results", store.root)
    assert out.startswith("phase1: a run is starting (starting Ray)\nphase1: 4/5 trials done, 1 interrupted")


def test_status_says_what_was_taken_so_far(run_command_line: Run, results: Any) -> None:
    """Catches trials that are finished and were free. Four took 7 s each, one 2 epochs of 2 s."""
    results.add("a", states={2: "interrupted"})
    root = results.write()
    assert "32 s of training so far (" in run_command_line("status", "--results", root)
    path = root / "studies" / "phase1.json"
    price = {"per_hour": 3600.0, "per": "machine", "currency": "EUR"}
    record = {**json.loads(path.read_text()), "price": price, "unit_shares": {"a": 0.5}}
    path.write_text(json.dumps(record))
    assert "32 s of training so far, €16.00" in run_command_line("status", "--results", root)


def test_a_model_that_is_gone_is_said(run_command_line: Run, results: Any) -> None:
    """Catches a study that looks whole until its model is wanted."""
    results.add("a", states={1: "failed"})
    root = results.write()
    for fold in (0, 2, 3, 4):
        save_file({"a": np.zeros(8, np.float32)}, results.folder("a", fold) / "model.safetensors")
    assert "model" not in run_command_line("status", "--results", root)
    (results.folder("a", 0) / "model.safetensors").write_bytes(b"")
    (results.folder("a", 3) / "model.safetensors").unlink()
    out = run_command_line("status", "--results", root)
    names = [f"trials/{results.folder('a', fold).name}" for fold in (0, 3)]
    assert f"{names[0]}: model.safetensors is not what the trial wrote (its scores stand; to have" in out
    assert f"{names[1]}: model.safetensors is gone (its scores stand" in out and "4/5 trials done" in out
    found = json.loads(run_command_line("status", "--json", "--results", root))["phase1"]["lost_models"]
    assert list(found) == names
