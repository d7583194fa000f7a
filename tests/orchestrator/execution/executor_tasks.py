"""Tasks that take no time, and what they do on a worker: for the tests of executors."""

import os
import time
from pathlib import Path

from orchestrator.execution.executor import Event, EventKind, Report, Task, TrialJob
from orchestrator.plan.resources import Share
from trainables.broken_context import BrokenContextError
from trainables.data.pixels import read_unchanged


def task_of(*keys: str, folder: Path = Path(), data: Path = Path()) -> Task:
    """A task of trials that have these keys; `folder` and `data` are what its function reads."""
    return Task(tuple(job_of(key, folder, data) for key in keys), Share(1, 0.0, 1), "cpu")


def job_of(key: str, folder: Path, data: Path) -> TrialJob:
    nowhere = Path()
    return TrialJob(
        key=key,
        experiment="empty",
        repeat=0,
        fold=0,
        folder=folder,
        recipe="{}",
        ingredients="{}",
        rows=nowhere,
        data=data,
        cache=nowhere,
        faces=nowhere,
        num_classes=2,
        command="",
        phase="none",
    )


def well_behaved(task: Task, report: Report) -> None:
    for trial in task.trials:
        report(Event(EventKind.STARTED, trial.key, epochs=1))
        report(Event(EventKind.EPOCH, trial.key, epoch=1, epochs=1, best_score=0.5))
        report(Event(EventKind.DONE, trial.key))


def never_ends(task: Task, report: Report) -> None:
    """Train until somebody stops it; leave a file that says how it ended."""
    try:
        for epoch in range(1, 10_000):
            report(Event(EventKind.EPOCH, task.key, epoch=epoch, epochs=10_000))
    except Exception:
        # The border of a trial, as `worker` has it: a stop is no fault of the trial.
        (task.trials[0].folder / f"{task.key} failed").touch()
        raise
    finally:
        (task.trials[0].folder / f"{task.key} ended").touch()


def writes_when_ended(task: Task, report: Report) -> None:
    """Train until the command ends, and take a while to write what there is."""
    try:
        for epoch in range(1, 10_000):
            report(Event(EventKind.EPOCH, task.key, epoch=epoch, epochs=10_000))
    except SystemExit:
        time.sleep(1.0)
        (task.trials[0].folder / f"{task.key} written").touch()
        raise


def ends_unless_stubborn(task: Task, report: Report) -> None:
    """Never end when the key says so, else be well-behaved."""
    (never_ends if "stubborn" in task.key else well_behaved)(task, report)


def breaks_if_broken(task: Task, report: Report) -> None:
    """Raise what no border of a trial has caught when the key says so, else be well-behaved."""
    if "broken" in task.key:
        report(Event(EventKind.STARTED, task.key, epochs=1))
        raise OSError(28, "No space left on device")
    well_behaved(task, report)


def dies_as_told(task: Task, report: Report) -> None:
    """Kill the worker until the file named by the key has as many lines as `data` says."""
    (job,) = task.trials
    file, times = job.folder / job.key, int(job.data.name)
    died = len(file.read_text().splitlines()) if file.exists() else 0
    if died < times:
        file.write_text("died\n" * (died + 1))
        os._exit(1)
    report(Event(EventKind.DONE, job.key))


def breaks_on_card_0(task: Task, report: Report) -> None:
    """Break down as CUDA does on the first card of a node; on others, wait until that has got no more."""
    import ray

    (job,) = task.trials
    (gpu,) = ray.get_runtime_context().get_accelerator_ids()["GPU"]
    (job.folder / "card-0").touch()
    with (job.folder / f"card-{gpu}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if gpu == "0":
        raise BrokenContextError("CUDA error: an illegal memory access was encountered")
    end = time.monotonic() + 120
    while len((job.folder / "card-0").read_text().split()) < 3 and time.monotonic() < end:
        time.sleep(0.1)
    report(Event(EventKind.DONE, job.key))


class Remembering:
    """Work that takes long to make: it says how often this one was called, and in which process."""

    def __init__(self, greeting: str) -> None:
        self.greeting, self.calls = greeting, 0

    def __call__(self, name: str) -> tuple[str, int, int]:
        self.calls += 1
        return f"{self.greeting} {name}", self.calls, os.getpid()


def breaks_its_context(file: Path, times: int) -> str:
    """Fail as CUDA does for good in a process, the first `times`; `file` counts."""
    with file.open("a") as log:
        log.write("begun\n")
    if len(file.read_text().splitlines()) <= times:
        raise RuntimeError("CUDA error: device-side assert triggered")
    return file.name


class Mortal:
    """Work that kills its worker, until the file of the call has as many lines as it should."""

    def __call__(self, file: Path, times: int) -> str:
        died = len(file.read_text().splitlines()) if file.exists() else 0
        if died < times:
            file.write_text("died\n" * (died + 1))
            os._exit(1)
        return file.name


class Opener:
    """Work that reads files as the scan has seen them."""

    def __call__(self, path: Path, digest: str) -> bytes:
        return read_unchanged(path, digest)


def torch_threads() -> int:
    """How many threads torch would use."""
    import torch

    return torch.get_num_threads()


def node_of_worker() -> str:
    """On which node this is called."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def variable_of_worker() -> tuple[str | None, str | None]:
    """What a worker has of two variables that the test has set: a setting, and part of a secret."""
    return os.environ.get("HF_HUB_CACHE"), os.environ.get("AWS_PROFILE")


def stays_until_told(task: Task, report: Report) -> None:
    """Begin, and end when the file `go` is there; leave a file that says on which node it ended."""
    (job,) = task.trials
    report(Event(EventKind.STARTED, job.key, epochs=1))
    while not (job.folder / "go").exists():
        time.sleep(0.1)
    (job.folder / f"{job.key}.node").write_text(node_of_worker())
    report(Event(EventKind.DONE, job.key))
