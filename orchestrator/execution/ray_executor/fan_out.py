"""Fan-out of tasks and calls over the workers of a running Ray.

Tasks go through Ray Tune: one Tune trial per task, worker processes reused, a lost worker's task started
again until `Losses` gives it up. Our own errors end inside the worker and never reach Tune, so they are not
retried. What is finished is on disk when Tune hears of it; Tune's own records go to the folder of the session
and are never read back.
"""

import atexit
import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune import registry

from orchestrator.execution.broken_cards import PlacedCard
from orchestrator.execution.cluster_nodes import GPU_TYPE
from orchestrator.execution.ending import ended_by_signals
from orchestrator.execution.executor import (
    CallLostError,
    Event,
    EventKind,
    OnEvent,
    R,
    Target,
    Task,
    TaskEvents,
)
from orchestrator.execution.losses import BROKEN_CARD, MAX_LOST, LossCause, Losses
from orchestrator.execution.node_book import NodeBook
from orchestrator.execution.ray_executor.card_watch import (
    CardLeftOut,
    CardWatch,
    card_of_worker,
    is_card_out,
)
from orchestrator.execution.ray_executor.last_call import LastCall, LastCallGiven, heed_last_call
from orchestrator.execution.ray_executor.loss_reasons import loss_reason
from orchestrator.execution.ray_executor.node_watch import (
    SEE_EVERY_S,
    NodeLeftOut,
    NodeWatch,
    on_fit_node,
    wait_until_judged,
)
from orchestrator.execution.ray_executor.sound_process import in_sound_process
from orchestrator.execution.ray_executor.staying import LOST, StayingCalls, StayingWorker
from orchestrator.execution.ray_executor.task_order import TASK, Config, InOrder, Unsaved, bundle_of
from orchestrator.plan.resources import Machine
from trainables.broken_context import BrokenContextError
from trainables.device import DeviceType
from trainables.errors import InputError
from trainables.removal import remove_folder

# A Ray is left before this process ends; asked for its names then, it answers with a traceback on the screen.
atexit.unregister(registry._unregister_all)

# How much a task takes of what tells the type of a node's GPUs.
TRIFLE = 0.001

# Ray's link to the session that it began last, in its place; and its logs there.
SESSION = "session_latest"
LOGS = f"{SESSION}/logs"
# What a worker reports first and in between: on which node it is, once, and then what happens.
NODE, EVENT = "node", "event"
# What it reports last: the card on which its context broke, or which gets no more trials.
BROKE, CARD_OUT = "broke", "card out"
# What Tune hands to a callback; of its many entries only ours are read.
Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """A running Ray. `machine` is what its smallest working node has, `watch` minds those of a cluster.

    `place` is an empty folder of this run for Tune's records.
    """

    machine: Machine
    place: Path
    debug: bool = False
    watch: NodeWatch | None = None
    local_book: NodeBook = field(default_factory=NodeBook)
    _stopped: set[str] = field(default_factory=set)

    @property
    def device(self) -> DeviceType:
        """See `Executor.device`."""
        return "cuda" if self.machine.gpus else "cpu"

    @property
    def nodes(self) -> NodeBook:
        """See `Executor.nodes`."""
        return self.local_book if self.watch is None else self.watch.book

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
        """See `Executor.run`. A task that `Losses` gives up is heard of as LOST."""
        self._stopped.clear()
        cards, last_call = CardWatch(self.nodes, is_local=self.watch is None), LastCall()
        try:
            with ended_by_signals() as signals:
                with signals.grace(grace_s):

                    def tick() -> None:
                        signals.check()
                        if signals.has_come:
                            last_call.give()
                        self._see()
                        cards.tick()
                        on_tick()

                    events = TaskEvents(on_event)
                    self._tuner(tasks, target, events, tick, cards, last_call, max_concurrent).fit()
                signals.check()
        finally:
            cards.close()
            last_call.take_back()
            with contextlib.suppress(OSError):
                remove_folder(self._storage, below=self.place)

    @property
    def _storage(self) -> Path:
        return self.place / "tune"

    def _tuner(
        self,
        tasks: Sequence[Task],
        target: Target,
        events: TaskEvents,
        tick: Callable[[], None],
        cards: CardWatch,
        last_call: LastCall,
        most: int | None,
    ) -> tune.Tuner:
        """Return what runs the tasks, `most` at a time, and tells `events`."""
        bundle = functools.partial(bundle_of, of_type=self._of_type())
        order = InOrder(self._stopped, bundle, self._selector, last_call)
        heard = _Events(
            events, tick, Losses(self.nodes), cards, self._see, self._stopped, order, self.place / LOGS
        )
        return tune.Tuner(
            tune.with_resources(_trainable(target, self._run_name, cards.run, last_call.run), bundle),
            param_space={TASK: tune.grid_search(list(tasks))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=most, scheduler=order),
            run_config=tune.RunConfig(
                name="run",
                storage_path=str(self._storage),
                verbose=2 if self.debug else 0,
                failure_config=tune.FailureConfig(max_failures=-1),
                callbacks=[heard],
            ),
        )

    def _of_type(self) -> dict[str, float]:
        """What a node has of which every task takes a trifle, so that it comes to a GPU of the type."""
        return {GPU_TYPE + self.machine.gpu_type: TRIFLE} if self.machine.gpu_type else {}

    @property
    def _run_name(self) -> str:
        """The name of the verdicts on nodes that workers wait for; empty where nobody judges any."""
        return "" if self.watch is None else self.watch.run

    def _see(self, *, at_once: bool = False) -> None:
        if self.watch is not None:
            self.watch.tick(at_once=at_once)

    def _selector(self) -> dict[str, str]:
        return {} if self.watch is None else self.watch.selector()

    def stop(self, task: Task) -> None:
        """See `Executor.stop`; Tune stops it at the report after the one that is being heard."""
        self._stopped.add(task.key)

    def each(
        self, function: Callable[..., R], calls: Sequence[Mapping[str, object]], *, cpus: int, gpus: float
    ) -> Iterator[tuple[int, R]]:
        """See `Executor.each`; each call is a Ray task, tried again when its worker is lost."""
        checked = on_fit_node(self._run_name, function) if self._run_name else function
        remote = ray.remote(max_retries=MAX_LOST)(in_sound_process(checked))

        def ask(place: int) -> Any:
            return remote.options(**self._options(cpus, gpus)).remote(**calls[place])

        places = {ask(place): place for place in range(len(calls))}
        waiting = list(places)
        while waiting:
            ready, waiting = ray.wait(waiting, timeout=SEE_EVERY_S)
            self._see()
            for reference in ready:
                place = places.pop(reference)
                try:
                    yield place, ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, NodeLeftOut):
                        waiting.append(ask(place))
                        places[waiting[-1]] = place
                        continue
                    if isinstance(error.cause, InputError):
                        raise error.cause from error
                    raise
                except LOST as error:
                    why = loss_reason(str(error), logs=self.place / LOGS).text
                    raise CallLostError(f"its worker was lost {MAX_LOST + 1} times: {why}") from error

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
        """See `Executor.each_staying`; each worker is a Ray actor."""
        remote = ray.remote(StayingWorker)

        def new_actor() -> Any:
            return remote.options(**self._options(cpus, gpus)).remote(self._run_name, make, made_with)

        staying = StayingCalls(calls, new_actor, Losses(self.nodes), self._see)
        yield from staying.answers(math.ceil(len(calls) / worth))

    def _options(self, cpus: int, gpus: float) -> Mapping[str, object]:
        """What a remote call or an actor takes, and the nodes that it may come to by now."""
        return {
            "num_cpus": cpus,
            "num_gpus": gpus,
            "resources": self._of_type() if gpus else {},
            "label_selector": self._selector() or None,
        }


def _trainable(target: Target, run: str, cards: str, calls: str) -> Callable[[Config], None]:
    def report(event: Event) -> None:
        tune.report({EVENT: event.plain()})
        if not event.kind.is_last():
            heed_last_call(calls)

    def trial(config: Config) -> None:
        if run:
            tune.report({NODE: ray.get_runtime_context().get_node_id()})
            wait_until_judged(run)
        card = card_of_worker()
        if card is not None and is_card_out(cards, card):
            tune.report({CARD_OUT: card.name})
            raise CardLeftOut(f"{card.name} gets no more trials")
        try:
            target(config[TASK], report)
        except LastCallGiven:
            # Tune hears that it has ended, which it may since all that it has done is on disk.
            return
        except BrokenContextError:
            # An exception ends the process, whose context is of no more use.
            if card is not None:
                tune.report({BROKE: asdict(card)})
            raise

    return trial


class _Events(Unsaved, tune.Callback):
    """Hands what Tune hears to our own functions; a task that is given up is `stopped`."""

    def __init__(
        self,
        events: TaskEvents,
        on_tick: Callable[[], None],
        losses: Losses,
        cards: CardWatch,
        see: Callable[..., None],
        stopped: set[str],
        order: InOrder,
        logs: Path,
    ) -> None:
        self._events, self._on_tick, self._losses, self._cards = events, on_tick, losses, cards
        self._see, self._stopped, self._order, self._logs = see, stopped, order, logs

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._on_tick()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Result, **info: Any
    ) -> None:
        key = trial.config[TASK].key
        if NODE in result:
            self._losses.runs_on(key, str(result[NODE]))
        elif CARD_OUT in result:
            self._losses.runs_on(key, BROKEN_CARD)
        elif BROKE in result:
            self._cards.broke(PlacedCard(**result[BROKE]), key)
            if reason := self._cards.reason_to_end:
                for each in trials:
                    self._events.say(each.config[TASK], EventKind.LOST, reason)
                    self._stopped.add(each.config[TASK].key)
        else:
            self._events.hear(Event.of(result[EVENT]))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        task: Task = trial.config[TASK]
        self._see(at_once=True)
        cause, why = self._losses.lose(task.key), loss_reason(_error(trial), logs=self._logs)
        # It was running until now, and memory that one alone runs out of will not be more the next time.
        others = [each for each in trials if each.status == "RUNNING" and each is not trial]
        is_hopeless = why.of_memory and not self._order.halve(len(others) + 1)
        if is_hopeless or self._losses.is_given_up(task.key):
            reason = "it ran alone" if is_hopeless else self._losses.reason(task.key)
            self._events.say(task, EventKind.LOST, f"{reason}: {why.text}")
            self._stopped.add(task.key)
        else:
            is_own = cause is LossCause.WORKER
            self._events.say(
                task, EventKind.RESTARTED, f"{cause.value} ({why.text})" if is_own else cause.value
            )

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Of what Tune itself can't make good.
        self._events.say(trial.config[TASK], EventKind.LOST, loss_reason(_error(trial), logs=self._logs).text)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Whatever has not ended by now was stopped. Tune may say so twice.
        self._events.say(trial.config[TASK], EventKind.STOPPED)


def _error(trial: Any) -> str:
    """Return what Tune has written of a trial's last loss."""
    try:
        return Path(trial.local_path, trial.run_metadata.error_filename or "").read_text(encoding="utf-8")
    except (OSError, TypeError):
        return ""
