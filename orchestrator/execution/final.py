"""Opening of the images held out for the end: once, by the models of the experiment that a decision chose.

All models of the chosen experiment score every image; the number is that of the mean of their probabilities,
and the single models stand beside it. Asked again, the stored scores are given back, and no image is read. A
second look at the same images, after another decision or by another phase, makes the number one of several to
choose from: it is refused unless it is asked for, and then counted.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from orchestrator.analysis.trial_scores import Place
from orchestrator.console import progress_bar
from orchestrator.execution.final_scores import final_metrics
from orchestrator.store import provenance
from orchestrator.store.caches import image_caches
from orchestrator.store.csv_files import read_csv
from orchestrator.store.decision_file import DecisionRecord, TakenBy, TrialHash, digest, in_force
from orchestrator.store.final_file import (
    FinalModel,
    FinalRecord,
    Opening,
    finals_of,
    read_final,
    write_final,
)
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.finished_trials import base_folders
from orchestrator.store.folder import Store, claimed_hash, read_trial
from orchestrator.store.held_out_files import held_out_file, read_held_out
from orchestrator.store.records import ExperimentRecord, StudyRecord
from orchestrator.store.remote.data_copy import data_folder
from trainables.device import device_type
from trainables.errors import InputError
from trainables.evaluation.scoring import predicted_classes
from trainables.files import file_sha256
from trainables.trial_files import FORMAT, WEIGHTS


@dataclass(frozen=True, slots=True)
class Opened:
    """The final scores of a phase, and whether this call opened the images."""

    record: FinalRecord
    is_new: bool


def phase_to_open(store: Store) -> str:
    """Return the phase whose decision no other phase with a decision builds on.

    Raises:
        InputError: there is none, or there are several.
    """
    decided = [name for name in store.studies() if store.decision_file(name).exists()]
    built_on = {earlier for name in decided for earlier in store.study(name).phase.builds_on}
    last = [name for name in decided if name not in built_on]
    if not last:
        raise InputError(
            f"{store.root} holds no decision; take one with `python -m orchestrator decide PHASE`"
        )
    if len(last) > 1:
        raise InputError(
            f"{', '.join(last)} have a decision each; name the one whose model is meant: "
            f"`python -m orchestrator final {last[-1]}`"
        )
    return last[0]


def open_held_out(
    store: Store, phase: str, *, data: Path | None, again: bool, console: Console, quiet: bool
) -> Opened:
    """Score the images that no fold holds with the models that the phase's decision chose.

    Args:
        store: results that can be written.
        phase: a phase whose decision chose an experiment.
        data: the folder of images; None = the one that the phase was run on.
        again: open images that were opened before.
        console: where progress is shown.
        quiet: show none.

    Raises:
        InputError: there is no such decision or nothing is held out, a model or image is not what it was, a
            fold holds one of the images, or they were opened before.
    """
    asked = _read(store, phase)
    known = read_final(store, phase)
    if known is not None and known.rests_on == asked.rests_on:
        return Opened(known, is_new=False)
    before = finals_of(store, str(asked.experiment.held_out_file))
    if before and not again:
        raise InputError(_opened_before(before, phase))
    root = data_folder(data or asked.experiment.data)
    _check(store, asked, root)
    scores = _score(store, asked, root, console=console, quiet=quiet)
    mean = np.mean(list(scores.values()), axis=0)
    predictions = _predictions(asked.rows, scores, mean)
    record = FinalRecord(
        format=FORMAT,
        phase=phase,
        decision_version=asked.decision.version,
        chosen=asked.experiment.name,
        metric=asked.decision.rule.choose,
        held_out_file=str(asked.experiment.held_out_file),
        images=len(asked.rows),
        groups=int(asked.rows["group"].nunique()),
        by_class=tuple(np.bincount(asked.rows["label"], minlength=asked.experiment.num_classes).tolist()),
        models=tuple(_model(store, trial) for trial in asked.trials),
        metrics=final_metrics(asked.rows, mean, list(scores.values())),
        predictions_sha256=_table_hash(predictions),
        earlier=tuple(_all_openings(before)),
        notes=tuple(_knew_them(store, asked)),
        rests_on=asked.rests_on,
        made=TakenBy(
            command=provenance.command_line(), time=provenance.now(), environment=provenance.environment()
        ),
    )
    write_final(store, record, predictions)
    return Opened(record, is_new=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What a phase would open: its decision, the chosen experiment and its trials, and the images."""

    study: StudyRecord
    decision: DecisionRecord
    experiment: ExperimentRecord
    trials: tuple[TrialHash, ...]
    rows: pd.DataFrame
    rests_on: str


def _read(store: Store, phase: str) -> _Asked:
    decision, study = in_force(store, phase), store.study(phase)
    if decision is None:
        raise InputError(
            f"no decision of {phase} has been taken; `python -m orchestrator decide {phase}` takes it"
        )
    experiment = _chosen(decision, study)
    rows = _held_out(store, experiment, phase)
    trials = tuple(each for each in decision.trials if each.experiment == experiment.name)
    images = held_out_file(store, str(experiment.held_out_file)).read_bytes()
    rests_on = fingerprint(
        [
            decision.digest or digest(decision.plain()),
            hashlib.sha256(images).hexdigest(),
            [[trial.repeat, trial.fold, trial.key, trial.predictions_sha256] for trial in trials],
        ]
    )
    return _Asked(study, decision, experiment, trials, rows, rests_on)


def _chosen(decision: DecisionRecord, study: StudyRecord) -> ExperimentRecord:
    phase = study.phase.name
    if decision.chosen is None:
        raise InputError(
            f"the decision of {phase} is on keys ({', '.join(each.key for each in decision.factors)}) and "
            "chooses no experiment; name a phase whose decision does: `python -m orchestrator final PHASE`"
        )
    for experiment in study.experiments:
        if experiment.name == decision.chosen:
            return experiment
    raise InputError(
        f"the last run of {phase} left {decision.chosen} out, which was chosen; run `python -m orchestrator "
        f"{phase}` again without --only"
    )


def _held_out(store: Store, experiment: ExperimentRecord, phase: str) -> pd.DataFrame:
    """The images to score: those held out, of the sources that the experiment is tested on."""
    name = experiment.held_out_file
    if name is None:
        raise InputError(
            f"{phase} holds no images out, so none are left for a final number; set them aside before a "
            f"study: `python -m orchestrator {phase} --set holdout_final=0.15 --results ANOTHER`"
        )
    rows = read_held_out(store, name)
    if rows is None:
        raise InputError(f"{held_out_file(store, name)} is gone, which says what is held out; bring it back")
    if experiment.recipe.eval_sources is not None:
        rows = rows[rows["source"].isin(experiment.recipe.eval_sources)].reset_index(drop=True)
    if rows.empty:
        raise InputError(f"no held-out image is of a source that {experiment.name} is tested on")
    return rows


def _check(store: Store, asked: _Asked, root: Path) -> None:
    """Raise InputError where a trial is another one, a fold holds an image, or there are no images."""
    phase, experiment = asked.study.phase.name, asked.experiment
    for trial in asked.trials:
        folder = store.trial(trial.folder)
        record = read_trial(folder)
        hashed = claimed_hash(folder) or trial.predictions_sha256
        if record is None or record.key != trial.key or hashed != trial.predictions_sha256:
            raise InputError(
                f"{folder} is not the trial that the decision was taken on; look at it with "
                f"`python -m orchestrator decide {phase}`, and take the decision anew with --again"
            )
    if used := _num_used(store, experiment, asked.rows):
        raise InputError(
            f"{used} of the held-out images are in a fold of {experiment.name}, which learned from them; run "
            f"{phase} again, which holds them out"
        )
    if not root.is_dir():
        raise InputError(f"there is no folder of images {root}; name it with --data")


def _num_used(store: Store, experiment: ExperimentRecord, rows: pd.DataFrame) -> int:
    """Count the held-out images that are in a fold of an experiment, or share a group with one that is."""
    used = pd.Series(data=False, index=rows.index)
    for name in experiment.fold_files or ():
        path = store.fold_file(name)
        try:
            table = read_csv(path, dtype=str, usecols=["path", "group"], keep_default_na=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} can't be read, which says what {experiment.name} used") from error
        used |= rows["path"].isin(table["path"]) | rows["group"].isin(table["group"])
    return int(used.sum())


def _knew_them(store: Store, asked: _Asked) -> list[str]:
    """Say which earlier phases, whose decisions this one built on, had held-out images in their folds."""
    study = asked.study
    notes, waiting, seen = [], [each.phase for each in study.handed_over], set[str]()
    while waiting:
        name = waiting.pop(0)
        earlier = store.known_study(name)
        if name in seen or earlier is None:
            continue
        seen.add(name)
        waiting += [each.phase for each in earlier.handed_over]
        same = [each for each in earlier.experiments if each.data == asked.experiment.data]
        used = max((_num_used(store, each, asked.rows) for each in same), default=0)
        if used:
            notes.append(
                f"{name}, whose decision {study.phase.name} builds on, had {used} of the held-out images in "
                "its folds: what it decided was chosen on them, too"
            )
    return notes


def _score(
    store: Store, asked: _Asked, root: Path, *, console: Console, quiet: bool
) -> dict[Place, np.ndarray]:
    """Probabilities of every model, one after the other in this process."""
    import torch

    from trainables.data.faces import local_detector
    from trainables.trained import read_trained, score_images

    device, folders = device_type(), store.folders_by_key()
    trained = {
        (trial.repeat, trial.fold): read_trained(
            store.trial(trial.folder),
            num_classes=asked.experiment.num_classes,
            bases=base_folders(store.trial(trial.folder), folders),
        )
        for trial in asked.trials
    }
    scores = {}
    for place, each in trained.items():
        title = f"Scoring held-out images, repeat {place[0]} fold {place[1]}"
        with progress_bar(console, title, quiet=quiet) as progress:
            scores[place] = score_images(
                each,
                asked.rows,
                root=root,
                caches=image_caches(store),
                look=local_detector(device),
                device=torch.device(device),
                progress=progress,
            )
    return scores


def _predictions(rows: pd.DataFrame, scores: Mapping[Place, np.ndarray], mean: np.ndarray) -> pd.DataFrame:
    """One row per image: the mean of the models' probabilities, the class, and each model's own."""
    columns = {}
    for suffix, values in [
        ("", mean),
        *((f"_r{place[0]}f{place[1]}", each) for place, each in scores.items()),
    ]:
        if values.ndim == 1:
            columns[f"score{suffix}"] = values
        else:
            columns |= {f"p{number}{suffix}": values[:, number] for number in range(values.shape[1])}
    about = rows[["path", "group", "source", "label"]].assign(predicted=predicted_classes(mean))
    return pd.concat([about, pd.DataFrame(columns)], axis=1)


def _table_hash(table: pd.DataFrame) -> str:
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()


def _model(store: Store, trial: TrialHash) -> FinalModel:
    weights = file_sha256(store.trial(trial.folder) / WEIGHTS)
    return FinalModel(
        repeat=trial.repeat, fold=trial.fold, folder=trial.folder, key=trial.key, weights_sha256=weights
    )


def _all_openings(before: Sequence[FinalRecord]) -> list[Opening]:
    """Every look at the images so far, each once, the first one first."""
    found: dict[tuple[str, str], Opening] = {}
    for record in before:
        for opening in (*record.earlier, _opening(record)):
            found[opening.phase, opening.time] = opening
    return sorted(found.values(), key=lambda each: each.time)


def _opening(record: FinalRecord) -> Opening:
    headline = record.headline()
    return Opening(
        phase=record.phase,
        version=record.decision_version,
        chosen=record.chosen,
        time=record.made.time,
        metric=record.metric,
        value=None if headline is None else headline.value,
    )


def _opened_before(before: Sequence[FinalRecord], phase: str) -> str:
    last = _all_openings(before)[-1]
    return (
        f"the held-out images were opened before, for {last.chosen} of {last.phase} ({last.time}): a second "
        "look makes its number one of several to choose from; "
        f"`python -m orchestrator final {phase} --again` opens them all the same, and records how often"
    )
