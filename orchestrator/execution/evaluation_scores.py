"""Scores of an evaluation: those that are stored, and those that finished models give now.

A model's scores are taken again where the same weights gave them and no image lacks one; all others are asked
for in one go, on the executor that `--address` names. It is started only where there is something to ask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from orchestrator.analysis.experiment_scores import num_expected
from orchestrator.execution.executor import start_executor
from orchestrator.execution.scoring import ScoredImages, score_trials
from orchestrator.store.evaluation_files import (
    CLEAN,
    DetectorScores,
    EvaluatedExperiment,
    EvaluatedTrial,
    read_scores,
    score_columns,
    without_model,
    write_scores,
)
from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.finished_trials import FinishedTrial, FinishedTrials
from orchestrator.store.folder import Store, claimed_hash, read_trial
from orchestrator.store.records import ExperimentRecord


@dataclass(frozen=True, slots=True)
class ScoredExperiment:
    """An experiment as an evaluation records it, and how many of its models scored images now."""

    record: EvaluatedExperiment
    num_new: int


@dataclass(frozen=True, slots=True)
class _Model:
    """A model of an evaluation: the trial that it is of, and what its scores are stored as."""

    trial: FinishedTrial
    stored: EvaluatedTrial


def score_experiments(
    store: Store,
    name: str,
    experiments: Sequence[tuple[ExperimentRecord, FinishedTrials]],
    rows: pd.DataFrame,
    *,
    root: Path,
    address: str,
    console: Console,
    quiet: bool,
    debug: bool,
    condition: str = CLEAN,
) -> list[ScoredExperiment]:
    """Complete the score files of an evaluation.

    Args:
        store: results that can be written.
        name: of the evaluation.
        experiments: each with the trials that have a model.
        rows: columns path and sha256: the images.
        root: the folder that the paths are below.
        address: where to score, as `--address` names it.
        console: where progress is shown.
        quiet: show none.
        debug: show what libraries print.
        condition: what was done to the images; one of the record's conditions.

    Returns:
        One for each of `experiments`, in their order.
    """
    models = {
        record.name: [_Model(trial, _stored(store, trial)) for trial in finished.trials]
        for record, finished in experiments
    }
    known = {each: read_scores(store, name, each) for each in models}
    paths = rows["path"].tolist()
    new = {
        each: [model for model in members if not _has(known[each], model.stored, paths, condition)]
        for each, members in models.items()
    }
    found: dict[tuple[str, tuple[int, int]], ScoredImages] = {}
    asked = [model.trial for members in new.values() for model in members]
    if asked:
        with start_executor(address, logs=store.logs, debug=debug) as executor:
            scored = score_trials(
                store, asked, rows, root=root, executor=executor, console=console, quiet=quiet
            )
        found = {(each.trial.experiment, each.trial.place): each for each in scored}
    result = []
    for record, finished in experiments:
        mine = {model.stored: found[record.name, model.trial.place] for model in new[record.name]}
        given = {stored: each.scores for stored, each in mine.items() if each.scores is not None}
        if given:
            table = _table(known[record.name], models[record.name], given, paths, condition)
            write_scores(store, name, record.name, table)
        failed = [stored for stored, each in mine.items() if each.scores is None]
        evaluated = EvaluatedExperiment(
            name=record.name,
            num_expected=num_expected(record),
            num_classes=record.num_classes,
            trials=tuple(model.stored for model in models[record.name] if model.stored not in failed),
            problems=(*finished.problems, *(mine[stored].problem for stored in failed)),
        )
        result.append(ScoredExperiment(evaluated, len(given)))
    return result


def _stored(store: Store, trial: FinishedTrial) -> EvaluatedTrial:
    record = read_trial(trial.folder)
    key = record.key if record is not None else trial.folder.name[-SHORT:]
    return EvaluatedTrial(
        repeat=trial.repeat,
        fold=trial.fold,
        folder=store.called(trial.folder),
        key=key,
        weights=fingerprint([key, claimed_hash(trial.folder)])[:SHORT],
    )


def _has(known: DetectorScores | None, stored: EvaluatedTrial, paths: Sequence[str], condition: str) -> bool:
    if known is None or known.weights.get(stored.column) != stored.weights:
        return False
    return known.of(stored.column, paths, condition=condition) is not None


def _table(
    known: DetectorScores | None,
    models: Sequence[_Model],
    given: Mapping[EvaluatedTrial, np.ndarray],
    paths: Sequence[str],
    condition: str,
) -> DetectorScores:
    """Put new scores beside those that are stored and still hold; of other conditions, too."""
    kept: dict[str, np.ndarray] = {}
    others = pd.DataFrame({"path": [], "condition": []}, dtype=object)
    weights = {model.stored.column: model.stored.weights for model in models}
    if known is not None:
        others = known.table[known.table["condition"] != condition]
        for column, before in known.weights.items():
            scores = known.of(column, paths, condition=condition)
            if weights.get(column) != before:
                others = without_model(others, column)
            elif scores is not None:
                kept |= score_columns(column, scores)
    for stored, scores in given.items():
        kept |= score_columns(stored.column, scores)
    table = pd.DataFrame({"path": list(paths), "condition": condition, **kept})
    # Attributes of a frame are compared when frames are joined, and those of a file are written anew.
    others.attrs.clear()
    joined = pd.concat([others, table], ignore_index=True) if len(others) else table
    known_columns = {name.rpartition("_")[2] for name in joined.columns}
    return DetectorScores(
        joined, {column: each for column, each in weights.items() if column in known_columns}
    )
