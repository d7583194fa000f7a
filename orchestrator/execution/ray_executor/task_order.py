"""Order in which Tune begins tasks: that of their list, on selected nodes, as many at a time as may be."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ray import tune
from ray.tune.schedulers import FIFOScheduler

from orchestrator.execution.executor import Task
from orchestrator.execution.ray_executor.last_call import LastCall

# What Tune hands to a worker: the task alone, under this name.
TASK = "task"
Config = Mapping[str, Task]


def bundle_of(
    config: Config, *, of_type: Mapping[str, float], selector: Mapping[str, str] | None = None
) -> tune.PlacementGroupFactory:
    """Return what a task takes, on nodes with labels that `selector` selects."""
    share = config[TASK].share
    bundle = {"CPU": share.cpus, "GPU": share.gpus} | (dict(of_type) if share.gpus else {})
    labels: Mapping[str, Any] = {"bundle_label_selector": [dict(selector)]} if selector else {}
    return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}], **labels)


class Unsaved:
    """Something that Tune pickles into its own records, which nobody reads: without its state."""

    def __getstate__(self) -> dict[str, object]:
        return {}


class InOrder(Unsaved, FIFOScheduler):
    """First come, first served, but for what was stopped, and on nodes that are selected.

    `stopped` is filled, what `selector` gives changes, and the last call may come, while the run goes on.
    """

    def __init__(
        self,
        stopped: Collection[str],
        bundle: Callable[..., tune.PlacementGroupFactory],
        selector: Callable[[], dict[str, str]],
        last_call: LastCall,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._stopped, self._bundle, self._selector = stopped, bundle, selector
        self._last_call = last_call
        self._most: int | None = None

    def halve(self, num_running: int) -> bool:
        """Let half as many run at a time as did when memory ran out; return False where that was one."""
        if num_running <= 1:
            return False
        self._most = min(num_running // 2, self._most or num_running)
        return True

    # Both are told before Tune files the trial under what it takes.
    def on_trial_add(self, controller: Any, trial: Any) -> None:
        """See `_select`."""
        self._select(trial)

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """See `_select`."""
        self._select(trial)

    def _select(self, trial: Any) -> None:
        """Keep a task that is not running off the nodes that are left out by now."""
        if selector := self._selector():
            trial.update_resources(self._bundle(trial.config, selector=selector))

    def on_trial_result(self, controller: Any, trial: Any, result: object) -> str:
        """Stop what is to be stopped."""
        stopped = trial.config[TASK].key in self._stopped
        return str(FIFOScheduler.STOP if stopped else FIFOScheduler.CONTINUE)

    def choose_trial_to_run(self, controller: Any) -> Any:
        """Return what begins next, None where nothing may; end what was stopped before it began."""
        is_over = self._last_call.is_given
        for trial in list(controller.get_live_trials()) if is_over or self._stopped else ():
            if trial.status == "PENDING" and (is_over or trial.config[TASK].key in self._stopped):
                # Tune asks every trial for its folder in the end, and one that was never begun has none yet.
                trial.init_local_path()
                controller.stop_trial(trial)
        running = [trial for trial in controller.get_live_trials() if trial.status == "RUNNING"]
        if self._most is not None and len(running) >= self._most:
            return None
        return super().choose_trial_to_run(controller)
