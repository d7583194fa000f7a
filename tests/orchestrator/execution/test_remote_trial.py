"""Trials of remote results on other nodes than the driver's: what they fetch, and what they leave."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.console import screen
from orchestrator.execution import remote_trial, worker
from orchestrator.execution.executor import Event, EventKind, Task
from orchestrator.execution.pixel_builds import build_pixels
from orchestrator.execution.remote_places import hand_out, remote_places
from orchestrator.execution.trial_runs import _task
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, plan_study
from orchestrator.plan.record import write_rows
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store
from orchestrator.store.remote.local_copy import LocalCopy, copy_of
from orchestrator.store.remote.local_places import LOCAL
from orchestrator.store.remote.remote_folder import RemoteError, RemoteFolder
from orchestrator.store.remote.shared_names import is_pulled
from trainables.training.batches import split_batch
from trainables.trial_files import CHECKPOINT, DONE, ERROR, METRICS, PREDICTIONS, STATE, WEIGHTS

SETTINGS = ("epochs=3", "cnn_preset=micro", "image_size=32", "cv_folds=2", "precision=float32")


@dataclass
class Nodes:
    """A driver's task, the copy of each node, and the remote folder."""

    task: Task
    there: Path
    local: Path
    patch: pytest.MonkeyPatch

    @property
    def name(self) -> str:
        return f"trials/{self.task.trials[0].folder.name}"

    def on(self, node: str) -> LocalCopy:
        """Go to a node: from now on this process is on it."""
        self.patch.setenv(LOCAL, str(self.local / node))
        return copy_of(f"file://{self.there}")

    def run(self, node: str, report: Callable[[Event], None]) -> LocalCopy:
        copy = self.on(node)
        worker.run_task(self.task, report)
        return copy


@pytest.fixture
def nodes(
    write_experiments: Callable[..., Path], faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Nodes:
    (tmp_path / "there").mkdir()
    nodes = Nodes(Task((), None, "cpu"), tmp_path / "there", tmp_path / "local", monkeypatch)  # type: ignore[arg-type]
    folder = write_experiments({"p/a.json": {"backbone": "simple_cnn"}})
    experiments = load_experiments(Library((folder,)), ["a"], settings=SETTINGS)
    store = Store.open(nodes.on("driver").root)
    options = Options(results=store.root, quiet=True)
    data = DataSets(store, override=faces)
    study = plan_study(
        phase_of(("a",)), experiments, options, data=data, machine=Machine(2, 8000), device="cpu"
    )
    files = write_rows(study)
    build_pixels(study, options, screen())
    hand_out(study, files)
    task = _task(study, study.missing()[0], files, remote_places(study)["a"])
    # On another node there are no images.
    (job,) = task.trials
    nodes.task = replace(
        task, trials=(replace(job, data=tmp_path / "none"),), share=replace(task.share, threads=1)
    )
    return nodes


def test_a_node_without_images_runs_a_trial_and_the_driver_gets_all_but_its_weights(nodes: Nodes) -> None:
    """Catches workers that need the driver's disk, and a driver that waits for weights."""
    events: list[Event] = []
    copy = nodes.run("one", events.append)
    assert events[-1].kind == EventKind.DONE, events
    assert not (nodes.task.trials[0].folder / DONE).exists()
    there = nodes.there / nodes.name
    assert (there / DONE).is_file()
    assert (there / WEIGHTS).is_file()
    assert not (there / CHECKPOINT).exists()
    assert not (copy.root / "cache" / "pixels").exists()
    driver = nodes.on("driver")
    driver.fetch(nodes.name, wanted=is_pulled)
    assert (driver.root / nodes.name / METRICS).is_file()
    assert not (driver.root / nodes.name / WEIGHTS).exists()


def test_another_node_goes_on_from_the_pushed_checkpoint_with_the_same_bits(nodes: Nodes) -> None:
    """Catches a lost spot node that costs the whole trial, or one epoch's worth of other numbers."""
    undisturbed = nodes.run("one", lambda event: None).root / nodes.name / PREDICTIONS
    nodes.on("one").remove(nodes.name)
    seen: list[Event] = []

    def taken_away(event: Event) -> None:
        seen.append(event)
        if event.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nodes.run("two", taken_away)
    assert (nodes.there / nodes.name / CHECKPOINT / STATE).is_file()
    later: list[Event] = []
    copy = nodes.run("three", later.append)
    assert later[-1].kind == EventKind.DONE
    assert next(event.epoch for event in later if event.kind == EventKind.EPOCH) in (2, 3)
    assert (copy.root / nodes.name / PREDICTIONS).read_bytes() == undisturbed.read_bytes()


@pytest.mark.slow
def test_a_checkpoint_within_an_epoch_is_pushed(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a long epoch that is lost with its node."""
    monkeypatch.setattr(remote_trial, "KEEP_S", 0.0)
    monkeypatch.setattr("trainables.training.loop.WITHIN_EPOCH_EVERY_S", 0.0)
    there, epochs_done = list[bool](), list[int]()

    def counted(size: int, micro_batch: int | None) -> list[slice]:
        """Take the place of what is called once per step."""
        if not epochs_done:
            there.append((nodes.there / nodes.name / CHECKPOINT / STATE).is_file())
        return split_batch(size, micro_batch)

    monkeypatch.setattr("trainables.training.loop.split_batch", counted)
    nodes.run("one", lambda event: epochs_done.append(event.epoch) if event.epoch else None)
    assert there == [False] + [True] * (len(there) - 1) and len(there) > 1


@pytest.mark.slow
def test_checkpoints_are_pushed_now_and_then_and_a_lost_network_does_not_fail_the_trial(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a push after each epoch, and a trial that fails since one push of its checkpoint did."""
    tried: list[str] = []
    real = RemoteFolder.upload

    def unsure(self: RemoteFolder, path: Path, name: str) -> object:
        if CHECKPOINT in name:
            tried.append(name)
            raise RemoteError("the network is gone")
        return real(self, path, name)

    monkeypatch.setattr(RemoteFolder, "upload", unsure)
    events: list[Event] = []
    nodes.run("one", events.append)
    assert (events[-1].kind, tried) == (EventKind.DONE, [])
    nodes.on("one").remove(nodes.name)
    monkeypatch.setattr(remote_trial, "KEEP_S", 0.0)
    nodes.run("two", events.append)
    assert events[-1].kind == EventKind.DONE
    assert tried


def test_why_a_trial_failed_is_told_and_forgotten_when_it_has_run(nodes: Nodes) -> None:
    """Catches a failure whose reason stays on a node, and error.json beside a finished trial."""
    (job,) = nodes.task.trials
    broken = replace(nodes.task, trials=(replace(job, recipe="{}"),))
    events: list[Event] = []
    nodes.on("one")
    worker.run_task(broken, events.append)
    assert events[-1].kind == EventKind.FAILED
    assert (nodes.there / nodes.name / ERROR).is_file()
    nodes.run("two", events.append)
    assert events[-1].kind == EventKind.DONE
    assert not (nodes.there / nodes.name / ERROR).exists()


@pytest.mark.slow
def test_a_trial_that_another_node_has_finished_is_not_run_again(nodes: Nodes) -> None:
    """Catches a worker that looks at its own disk alone."""
    nodes.run("one", lambda event: None)
    events: list[Event] = []
    nodes.run("two", events.append)
    assert [event.kind for event in events] == [EventKind.DONE]


@pytest.mark.slow
def test_a_worker_on_the_drivers_machine_copies_nothing_there_and_back(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches pixels that lie twice on one disk."""
    downloaded: list[str] = []
    monkeypatch.setattr(RemoteFolder, "download", lambda self, name, to: downloaded.append(name))
    events: list[Event] = []
    nodes.run("driver", events.append)
    assert (events[-1].kind, downloaded) == (EventKind.DONE, [])
