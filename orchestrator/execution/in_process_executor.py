"""The executor without Ray: one task after the other, in this process.

For tests, for looking at a trial in a debugger, and for machines on which Ray does not run. A trial has the
threads that Ray would give it, so that it ends with the same numbers; nothing is won by a second core.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from orchestrator.execution.ending import ended_by_signals
from orchestrator.execution.executor import Event, EventKind, OnEvent, R, Report, Target, Task, TaskEvents
from orchestrator.execution.node_book import NodeBook
from orchestrator.plan.resources import this_machine
from trainables.device import DeviceType, device_type


class InProcessExecutor:
    """Runs tasks where it is called."""

    def __init__(self, device: DeviceType | None = None) -> None:
        self.device = device or device_type()
        self.machine = this_machine(self.device)
        self.nodes = NodeBook()
        self._stopped: set[str] = set()

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
        """See `Executor.run`; there is never more than one task at a time."""
        self._stopped.clear()
        events = TaskEvents(on_event)
        with ended_by_signals() as signals:
            with signals.grace(grace_s):
                for task in tasks:

                    def report(event: Event, key: str = task.key) -> None:
                        events.hear(event)
                        on_tick()
                        if signals.has_come or key in self._stopped:
                            self._stopped.add(key)
                            raise _Stopped

                    if not signals.has_come:
                        self._run(task, target, report, events)
            signals.check()

    def _run(self, task: Task, target: Target, report: Report, events: TaskEvents) -> None:
        try:
            if task.key not in self._stopped:
                target(task, report)
        except _Stopped:
            pass
        # As with a worker that is lost: this task is given up, and the others go on.
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
            events.say(task, EventKind.LOST, reason)
        if task.key in self._stopped:
            events.say(task, EventKind.STOPPED)

    def stop(self, task: Task) -> None:
        """See `Executor.stop`."""
        self._stopped.add(task.key)

    def each(
        self, function: Callable[..., R], calls: Sequence[Mapping[str, object]], *, cpus: int, gpus: float
    ) -> Iterator[tuple[int, R]]:
        """See `Executor.each`; results come in order."""
        for number, arguments in enumerate(calls):
            # The threads that Ray would give it: beside other work more of them wait for each other.
            with _torch_threads(cpus):
                result = function(**arguments)
            yield number, result

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
        """See `Executor.each_staying`; this process is the one worker."""
        with _torch_threads(cpus):
            work = make(**made_with)
        yield from self.each(work, calls, cpus=cpus, gpus=gpus)


@contextlib.contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Stopped(SystemExit):
    """What ends a task from within; no border of a trial takes it for the trial's fault."""
