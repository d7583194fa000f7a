"""Runs in this process: with a cap of half the cost and on from there, and what is said before one."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator.execution import caps, worker
from orchestrator.execution.executor import Event, EventKind, Report, Task
from orchestrator.store.folder import Store, trial_state
from tests.orchestrator.conftest import SHARED, WriteExperiments
from trainables.data.faces import DetectedFaces

Call = Callable[..., tuple[int, str, str]]
HALF_AN_HOUR = 1800.0


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every epoch take half an hour of the clock that a budget looks at."""
    now = [0.0]
    train = worker.run_task

    def half_an_hour_an_epoch(task: Task, report: Report) -> None:
        def slowly(event: Event) -> None:
            now[0] += HALF_AN_HOUR if event.kind is EventKind.EPOCH else 0.0
            report(event)

        train(task, slowly)

    monkeypatch.setattr(worker, "run_task", half_an_hour_an_epoch)

    class SlowBudget(caps.Budget):
        def __post_init__(self) -> None:
            self.clock = lambda: now[0]
            super().__post_init__()

    monkeypatch.setattr(caps, "Budget", SlowBudget)


@pytest.mark.slow
def test_a_capped_run_stops_in_time_and_the_next_one_goes_on(
    call: Call, faces: Path, tmp_path: Path, slow_clock: None
) -> None:
    """Catches a run that goes past its cap, leaves a fold missing everywhere, or begins anew later."""
    folder = tmp_path / "experiments"
    (folder / "p").mkdir(parents=True)
    shared = {**SHARED, "epochs": 1, "cv_folds": 2, "val_ratio": 0.3}
    (folder / "shared.json").write_text(json.dumps(shared))
    for name, dropout in (("a", 0.0), ("b", 0.5)):
        (folder / "p" / f"{name}.json").write_text(json.dumps({"dropout": dropout}))
    (folder / "p" / "phase.json").write_text(json.dumps({"title": "P", "experiments": ["a", "b"]}))
    results = tmp_path / "results"
    words = ["--experiments", folder, "--data", faces, "--results", results, "--address", "none"]

    code, out, err = call("study", "p", *words, "--accept-shortcut", "--price", "1.2", "--max-cost", "1.3")
    assert code == 1, err
    said = r"2 of 4 trials of p were not begun: about (5|6)\d min more \(\$1\.[12]\d\); "
    assert re.search(said, err), err
    assert "All 4 trials fit within what the cap leaves" in out
    store = Store.look(results)
    states = {path.name[:6]: trial_state(path) for path in store.folders_by_key().values()}
    assert states == {"a-r0f0": "done", "a-r0f1": "done"}

    code, out, err = call("p", *words, "--accept-shortcut")
    assert code == 0, err
    assert sorted(path.name[:6] for path in store.folders_by_key().values()) == [
        "a-r0f0",
        "a-r0f1",
        "b-r0f0",
        "b-r0f1",
    ]
    # What was paid for stays in the report of a run that names no price.
    assert store.study("p").price is not None
    assert "Money in all" in (store.report("p") / "index.html").read_text(encoding="utf-8")


class WholePicture:
    """A detector that finds one face in each image, as large as the image."""

    def __init__(self, device: str, threads: int) -> None:
        pass

    def __call__(self, files: Sequence[tuple[str, str]]) -> list[DetectedFaces]:
        return [DetectedFaces(digest, 32, 32, ((0.0, 0.0, 32.0, 32.0),), (0.99,)) for digest, _ in files]


@pytest.mark.slow
def test_a_crop_that_cuts_nothing_is_said_before_it_is_trained(
    call: Call,
    faces: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_experiments: WriteExperiments,
) -> None:
    """Catches hours of training on two names for the same pictures."""
    monkeypatch.setattr("trainables.data.face_detector.FaceSearch", WholePicture)
    shared = {**SHARED, "epochs": 1, "cv_folds": 2, "val_ratio": 0.3}
    folder = write_experiments({"p/cropped.json": {"face_crop": True}}, shared=shared)
    code, out, err = call(
        *("run", "cropped", "--folds", "0", "--experiments", folder, "--data", faces),
        *("--results", tmp_path / "results", "--address", "none", "--accept-shortcut"),
    )
    assert code == 0, err
    said = "Warning: With face_crop_margin 0.6, 36 of the 36 face crops of"
    assert (out + err).index(said) < (out + err).index("cropped r0 f0: started")
