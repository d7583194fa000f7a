"""Plan of a phase's explanations: which images, by which trial, what is there already, and what can't be had.

Everything that a user has to mend is said here, before a worker starts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
from rich.console import Console

from orchestrator.analysis.explained_images import choose_images, outcome_of
from orchestrator.console import progress_bar
from orchestrator.execution.explained_trial import rests_on
from orchestrator.plan.data_sets import scan_memory
from orchestrator.store.explanation_files import (
    IMAGE_COLUMNS,
    MAP,
    SMALL_IMAGE,
    SMALL_OVERLAY,
    Explanations,
    NotExplained,
    explained_file,
    explanations_folder,
    read_explanations,
)
from orchestrator.store.finished_trials import FinishedTrial, finished_trials
from orchestrator.store.folder import Store, claimed_hash, read_trial
from orchestrator.store.predictions import DAMAGE, read_predictions
from orchestrator.store.records import ExperimentRecord, StudyRecord
from orchestrator.store.remote.data_copy import data_folder
from trainables.data.dataset.manifest import scan
from trainables.errors import InputError
from trainables.explain.explainable import why_not_explained


@dataclass(frozen=True, slots=True, eq=False)
class ExplanationTask:
    """Images that one trial explains.

    `rows` has the columns path, sha256, source, group, label, score (as stored), outcome and file (its name
    below the experiment's folder, without an end).
    """

    trial: FinishedTrial
    key: str
    rows: pd.DataFrame
    root: Path
    rests_on: str


@dataclass(frozen=True, slots=True, eq=False)
class ExplanationPlan:
    """What is to be explained of a phase.

    `every` are its tasks in the order of the study; `done` are those whose outcome is there, as `known` has
    it, and `missing` those to run now.
    """

    store: Store
    phase: str
    per_experiment: int
    images: pd.DataFrame
    every: tuple[ExplanationTask, ...]
    done: tuple[ExplanationTask, ...]
    missing: tuple[ExplanationTask, ...]
    problems: tuple[NotExplained, ...]
    known: Explanations | None

    @property
    def folder(self) -> Path:
        """The folder of the phase's explanations."""
        return explanations_folder(self.store, self.phase)


@dataclass(frozen=True, slots=True, eq=False)
class _Explainable:
    """An experiment that can be explained: its trials of the first repeat with their test rows."""

    record: ExperimentRecord
    trials: tuple[tuple[FinishedTrial, pd.DataFrame], ...]

    @property
    def rows(self) -> pd.DataFrame:
        """All test rows."""
        return pd.concat([rows for _, rows in self.trials], ignore_index=True)


def plan_explanations(
    store: Store,
    phase: str,
    *,
    data: Path | None,
    only: str | None,
    per_experiment: int,
    console: Console,
    quiet: bool,
) -> ExplanationPlan:
    """Find out what is to be explained of a phase, and what of it is there.

    Args:
        store: results that can be written.
        phase: a phase that has run.
        data: the folder of images; None = the ones that the phase was run on.
        only: a pattern; experiments of other names are left as they are.
        per_experiment: how many images; the choice is made among those of all experiments, whatever `only`.
        console: where progress is shown.
        quiet: show none.

    Raises:
        InputError: there is no such phase or experiment, nothing can be explained, or images are gone.
    """
    study = store.study(phase)
    names = [each.name for each in study.experiments]
    selected = {name for name in names if only is None or fnmatch(name, only)}
    if not selected:
        raise InputError(f"--only {only} matches none of the experiments of {phase}: {', '.join(names)}")
    explainable, problems = _explainable(store, study)
    if not any(each.record.name in selected for each in explainable):
        reasons = [each.reason for each in problems if each.experiment in selected]
        raise InputError(f"nothing of {phase} can be explained: {reasons[0]}")
    images, tasks = _choose(
        store, phase, explainable, data, number=per_experiment, console=console, quiet=quiet
    )
    known = read_explanations(store, phase)
    done = [task for task in tasks if known is not None and _is_done(task, known)]
    return ExplanationPlan(
        store,
        phase,
        per_experiment,
        images,
        tuple(tasks),
        tuple(done),
        tuple(each for each in tasks if each not in done and each.trial.experiment in selected),
        tuple(problems),
        known,
    )


def _explainable(store: Store, study: StudyRecord) -> tuple[list[_Explainable], list[NotExplained]]:
    found, problems = list[_Explainable](), list[NotExplained]()
    for record in study.experiments:
        reason = why_not_explained(record.recipe)
        if not reason and record.num_classes > 2:
            reason = (
                f"{record.name} tells {record.num_classes} classes apart, and galleries are of real and fake"
            )
        if reason:
            problems.append(NotExplained(experiment=record.name, reason=reason))
            continue
        try:
            trials = finished_trials(store, record)
        except InputError as error:
            problems.append(NotExplained(experiment=record.name, reason=str(error)))
            continue
        problems += [NotExplained(experiment=record.name, reason=each) for each in trials.problems]
        read = []
        for trial in trials.trials:
            if trial.repeat > 0:
                continue
            try:
                part = read_predictions(trial.folder, sha256=claimed_hash(trial.folder)).test
            except DAMAGE as error:
                problems.append(
                    NotExplained(
                        experiment=record.name, repeat=trial.repeat, fold=trial.fold, reason=str(error)
                    )
                )
                continue
            rows = part.frame(repeat=trial.repeat, fold=trial.fold)
            read.append((trial, rows.assign(path=part.paths.to_numpy(zero_copy_only=False))))
        if read:
            found.append(_Explainable(record, tuple(read)))
    return found, problems


def _choose(
    store: Store,
    phase: str,
    explainable: Sequence[_Explainable],
    data: Path | None,
    *,
    number: int,
    console: Console,
    quiet: bool,
) -> tuple[pd.DataFrame, list[ExplanationTask]]:
    """Choose images, `number` of each data folder, and deal them to the trials that tested them."""
    by_root: dict[Path, list[_Explainable]] = {}
    for each in explainable:
        by_root.setdefault(data_folder(data or each.record.data), []).append(each)
    images, tasks = [], list[ExplanationTask]()
    for root, members in by_root.items():
        hashes = _hashes(store, root, members[0].record, console=console, quiet=quiet)
        chosen = choose_images([each.rows for each in members], hashes, number=number)
        if chosen.empty:
            raise InputError(
                f"none of the images that {phase} was tested on is in {root}; name their folder with --data"
            )
        images.append(chosen)
        tasks += [task for each in members for task in _tasks(each, chosen, root)]
    every = pd.concat(images, ignore_index=True)[list(IMAGE_COLUMNS)]
    return every.drop_duplicates(["path", "sha256"], ignore_index=True), tasks


def _hashes(
    store: Store, root: Path, record: ExperimentRecord, *, console: Console, quiet: bool
) -> Mapping[str, str]:
    """Content hash of every image below a data folder by its path; remembered between commands."""
    if not root.is_dir():
        raise InputError(f"there is no folder of images {root}; name it with --data")
    recipe = record.recipe
    with progress_bar(console, "Reading images", quiet=quiet) as progress:
        rows = scan(
            root,
            layout=recipe.layout,
            group_by="none",
            real_sources=recipe.real_sources,
            follow_links=recipe.follow_links,
            max_unusable=1.0,
            memory=scan_memory(store, root),
            progress=progress,
        ).rows
    return dict(zip(rows["path"], rows["sha256"], strict=True))


def _tasks(found: _Explainable, chosen: pd.DataFrame, root: Path) -> list[ExplanationTask]:
    hashes = dict(zip(chosen["path"], chosen["sha256"], strict=True))
    tasks = []
    for trial, tested in found.trials:
        rows = tested[tested["path"].isin(hashes)].reset_index(drop=True)
        record = read_trial(trial.folder)
        if rows.empty or record is None:
            continue
        places = zip(rows["label"], rows["score"], strict=True)
        rows = rows.assign(
            sha256=rows["path"].map(hashes),
            outcome=[outcome_of(int(label), float(score)) for label, score in places],
        )
        rows["file"] = [
            explained_file(str(row.outcome), str(row.source), str(row.path), str(row.sha256))
            for row in rows.itertuples()
        ]
        tasks.append(ExplanationTask(trial, record.key, rows, root.resolve(), rests_on(record.key, rows)))
    return tasks


def _is_done(task: ExplanationTask, known: Explanations) -> bool:
    """Tell whether the record names this task as it is now, and its files are there."""
    trial = task.trial
    recorded = any(
        (each.experiment, each.repeat, each.fold, each.rests_on)
        == (trial.experiment, trial.repeat, trial.fold, task.rests_on)
        for each in known.record.trials
    )
    ends: Sequence[str] = (MAP, SMALL_IMAGE, SMALL_OVERLAY)
    place = known.folder / trial.experiment
    return recorded and all((place / f"{file}{end}").is_file() for file in task.rows["file"] for end in ends)
