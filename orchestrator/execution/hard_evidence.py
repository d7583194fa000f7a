"""Evidence on the hard examples and doubted labels of a phase, gathered by the trials that tested the images.

One experiment gives it: the one that the phase's decision chose, else the one with the best mean AUC (of
several classes accuracy), of those whose models can be loaded and have maps. Each image is looked at by the
trial of its first repeat that did not learn from it. Evidence that is there, of the same images by the same
trials, is left as it is; features of training images and fingerprints are kept, so that what was broken off
goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from orchestrator.analysis.experiment_scores import Gathered, gather
from orchestrator.analysis.image_findings import ImageFindings, find_in_images
from orchestrator.analysis.trial_scores import ALL
from orchestrator.console import progress_bar
from orchestrator.execution.executor import Executor, one_gpu
from orchestrator.execution.faces import detector_on
from orchestrator.execution.hard_trial import evidence_by_trial, fingerprint_table
from orchestrator.execution.trial_call import TrialCall, keep_rows
from orchestrator.plan.stored_rows import rows_of_trial, stored_rows
from orchestrator.store.caches import image_caches
from orchestrator.store.decision_file import in_force
from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.finished_trials import FinishedTrial, finished_trials
from orchestrator.store.folder import Store
from orchestrator.store.hard_files import Evidence, HardRecord, hard_folder, known_hard, write_hard
from trainables import memo
from trainables.data.faces import ensure_faces
from trainables.data.splits.trial_rows import image_files
from trainables.device import DeviceType
from trainables.errors import InputError
from trainables.explain.explainable import why_not_explained
from trainables.removal import keep_only
from trainables.trial_inputs import detect_faces, prepare_pixels

MOST_HARD, MOST_DOUBTED = 12, 12
COLUMNS = ["path", "sha256", "label", "source"]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A trial, and its images: those asked about and those that it learned from (see `evidence_by_trial`)."""

    trial: FinishedTrial
    rows: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class EvidencePlan:
    """What is to be looked at of a phase, by which trials; `known` is the evidence that is there already."""

    store: Store
    phase: str
    experiment: Gathered
    found: ImageFindings
    asked: tuple[_Asked, ...]
    problems: tuple[str, ...]
    rests_on: str
    known: HardRecord | None

    @property
    def needs_workers(self) -> bool:
        """Whether a trial has to look at images."""
        return self.known is None and bool(self.asked)


def plan_evidence(store: Store, phase: str) -> EvidencePlan:
    """Plan the evidence of a phase.

    Args:
        store: results.
        phase: a phase that has finished trials.

    Raises:
        InputError: no experiment is complete, or none can be explained.
    """
    experiments = gather(store, store.study(phase))
    found = find_in_images(store, experiments)
    experiment = _experiment(store, phase, [each for each in experiments if each.name in found.experiments])
    asked, problems = _asked(store, experiment, found)
    rests_on = _rests_on(experiment, asked)
    before = known_hard(store, phase)
    # What failed in a worker is tried again; what can't be begun is not.
    is_the_same = before is not None and (before.rests_on, before.problems) == (rests_on, _sorted(problems))
    known = before if before is not None and is_the_same and _is_whole(store, before) else None
    return EvidencePlan(store, phase, experiment, found, tuple(asked), tuple(problems), rests_on, known)


def gather_evidence(
    plan: EvidencePlan, *, root: Path, executor: Executor | None, console: Console, quiet: bool
) -> HardRecord:
    """Gather the evidence of a phase, write it below explanations/<phase>/hard, and return it.

    Args:
        plan: what `plan_evidence` gave.
        root: the data folder.
        executor: where to compute; None where no trial has to look at images.
        console: where progress is shown.
        quiet: show none.

    Raises:
        InputError: an image changed since it was used.
    """
    if plan.known is not None:
        return plan.known
    rows, problems = list[Evidence](), list(plan.problems)
    if plan.asked:
        assert executor is not None, "trials look at images on workers"
        _prepare(plan.store, plan.asked, root=root, executor=executor, console=console, quiet=quiet)
        calls = [
            _call(plan.store, plan.phase, each, root=root, device=executor.device) for each in plan.asked
        ]
        with progress_bar(console, "Looking at hard examples", quiet=quiet) as progress:
            for done, (_, (records, problem)) in enumerate(
                executor.each(evidence_by_trial, calls, cpus=1, gpus=one_gpu(executor)), start=1
            ):
                rows += records
                problems += [problem] if problem else []
                progress(done, len(calls))
    record = HardRecord(
        phase=plan.phase,
        experiment=plan.experiment.name,
        rests_on=plan.rests_on,
        rows=tuple(_in_order(rows, plan.found)),
        problems=_sorted(problems),
    )
    _clear(plan.store, record)
    write_hard(plan.store, record)
    return record


def _experiment(store: Store, phase: str, experiments: Sequence[Gathered]) -> Gathered:
    if not experiments:
        raise InputError(f"no experiment of {phase} is complete; run {phase} first")
    decision = in_force(store, phase)
    chosen = None if decision is None else decision.chosen
    ordered = sorted(experiments, key=lambda each: (each.name != chosen, -_score(each)))
    reasons = []
    for each in ordered:
        try:
            finished_trials(store, each.record)
        except InputError as error:
            reasons.append(str(error))
            continue
        if why := why_not_explained(each.record.recipe):
            reasons.append(why)
            continue
        return each
    raise InputError(f"no model of {phase} can look at its images: {reasons[0]}")


def _score(experiment: Gathered) -> float:
    metric = "auc" if experiment.record.num_classes == 2 else "accuracy"
    values = experiment.values.get((ALL, metric), {}).values()
    return sum(values) / len(values) if values else 0.0


def _images(found: ImageFindings) -> tuple[list[str], list[str]]:
    """The paths of the hard examples and of the doubted labels that are looked at."""
    hard = [each.path for each in found.hard.examples[:MOST_HARD]]
    return hard, [each.path for each in found.doubted.doubts[:MOST_DOUBTED]]


def _asked(store: Store, experiment: Gathered, found: ImageFindings) -> tuple[list[_Asked], list[str]]:
    """The trials that tested the images, and what is wrong with others."""
    hard, doubted = _images(found)
    known, there = stored_rows(store, experiment.record), finished_trials(store, experiment.record)
    finished = {each.place: each for each in there.trials}
    asked, problems = list[_Asked](), list(there.problems)
    wanted = {*hard, *doubted}
    for planned in experiment.record.trials:
        trial = finished.get((planned.repeat, planned.fold))
        if planned.repeat > 0 or trial is None:
            continue
        try:
            table = rows_of_trial(store, experiment.record, planned, known)
        except InputError as error:
            problems.append(str(error))
            continue
        is_asked = ((table["part"] == "test") & table["path"].isin(wanted)).to_numpy()
        if is_asked.any():
            rows = table.assign(
                is_asked=is_asked, is_hard=table["path"].isin(hard), is_doubted=table["path"].isin(doubted)
            )
            kept = rows[is_asked | (rows["part"] == "train").to_numpy()]
            asked.append(_Asked(trial, kept[[*COLUMNS, "is_asked", "is_hard", "is_doubted"]]))
    return asked, problems


def _rests_on(experiment: Gathered, asked: Sequence[_Asked]) -> str:
    names = [*COLUMNS, "is_hard", "is_doubted"]
    trials = [
        [
            each.trial.folder.name,
            experiment.trials[each.trial.place].sha256,
            each.rows.loc[each.rows["is_asked"], names].astype(str).to_numpy().tolist(),
        ]
        for each in asked
    ]
    return memo.key([experiment.name, trials], code=__name__, libraries=("torch", "timm", "captum"))


def _is_whole(store: Store, record: HardRecord) -> bool:
    folder = hard_folder(store, record.phase)
    names = [name for row in record.rows for name in (row.seen, row.overlay, row.nearest)]
    return all((folder / name).is_file() for name in names)


def _sorted(problems: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(problems))


def _prepare(
    store: Store,
    asked: Sequence[_Asked],
    *,
    root: Path,
    executor: Executor,
    console: Console,
    quiet: bool,
) -> None:
    """Find faces, prepare pixels and take fingerprints once for all trials."""
    caches, recipe = image_caches(store), asked[0].trial.recipe
    every = pd.concat([each.rows[COLUMNS] for each in asked]).drop_duplicates("path", ignore_index=True)
    with progress_bar(console, "Finding faces", quiet=quiet) as progress:
        look = detector_on(executor)
        detect_faces(every, recipe, root=root, caches=caches, look=look, progress=progress)
        # Maps are told apart by regions of the face, whatever the recipe crops to.
        looked_at = pd.concat([each.rows[each.rows["is_asked"]] for each in asked])
        ensure_faces(caches.faces, image_files(looked_at, root), look=look)
    with progress_bar(console, "Preparing images", quiet=quiet) as progress:
        prepare_pixels(every, recipe, root=root, caches=caches, progress=progress)
    call = {"rows": keep_rows(store, every), "root": root, "fingerprints": _fingerprints(store, root)}
    for _ in executor.each(fingerprint_table, [call], cpus=1, gpus=0.0):
        pass


def _call(store: Store, phase: str, asked: _Asked, *, root: Path, device: DeviceType) -> dict[str, object]:
    return {
        "call": TrialCall(asked.trial, root, image_caches(store), device),
        "rows": keep_rows(store, asked.rows),
        "kept": store.cached("features", f"{asked.trial.folder.name}.memo"),
        "fingerprints": _fingerprints(store, root),
        "pictures": hard_folder(store, phase),
    }


def _fingerprints(store: Store, root: Path) -> Path:
    return store.cached("scans", f"hard-{fingerprint(str(root.resolve()))[:SHORT]}.memo")


def _in_order(rows: Sequence[Evidence], found: ImageFindings) -> list[Evidence]:
    hard, doubted = _images(found)
    place = {path: number for number, path in enumerate(dict.fromkeys([*hard, *doubted]))}
    return sorted(rows, key=lambda row: place[row.path])


def _clear(store: Store, record: HardRecord) -> None:
    """Remove pictures of images that are no longer shown."""
    kept = {name for row in record.rows for name in (row.seen, row.overlay, row.nearest)}
    keep_only(hard_folder(store, record.phase), kept, patterns=("*.webp",), below=store.root)
