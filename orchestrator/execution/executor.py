"""The border between a study and whatever runs its trials: tasks in, events out, plain values only.

An `Executor` knows neither experiments nor tables. It runs a function for each `Task` on as many workers as
fit, says what it hears as `Event`s, and can `stop` a task. `ray_executor` is the one with Ray,
`in_process_executor` the one without (`--address none`); both leave the same files, since a trial's numbers
depend on its task alone.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import TypeAdapter

from orchestrator.checks.gpu_here import refuse_missing_gpu
from orchestrator.execution.joining import Joining, seen_by_all
from orchestrator.execution.node_book import NodeBook
from orchestrator.execution.remote_places import RemotePlace
from orchestrator.execution.restart import RunEndedError
from orchestrator.execution.workplace import HERE, IN_PROCESS, declared_device
from orchestrator.plan.resources import Machine, Share
from trainables.device import DeviceType

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TrialJob:
    """What a worker has to know of a trial.

    `recipe` and `ingredients` are JSON; `rows` is a parquet file, `faces` one that is read for face crops
    alone, `cache` the folder of pixels; `bases` are folders of the trials whose networks it combines;
    `command` and `phase` are what trial.json keeps of the run. Where results are `remote`, paths are those of
    the driver's copy.
    """

    key: str
    experiment: str
    repeat: int
    fold: int
    folder: Path
    recipe: str
    ingredients: str
    rows: Path
    data: Path
    cache: Path
    faces: Path
    num_classes: int
    command: str
    phase: str
    bases: tuple[Path, ...] = ()
    remote: RemotePlace | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Trials that one worker runs one after the other, on "cpu" or "cuda", with the share of each."""

    trials: tuple[TrialJob, ...]
    share: Share
    device: str

    @property
    def key(self) -> str:
        """The task's name: the keys of its trials."""
        return "+".join(trial.key for trial in self.trials)


class EventKind(StrEnum):
    """What has become of a trial."""

    STARTED = "started"
    """A worker has begun with it, or goes on from its checkpoint."""
    EPOCH = "epoch"
    """An epoch has ended."""
    SIGN = "sign"
    """It goes on within an epoch: what is said every few seconds, so that a trial can be ended meanwhile."""
    DONE = "done"
    """It is finished and committed."""
    FAILED = "failed"
    """It raised an exception, which is on disk."""
    RESTARTED = "restarted"
    """Its worker was lost; another one will go on."""
    LOST = "lost"
    """Its workers were lost too often; nothing is on disk that says so."""
    BLOCKED = "blocked"
    """The disk of its results keeps nothing more, for which it is not to blame; what it has can go on."""
    STOPPED = "stopped"
    """`Executor.stop` has ended it; all that it has done is on disk, and it can go on another time."""

    def is_last(self) -> bool:
        """Whether nothing more will be heard of the trial in this run."""
        return self not in (EventKind.STARTED, EventKind.EPOCH, EventKind.SIGN, EventKind.RESTARTED)


@dataclass(frozen=True, slots=True)
class Event:
    """What is heard of the trial `key`. Scores are those of the selection metric; None = no news of it."""

    kind: EventKind
    key: str
    epoch: int | None = None
    epochs: int | None = None
    best_score: float | None = None
    message: str = ""

    def plain(self) -> dict[str, str | int | float | None]:
        """Return plain values, to cross from a worker."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, object]) -> "Event":
        """Read what `plain` gave."""
        return TypeAdapter(cls).validate_python(plain)


OnEvent = Callable[[Event], None]
# Raises SystemExit where the task has been stopped.
Report = Callable[[Event], None]
Target = Callable[[Task, Report], None]


class TaskEvents:
    """Passes on what is heard of trials, and says of those that have not ended what became of their task."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event, self._ended = on_event, set[str]()

    def hear(self, event: Event) -> None:
        """Take in what a trial says."""
        if event.kind.is_last():
            self._ended.add(event.key)
        self._on_event(event)

    def say(self, task: Task, kind: EventKind, message: str = "") -> None:
        """Tell of every trial of a task that has not ended yet; to say it twice changes nothing."""
        for trial in task.trials:
            if trial.key not in self._ended:
                self.hear(Event(kind, trial.key, message=message))


class CallLostError(RunEndedError):
    """A call has lost its worker too often; nothing says that the input is at fault."""

    def __init__(self, why: str) -> None:
        """Take why it was given up."""
        super().__init__(f"{why}; the same command goes on where this one stopped")


class Executor(Protocol):
    """Something that runs tasks. `machine` is what its smallest working node has."""

    @property
    def machine(self) -> Machine:
        """What there is to share out."""

    @property
    def device(self) -> DeviceType:
        """What trains here: "cuda" or "cpu"."""

    @property
    def nodes(self) -> NodeBook:
        """What became of the nodes of a cluster, kept up to date by `run` and `each`."""

    def run(
        self,
        tasks: Sequence[Task],
        *,
        target: Target,
        on_event: OnEvent,
        on_tick: Callable[[], None],
        max_concurrent: int | None = None,
        grace_s: float = 0.0,
    ) -> None:
        """Run `target(task, report)` for every task; return when all have ended.

        A signal that ends the command stops all tasks, and ends the run when all have stopped, or after
        `grace_s`.

        Args:
            tasks: in the order in which they are begun.
            target: a function of an importable module; it must not raise for a trial's own errors.
            on_event: called in this thread with everything that `target` reports, and with what becomes of
            the workers.
            on_tick: called in this thread, several times a second where there are workers to wait for.
            max_concurrent: the most tasks at a time; None = what the resources allow.
            grace_s: seconds that tasks have to write a checkpoint where a signal ends the command.

        Raises:
            KeyboardInterrupt: a signal has ended the run; see `ending`.
        """

    def stop(self, task: Task) -> None:
        """End a task of the run under way: it is not begun, or ends with its next report.

        To be called from `on_event` or `on_tick`. Trials that ended by themselves stay as they are; the
        others are heard of once more, as STOPPED.
        """

    def each(
        self, function: Callable[..., R], calls: Sequence[Mapping[str, object]], *, cpus: int, gpus: float
    ) -> Iterator[tuple[int, R]]:
        """Call `function(**arguments)` for each of `calls`; yield place and result, in any order.

        Raises:
            InputError: a call raised it.
            CallLostError: a call lost too many workers.
        """

    def each_staying(
        self,
        make: Callable[..., Callable[..., R]],
        calls: Sequence[Mapping[str, object]],
        *,
        made_with: Mapping[str, object],
        worth: int,
        cpus: int,
        gpus: float,
    ) -> Iterator[tuple[int, R]]:
        """Call what `make(**made_with)` gives with each of `calls`; yield place and result, in any order.

        For calls that need something which takes long to make: each worker makes it once, and stays.

        Args:
            make: a class or function of an importable module.
            calls: the arguments of each call.
            made_with: what `make` is given.
            worth: how many calls are worth a worker.
            cpus: what a worker has.
            gpus: what a worker has.

        Raises:
            InputError: a call raised it.
            CallLostError: a call lost too many workers.
        """


def one_gpu(executor: Executor) -> float:
    """Return how many GPUs a call of `Executor.each` takes that runs a network: one, or where none is, 0."""
    return 1.0 if executor.device == "cuda" else 0.0


@contextlib.contextmanager
def start_executor(
    address: str, *, logs: Path, joining: Joining | None = None, debug: bool = False
) -> Iterator[Executor]:
    """Start what `--address` names, and leave it at the end: "none" is this process, all else is a Ray.

    Until then, standard output and error are a file in the folder `logs`, unless `debug`: whoever has
    something to show keeps the stream it had before. `joining` says what trains; without it
    ORCHESTRATOR_DEVICE may, and nodes must see the folder above `logs`.

    Raises:
        InputError: there is no Ray at `address`, or nothing to train on.
    """
    joining = joining or Joining(device=declared_device(None), results=seen_by_all(logs.parent))
    if address in HERE:
        refuse_missing_gpu(joining.device)
    # Ray takes seconds to import, and a machine without it can still run a study.
    if address == IN_PROCESS:
        from orchestrator.execution.in_process_executor import InProcessExecutor

        with contextlib.nullcontext() if debug else output_in(logs / "trials.log"):
            yield InProcessExecutor(joining.device)
        return
    from orchestrator.execution.ray_executor import session

    with session.start(address, log=logs / "ray.log", joining=joining, debug=debug) as executor:
        yield executor


def refuse_unusable_cluster(address: str, *, logs: Path, joining: Joining) -> None:
    """Look at the cluster at `address` before anything takes long; see `session.look_early`."""
    from orchestrator.execution.ray_executor import session

    session.look_early(address, log=logs / "ray.log", joining=joining)


@contextlib.contextmanager
def output_in(log: Path) -> Iterator[None]:
    """Send what libraries print, and their warnings, to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("a", encoding="utf-8") as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
