"""Runs of a phase whose trials take no time: each leaves the deciding score that a table says.

python -m tests.orchestrator.execution.racing_runs EXPERIMENTS DATA RESULTS DIES_AFTER runs one until so many
trials have ended, and then kills itself.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unittest import mock

from rich.console import Console

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import Phase
from orchestrator.execution import trial_runs
from orchestrator.execution.executor import Event, EventKind, OnEvent, Report, Target, Task
from orchestrator.execution.in_process_executor import InProcessExecutor
from orchestrator.execution.racing import Race, is_needed
from orchestrator.plan import record
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store, write_error
from orchestrator.store.outcome_records import ErrorRecord
from orchestrator.store.race_file import RaceRecord, read_race
from orchestrator.store.records import Rule
from tests.orchestrator.conftest import Results

NAMES = ("good", "near", "bad", "worse")
# Deciding AUC by fold: two that are close, one that is far behind, and one that is hopeless.
SCORES: Mapping[str, Sequence[float]] = {
    "good": (0.90, 0.91, 0.89, 0.92, 0.90),
    "near": (0.89, 0.91, 0.90, 0.91, 0.89),
    "bad": (0.77, 0.79, 0.76, 0.90, 0.90),
    "worse": (0.50, 0.51, 0.50, 0.52, 0.50),
}
FAILS = -1.0


def make_study(
    experiments: Path, data: Path, results: Path, *, names: Sequence[str] = NAMES, **options: object
) -> StudyPlan:
    """Plan a phase that chooses among `names`."""
    loaded = load_experiments(Library((experiments,)), names)
    rule = Rule(choose="auc", among=tuple(names), top=int(str(options.pop("top", 1))))
    phase = Phase(name="phase1", title="Phase", experiments=tuple(names), decision=rule)
    asked = Options(results=results, data=data, quiet=True, race=True, **options)  # type: ignore[arg-type]
    found = DataSets(Store.open(results), override=data)
    study = plan_study(phase, loaded, asked, data=found, machine=Machine(2, 8000), device="cpu")
    record.write_study(study)
    return study


def leave_scores(scores: Mapping[str, Sequence[float]], root: Path) -> Callable[[Task, Report], None]:
    """Make what a worker does: leave a finished trial with the score of its experiment and fold."""

    def run(task: Task, report: Report) -> None:
        (job,) = task.trials
        report(Event(EventKind.STARTED, job.key, epochs=1))
        score = scores[job.experiment][job.fold]
        if score == FAILS:
            write_error(job.folder, ErrorRecord(type="ValueError", message="no"))
            report(Event(EventKind.FAILED, job.key, message="no"))
            return
        written = Results(root, experiments=[{"name": job.experiment, "trials": []}])
        written.trial(job.folder, job.experiment, job.fold, job.key, json.loads(job.recipe))
        written.halves(job.experiment, (score, score), fold=job.fold)
        report(Event(EventKind.DONE, job.key))

    return run


class Shuffled(InProcessExecutor):
    """Ends tasks in an order of its own, up to `ahead` of them before those that were to come first."""

    def __init__(self, picks: Sequence[int], ahead: int) -> None:
        super().__init__()
        self._picks, self._ahead = picks, ahead

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
        """See `Executor.run`."""
        self._stopped.clear()
        left, number = list(tasks), 0
        while left:
            pick = self._picks[number % len(self._picks)] % min(len(left), self._ahead)
            task, number = left.pop(pick), number + 1
            if task.key in self._stopped:
                on_event(Event(EventKind.STOPPED, task.key))
            else:
                target(task, on_event)


def run(
    study: StudyPlan,
    scores: Mapping[str, Sequence[float]] = SCORES,
    *,
    executor: InProcessExecutor | None = None,
    target: Callable[[Task, Report], None] | None = None,
    race: bool = True,
) -> RaceRecord | None:
    """Run what is missing; return the record of the race."""
    options = Options(results=study.store.root, quiet=True, race=race)
    if is_needed(study, options):
        files = {each.experiment.name: (Path(),) for each in study.experiments}
        work = target or leave_scores(scores, study.store.root)
        # MLflow is none of a race's business, and takes seconds to import.
        with (
            mock.patch.object(trial_runs.worker, "run_task", work),
            mock.patch.object(trial_runs.tracking, "Tracker", return_value=mock.Mock(notes=())),
        ):
            referees = [Race(study)] if race else []
            trial_runs.run_trials(
                study, files, executor or InProcessExecutor(), options, Console(quiet=True), referees
            )
    return read_race(study.store, study.phase.name)


def dies_after(number: int, work: Callable[[Task, Report], None]) -> Callable[[Task, Report], None]:
    """Kill this process when `number` trials have ended and the next one is to begin."""
    ended = 0

    def run(task: Task, report: Report) -> None:
        nonlocal ended
        if ended == number:
            os.kill(os.getpid(), signal.SIGKILL)
        work(task, report)
        ended += 1

    return run


if __name__ == "__main__":
    planned = make_study(*map(Path, sys.argv[1:4]))
    run(planned, target=dies_after(int(sys.argv[4]), leave_scores(SCORES, planned.store.root)))
