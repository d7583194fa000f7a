"""Caps on the hours and the money of a command: what is begun, what is stopped, and what is left."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.execution.caps import Budget, CapReferee
from orchestrator.execution.executor import Event, EventKind, Report, Task
from orchestrator.execution.in_process_executor import InProcessExecutor
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.estimates import Basis, ExperimentEstimate, PhaseEstimate
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import State, Store
from orchestrator.store.price_record import PriceRecord
from tests.orchestrator.execution.executor_tasks import task_of

Write = Callable[..., Path]
EPOCHS, FOLDS = 2, 5


@pytest.fixture
def study(write_experiments: Write, faces: Path, scanned: Path, tmp_path: Path) -> StudyPlan:
    """Two experiments of five folds and two epochs; nothing has run."""
    folder = write_experiments({"p/a.json": {}, "p/b.json": {"dropout": 0.5}})
    results = Path(shutil.copytree(scanned, tmp_path / "results"))
    loaded = load_experiments(Library((folder,)), ["a", "b"])
    asked = Options(results=results, data=faces)
    data = DataSets(Store.look(results), override=faces)
    return plan_study(phase_of(("a", "b")), loaded, asked, data=data, machine=Machine(1, 16_000))


def estimate_of(study: StudyPlan, *, trial_s: float, basis: Basis = Basis.MEASURED) -> PhaseEstimate:
    """An estimate by which every trial takes as long."""
    return PhaseEstimate(
        phase="p",
        experiments=tuple(
            ExperimentEstimate(
                experiment=each.experiment.name,
                trials=FOLDS,
                missing=FOLDS,
                images_per_s=1.0,
                basis=basis,
                peak_mib=1.0,
                is_memory_measured=True,
                at_a_time=1,
                seconds={
                    trial.name: trial_s for trial in study.trials if trial.experiment == each.experiment.name
                },
                disk_bytes=0,
            )
            for each in study.experiments
        ),
        start_s=0.0,
        pixel_bytes=0,
        checkpoint_bytes=0,
        units=1,
    )


@dataclass
class Run:
    """A run without Ray on a clock of its own: a trial takes `trial_s`, in equal epochs."""

    study: StudyPlan
    now: float = 0.0
    epochs: int = EPOCHS
    trial_s: float = 100.0
    events: list[tuple[str, EventKind]] = field(default_factory=list)

    def __call__(
        self, *, max_s: float, estimated_s: float = 100.0, basis: Basis = Basis.MEASURED
    ) -> tuple[CapReferee, Budget]:
        budget = Budget(max_s=max_s, clock=lambda: self.now)
        estimate = estimate_of(self.study, trial_s=estimated_s, basis=basis)
        referee = CapReferee(budget, max_s, self.study, estimate)
        executor, names = InProcessExecutor(), {trial.key: trial.name for trial in self.study.trials}
        for wave in self.study.waves():
            tasks = {trial.key: task_of(trial.key) for trial in wave}

            def on_event(event: Event, tasks: dict[str, Task] = tasks) -> None:
                self.events.append((names[event.key], event.kind))
                for key in referee.hear(event):
                    executor.stop(tasks[key])

            def on_tick(tasks: dict[str, Task] = tasks) -> None:
                for key in referee.tick():
                    executor.stop(tasks[key])

            ordered = [tasks[key] for key in referee.order(wave)]
            executor.run(ordered, target=self._train, on_event=on_event, on_tick=on_tick)
        referee.close()
        return referee, budget

    def _train(self, task: Task, report: Report) -> None:
        report(Event(EventKind.STARTED, task.key, epochs=self.epochs))
        for epoch in range(1, self.epochs + 1):
            self.now += self.trial_s / self.epochs
            report(Event(EventKind.EPOCH, task.key, epoch=epoch, epochs=self.epochs))
        report(Event(EventKind.DONE, task.key))

    def named(self, kind: EventKind) -> list[str]:
        return [name for name, heard in self.events if heard is kind]


def folds(name: str, *numbers: int) -> list[str]:
    return [f"{name}-r0f{number}" for number in numbers or range(FOLDS)]


def test_half_of_the_cost_runs_whole_experiments_and_ends_in_time(study: StudyPlan) -> None:
    """Catches one fold that is missing in each experiment, and a run that goes past its cap."""
    run = Run(study)
    referee, budget = run(max_s=500.0)
    assert run.named(EventKind.DONE) == folds("a")
    assert run.named(EventKind.STARTED) == folds("a")
    assert run.now == 500.0
    (cut,) = budget.cut
    assert (cut.planned, cut.not_begun, cut.stopped, cut.seconds) == (10, 5, 0, 500.0)
    assert referee.fit() == (0, [])


def test_what_a_search_has_yet_to_propose_is_left_too(study: StudyPlan) -> None:
    """Catches a capped search that says it needs no more than its first round."""
    estimate = estimate_of(study, trial_s=100.0)
    more = replace(estimate.experiments[0], experiment="2 more", trials=10, missing=10,
                   seconds={str(number): 50.0 for number in range(10)})  # fmt: skip
    estimate = replace(estimate, experiments=(*estimate.experiments, more))
    budget = Budget(max_s=1200.0, clock=lambda: 0.0)
    referee = CapReferee(budget, 1200.0, study, estimate)
    assert referee.fit() == (14, ["a", "b"])
    referee.order(study.waves()[0])
    referee.close()
    (cut,) = budget.cut
    assert (cut.planned, cut.not_begun, cut.seconds) == (20, 20, 1500.0)


def test_without_a_tight_cap_everything_runs(study: StudyPlan) -> None:
    run = Run(study)
    _, budget = run(max_s=1001.0)
    assert len(run.named(EventKind.DONE)) == 10 and not budget.cut


def test_what_fits_is_said_before_anything_starts(study: StudyPlan) -> None:
    budget = Budget(max_s=700.0, clock=lambda: 0.0)
    referee = CapReferee(budget, 700.0, study, estimate_of(study, trial_s=100.0))
    assert referee.fit() == (7, ["a"])


def test_the_measured_rate_begins_nothing_that_it_would_carry_past_the_cap(study: StudyPlan) -> None:
    """Catches a run that goes on believing its estimate: trials take twice as long."""
    run = Run(study, trial_s=200.0)
    _, budget = run(max_s=700.0)
    assert run.named(EventKind.STARTED) == folds("a", 0, 1, 2)
    assert run.now == 600.0
    # Three of ten are done; the others by the measured rate.
    assert (budget.cut[0].not_begun, budget.cut[0].seconds) == (7, 1400.0)


def test_trials_that_are_quicker_than_their_estimate_let_more_begin(study: StudyPlan) -> None:
    """Catches a cut that is made once, before anything is known."""
    run = Run(study, trial_s=50.0)
    _, budget = run(max_s=510.0)
    assert len(run.named(EventKind.DONE)) == 10 and not budget.cut


def test_a_rough_estimate_alone_keeps_nothing_from_being_begun(study: StudyPlan) -> None:
    run = Run(study, trial_s=100.0)
    _, budget = run(max_s=250.0, estimated_s=600.0, basis=Basis.ESTIMATED)
    assert run.named(EventKind.DONE) == folds("a", 0, 1)
    assert budget.cut[0].not_begun == 8


def test_what_runs_is_stopped_where_its_next_epoch_would_end_past_the_cap(study: StudyPlan) -> None:
    """Catches a trial that runs for hours beyond the cap, and one that is stopped in its last epoch."""
    run = Run(study, trial_s=1000.0, epochs=10)
    _, budget = run(max_s=450.0, estimated_s=400.0)
    assert run.events[-1][1] is EventKind.STOPPED and run.now == 400.0
    (cut,) = budget.cut
    assert (cut.not_begun, cut.stopped) == (9, 1)


def test_what_another_referee_stops_is_not_left_by_the_cap(study: StudyPlan) -> None:
    """Catches a loser of a race that the cap promises to run with a higher one."""
    budget = Budget(max_s=550.0, clock=lambda: 0.0)
    referee = CapReferee(budget, 550.0, study, estimate_of(study, trial_s=100.0))
    for key in referee.order(study.missing())[:9]:
        referee.hear(Event(EventKind.STOPPED, key))
    referee.close()
    (cut,) = budget.cut
    assert (cut.not_begun, cut.stopped) == (1, 0)


def test_under_a_race_the_order_is_the_races(study: StudyPlan) -> None:
    """Catches a cap that runs one experiment to its end, so that no look is ever complete."""
    budget = Budget(max_s=350.0, clock=lambda: 0.0)
    estimate = estimate_of(study, trial_s=100.0)
    fold_by_fold = sorted(study.missing(), key=lambda trial: (trial.fold, trial.experiment))[:8]
    referee = CapReferee(budget, 350.0, study, estimate, keeps_order=True)
    assert list(referee.order(fold_by_fold)) == [trial.key for trial in fold_by_fold]
    # What the race has left out is not what the cap leaves.
    referee.close()
    assert budget.cut[0].not_begun == 8


def test_experiments_with_finished_trials_come_first(study: StudyPlan) -> None:
    """Catches a cap under which every command begins another experiment."""
    done = next(trial for trial in study.trials if trial.name == "b-r0f0")
    trials = tuple(replace(trial, state=State.DONE) if trial is done else trial for trial in study.trials)
    run = Run(replace(study, trials=trials))
    run(max_s=450.0)
    assert run.named(EventKind.DONE) == folds("b", 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("max_s", "max_cost", "limit"), [(None, 2.4, 3600.0), (600.0, 2.4, 600.0), (7200.0, 2.4, 3600.0)]
)
def test_money_is_a_cap_on_hours_by_the_price_of_all_gpus(
    max_s: float | None, max_cost: float, limit: float
) -> None:
    price = PriceRecord(per_hour=1.2, per="GPU")
    assert Budget(max_s=max_s, max_cost=max_cost, price=price, units=2).limit_s == pytest.approx(limit)
    assert Budget().limit_s is None
