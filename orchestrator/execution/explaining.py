"""Explanations of a phase by its finished trials, fanned out over the executor that trials run on.

Every image is explained by the trial whose test fold held it, of the first repeat, and so never by one that
learned from it. A trial that can't explain is told with the reason, and the others go on; what they gave is
written down every few trials and at an interruption, so that the next command goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from rich.console import Console

from orchestrator.console import progress_bar
from orchestrator.execution.executor import Executor, one_gpu
from orchestrator.execution.explained_trial import explain_by_trial
from orchestrator.execution.explanation_plan import ExplanationPlan, ExplanationTask
from orchestrator.execution.faces import detector_on
from orchestrator.execution.trial_call import TrialCall, keep_rows
from orchestrator.store import provenance
from orchestrator.store.caches import image_caches
from orchestrator.store.explanation_files import (
    MAP,
    OUTCOMES,
    OVERLAY,
    ExplainedTrial,
    ExplanationRecord,
    Explanations,
    NotExplained,
    mean_map_file,
    remove_others,
    write_array,
    write_explanations,
)
from orchestrator.store.folder import Store
from trainables.data.faces import ensure_faces
from trainables.data.splits.trial_rows import image_files
from trainables.device import DeviceType
from trainables.removal import keep_only

# After so many trials what there is is written: of a thousand, it would else take minutes in all.
WRITE_EVERY = 20
BOX = ("face_left", "face_top", "face_right", "face_bottom")


@dataclass(slots=True)
class _Sofar:
    """What is explained by now: the tasks in order of the plan with their rows, and what failed."""

    plan: ExplanationPlan
    tasks: dict[tuple[str, int], ExplanationTask] = field(default_factory=dict)
    numbers: dict[tuple[str, int], pd.DataFrame] = field(default_factory=dict)
    failures: list[NotExplained] = field(default_factory=list)

    def add(self, task: ExplanationTask, numbers: pd.DataFrame) -> None:
        """Take the rows of numbers.csv that a task stands for."""
        self.tasks[_place(task)], self.numbers[_place(task)] = task, numbers

    def explanations(self) -> Explanations:
        """Put together what there is."""
        plan = self.plan
        places = [place for place in map(_place, plan.every) if place in self.tasks]
        trials = [
            ExplainedTrial(
                experiment=task.trial.experiment,
                repeat=task.trial.repeat,
                fold=task.trial.fold,
                folder=plan.store.called(task.trial.folder),
                key=task.key,
                images=len(task.rows),
                rests_on=task.rests_on,
            )
            for task in (self.tasks[place] for place in places)
        ]
        record = ExplanationRecord(
            phase=plan.phase,
            per_experiment=plan.per_experiment,
            trials=tuple(trials),
            problems=(*plan.problems, *sorted(self.failures, key=lambda each: str(each.fold))),
            command=provenance.command_line(),
            versions=provenance.environment().versions,
        )
        tables = [self.numbers[place] for place in places]
        numbers = (
            pd.concat(tables, ignore_index=True)
            if tables
            else pd.DataFrame(columns=["experiment", "outcome", "map", *BOX])
        )
        return Explanations(plan.folder, record, plan.images, numbers)


def explain_phase(
    plan: ExplanationPlan, executor: Executor | None, *, console: Console, quiet: bool
) -> Explanations:
    """Run what a plan says is missing, and leave tables, pictures and mean maps.

    Args:
        plan: what `plan_explanations` found.
        executor: where to run; None where nothing is missing.
        console: where progress is shown.
        quiet: show none.

    Raises:
        InputError: a file changed since its hash was taken.
    """
    sofar = _Sofar(plan)
    for task in plan.done:
        assert plan.known is not None, "what is done is known"
        known, trial = plan.known.numbers, task.trial
        is_of_it = (known["experiment"] == trial.experiment) & (known["fold"] == trial.fold)
        sofar.add(task, known[is_of_it])
    if plan.missing:
        assert executor is not None, "something runs it"
        _run(plan, sofar, executor, console=console, quiet=quiet)
    found = sofar.explanations()
    _write_means(plan.store, found, is_new=bool(plan.missing))
    for name in found.experiments:
        kept = [file for task in _of(sofar, name) for file in task.rows["file"]]
        remove_others(plan.store, plan.phase, name, kept)
    if plan.known is None or plan.missing or found.digest() != plan.known.digest():
        write_explanations(found)
    return found


def _run(plan: ExplanationPlan, sofar: _Sofar, executor: Executor, *, console: Console, quiet: bool) -> None:
    caches = image_caches(plan.store)
    for root in dict.fromkeys(task.root for task in plan.missing):
        rows = pd.concat([task.rows for task in plan.missing if task.root == root])
        with progress_bar(console, "Finding faces", quiet=quiet) as progress:
            look = detector_on(executor)
            ensure_faces(caches.faces, image_files(rows, root), look=look, progress=progress)
    # Experiments that share a trial, and so the images of its fold, share its explanations.
    shared: dict[str, list[ExplanationTask]] = {}
    for task in plan.missing:
        shared.setdefault(f"{task.trial.folder} {task.rests_on}", []).append(task)
    groups = list(shared.values())
    calls = [_call(plan, tasks, device=executor.device) for tasks in groups]
    with progress_bar(console, f"Explaining images of {plan.phase}", quiet=quiet) as progress:
        results = executor.each(explain_by_trial, calls, cpus=1, gpus=one_gpu(executor))
        try:
            for count, (place, (numbers, problem)) in enumerate(results, start=1):
                for task in groups[place]:
                    if numbers is None:
                        sofar.failures.append(_failure(task, problem))
                    else:
                        sofar.add(task, _rows(task, numbers))
                if count % WRITE_EVERY == 0:
                    write_explanations(sofar.explanations())
                progress(count, len(calls))
        finally:
            write_explanations(sofar.explanations())


def _call(
    plan: ExplanationPlan, tasks: Sequence[ExplanationTask], *, device: DeviceType
) -> dict[str, object]:
    first = tasks[0]
    return {
        "call": TrialCall(first.trial, first.root, image_caches(plan.store), device),
        "rows": keep_rows(plan.store, first.rows[["path", "sha256", "label", "score", "file"]]),
        "into": [plan.folder / task.trial.experiment for task in tasks],
    }


def _rows(task: ExplanationTask, numbers: pd.DataFrame) -> pd.DataFrame:
    """Rows of numbers.csv; scores are those that the trial stored."""
    trial, rows = task.trial, task.rows
    about = rows[["path", "source", "group", "label", "score", "outcome"]].assign(
        repeat=trial.repeat, fold=trial.fold, trial=trial.folder.name
    )
    about.insert(0, "experiment", trial.experiment)
    files = {
        name: [f"{trial.experiment}/{file}{end}" for file in rows["file"]]
        for name, end in (("overlay", OVERLAY), ("map", MAP))
    }
    return about.merge(numbers.drop(columns="score"), on="path", validate="1:1").assign(**files)


def _write_means(store: Store, found: Explanations, *, is_new: bool) -> None:
    """Write the mean map of each experiment and outcome, aligned by the faces' boxes, and remove others."""
    from trainables.explain.mean_maps import aligned_mean

    wanted = set()
    for (experiment, outcome), rows in found.numbers.groupby(["experiment", "outcome"], sort=True):
        boxes = rows[list(BOX)].to_numpy(dtype=float)
        with_face = np.isfinite(boxes).all(axis=1)
        path = mean_map_file(found.folder, str(experiment), str(outcome))
        if not with_face.any():
            continue
        wanted.add(path.name)
        if path.is_file() and not is_new:
            continue
        files = [found.folder / name for name in rows["map"][with_face]]
        maps = np.stack([np.load(file, allow_pickle=False) for file in files])
        write_array(path, aligned_mean(maps, boxes[with_face]).astype(np.float16))
    patterns = [f"*{outcome}.npy" for outcome in OUTCOMES]
    keep_only(found.folder / "means", wanted, patterns=patterns, below=store.root)


def _failure(task: ExplanationTask, reason: str) -> NotExplained:
    trial = task.trial
    return NotExplained(experiment=trial.experiment, repeat=trial.repeat, fold=trial.fold, reason=reason)


def _of(sofar: _Sofar, experiment: str) -> list[ExplanationTask]:
    return [task for (name, _), task in sofar.tasks.items() if name == experiment]


def _place(task: ExplanationTask) -> tuple[str, int]:
    return task.trial.experiment, task.trial.fold
