"""Racing of whole experiments during a run: folds in order, a look after each, what is beaten stopped.

The referee of `--race`. It reads deciding scores of finished trials from disk, lets `decisions.race` take the
looks that are complete, writes the outcome to results/races/ before anything is stopped, and names the trials
that are not needed any more. Workers that would wait for a look begin with the next fold. A run that goes on
after an interruption takes the same looks again from what is on disk.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from orchestrator.analysis.experiment_scores import elimination_reason
from orchestrator.analysis.trial_scores import ALL, DECIDING, Place, Problem, Reader
from orchestrator.analysis.validation_draws import validation_covariance
from orchestrator.decisions.race import (
    ALPHA,
    FEWEST_FOLDS,
    Course,
    Judged,
    race_rule,
    run_race,
    why_no_race,
)
from orchestrator.execution.executor import Event, EventKind
from orchestrator.plan.plan import Options, StudyPlan, Trial
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import State
from orchestrator.store.race_file import EliminationRecord, RaceRecord, read_race, write_race
from trainables.errors import InputError

OnLeaving = Callable[[EliminationRecord], None]


class Race:
    """The referee of a race; `left_out` are the keys of trials that nobody needs, as far as is known."""

    def __init__(self, study: StudyPlan, on_leaving: OnLeaving = lambda record: None) -> None:
        self._study, self._on_leaving = study, on_leaving
        self._course = _course(study)
        self._reader = Reader(study.store)
        self._trials = {(each.experiment, (each.repeat, each.fold)): each for each in study.trials}
        self._judged: dict[tuple[str, Place], Judged] = {}
        self._covariances: dict[Place, tuple[list[str], np.ndarray]] = {}
        self._waiting: set[str] = set()
        self._record = self._begin()
        for trial in study.trials:
            if trial.state == State.DONE:
                self._judge(trial)
        self._look()

    @property
    def left_out(self) -> set[str]:
        """Keys of the trials of who has left, but for those that an experiment needs that is still in."""
        out = {(each.experiment, key) for each in self._record.eliminated for key in each.left_out}
        needed = {trial.key for trial in self._study.selected() if (trial.experiment, trial.key) not in out}
        return {key for _, key in out} - needed

    def order(self, wave: Sequence[Trial]) -> Sequence[str]:
        """Return the trials of who is in, fold by fold; of a fold those of candidates first.

        What does not race comes between the folds, where it is no waste to begin with it early.
        """
        racing, out = set(self._course.names), self.left_out
        # Sorted is stable: of a fold the longest trials come first, as the wave has them.
        ordered = sorted(wave, key=lambda each: (each.repeat, each.fold, each.experiment not in racing))
        self._waiting = {each.key for each in ordered if each.key not in out}
        return [each.key for each in ordered if each.key not in out]

    def hear(self, event: Event) -> Collection[str]:
        """Take in the end of a trial; return the trials of who leaves by it."""
        if not event.kind.is_last():
            return ()
        self._waiting.discard(event.key)
        mine = [trial for trial in self._trials.values() if trial.key == event.key]
        for trial in mine:
            if event.kind is EventKind.DONE:
                self._judge(trial)
            elif event.kind not in (EventKind.STOPPED, EventKind.BLOCKED):
                self._judged[_entry(trial)] = Judged(None, reason=f"it failed: {event.message}")
        self._look()
        stopped = self._waiting & self.left_out
        self._waiting -= stopped
        return stopped

    def tick(self) -> Collection[str]:
        """Do nothing: who leaves hangs on no time."""
        return ()

    def _begin(self) -> RaceRecord:
        """Go on with the race that the record is of, or begin a new one."""
        study, course = self._study, self._course
        entry = fingerprint([course.rule.model_dump(mode="json"), sorted(course.keys.values()), course.names])
        known = read_race(study.store, study.phase.name)
        if known is not None and known.entry == entry:
            return known
        done = {each.experiment: True for each in study.trials}
        for trial in study.trials:
            done[trial.experiment] &= trial.state == State.DONE
        return RaceRecord(
            phase=study.phase.name,
            entry=entry,
            metric=course.rule.choose,
            rope=course.rule.rope,
            alpha=ALPHA,
            num_folds=len(course.places),
            looks=0,
            candidates=course.names,
            settled=tuple(name for name in course.names if done[name]),
        )

    def _judge(self, trial: Trial) -> None:
        if trial.experiment not in self._course.names:
            return
        planned = self._study.experiment(trial.experiment)
        assert trial.folder is not None, "a trial that ended has a folder"
        found = self._reader.read(trial.folder, threshold_by=planned.experiment.threshold_by)
        self._reader.forget()
        if isinstance(found, Problem):
            self._judged[_entry(trial)] = Judged(None, reason=found.reason)
            return
        metric = self._course.rule.choose
        scores = [
            value
            for split, source, name, value in found.scores
            if (split, source, name) == (DECIDING, ALL, metric)
        ]
        reason = found.no_deciding or f"it has no {metric} on both halves of its validation part"
        self._judged[_entry(trial)] = (
            Judged(scores[0], rows=found.val_rows) if scores else Judged(None, reason=reason)
        )

    def _look(self) -> None:
        """Take the looks that are complete, and write down what came of them before anybody is stopped."""
        settled = self._course.staying | set(self._record.settled)
        course = replace(self._course, staying=settled)
        standing = run_race(course, self._judged, covariance=self._covariance, gone=self._record.eliminated)
        now = self._record.model_copy(
            update={
                "looks": standing.looks, "unjudged": standing.unjudged, "eliminated": standing.eliminated
            }
        )  # fmt: skip
        new = standing.eliminated[len(self._record.eliminated) :]
        if now != self._record or not self._study.store.race_file(now.phase).exists():
            self._record = now
            write_race(self._study.store, now)
        for each in new:
            self._on_leaving(each)

    def _covariance(self, names: Sequence[str], place: Place) -> np.ndarray:
        known, matrix = self._covariances.get(place, ([], np.empty((0, 0))))
        if not set(names) <= set(known):
            folders = [self._trials[name, place].folder for name in names]
            metric = self._course.rule.choose
            matrix = validation_covariance([each for each in folders if each is not None], metric)
            known = list(names)
            self._covariances[place] = known, matrix
        rows = [known.index(name) for name in names]
        return np.asarray(matrix[np.ix_(rows, rows)])


def refuse_race(study: StudyPlan, options: Options) -> None:
    """Refuse a race that the phase, its folds or the command line do not allow.

    Raises:
        InputError: there is nothing to race for, or nothing to gain.
    """
    if reason := why_no_race(study.phase):
        raise InputError(f"--race: {reason}; leave out --race")
    if options.folds is not None:
        raise InputError("--race looks at one fold after the other; leave out --folds")
    if options.only is not None:
        raise InputError("--race is between all experiments to choose among; leave out --only")
    course = _course(study)
    if len(course.names) < 2:
        raise InputError(
            f"--race: {study.phase.name} has {len(course.names)} experiment to choose among, and a race "
            "needs two or more; leave out --race"
        )
    folds = {name: [place for one, place in course.keys if one == name] for name in course.names}
    other = next((name for name in folds if folds[name] != list(course.places)), None)
    if other is not None:
        raise InputError(
            f"--race: {other} and {course.names[0]} have different folds; give all candidates the same "
            "protocol, cv_folds and cv_repeats"
        )
    if len(course.places) < FEWEST_FOLDS:
        raise InputError(
            f"--race: a race needs at least three folds, and {course.names[0]} has {len(course.places)}; "
            "raise cv_folds or cv_repeats, or leave out --race"
        )


def take_looks(study: StudyPlan, on_leaving: OnLeaving) -> None:
    """Take the looks for which earlier runs have left every trial, and tell who leaves by them."""
    if all(trial.key for trial in study.trials):
        Race(study, on_leaving)


def is_needed(study: StudyPlan, options: Options) -> bool:
    """Tell whether a trial is left to run, which those of who has left a race are not."""
    missing = study.missing()
    if not options.race or any(not trial.key for trial in study.trials):
        return bool(missing)
    out = Race(study).left_out
    return any(trial.key not in out for trial in missing)


def end_race(study: StudyPlan) -> tuple[EliminationRecord, ...]:
    """Let who has left an earlier race run again, as far as this run is about the folds that they lack.

    Returns:
        How they left.
    """
    known = read_race(study.store, study.phase.name)
    if known is None:
        return ()
    apart = {(trial.experiment, trial.key) for trial in study.trials if not trial.selected}
    back = tuple(
        each
        for each in known.eliminated
        if not apart.issuperset((each.experiment, key) for key in each.left_out)
    )
    if back or not known.eliminated:
        write_race(study.store, known.without({each.experiment for each in back}))
    return back


def with_eliminations(study: StudyPlan) -> StudyPlan:
    """Return a plan that says which of its missing trials a race has left out, as it stands on disk."""
    race = read_race(study.store, study.phase.name)
    if race is None:
        return study
    trials = []
    for trial in study.trials:
        gone = race.elimination_before(trial.experiment, key=trial.key)
        if gone is not None and trial.state != State.DONE:
            why = f"{elimination_reason(gone)}; it runs without --race alone"
            trial = replace(trial, state=State.ELIMINATED, why=why)
        trials.append(trial)
    return replace(study, trials=tuple(trials))


def _course(study: StudyPlan) -> Course:
    rule = race_rule(study.phase)
    trials: dict[str, list[Trial]] = {}
    for trial in study.trials:
        trials.setdefault(trial.experiment, []).append(trial)
    names = [name for name in rule.among if name in trials]
    bases = {base.experiment for trial in study.trials for base in trial.bases}
    combining = tuple(name for name in names if any(each.bases for each in trials[name]))
    single = tuple(name for name in names if name not in combining)
    racing = [trial for name in names for trial in trials[name]]
    first = trials[names[0]] if names else []
    return Course(
        rule=rule,
        heats=tuple(heat for heat in (single, combining) if heat),
        staying=frozenset(bases),
        places=tuple(sorted((each.repeat, each.fold) for each in first)),
        test_share=sum(each.sizes.get("val", 0) for each in racing)
        / max(1, sum(each.sizes.get("train", 0) for each in racing)),
        keys={(each.experiment, (each.repeat, each.fold)): each.key for each in racing},
    )


def _entry(trial: Trial) -> tuple[str, Place]:
    return trial.experiment, (trial.repeat, trial.fold)
