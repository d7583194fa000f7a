"""Scores of an evaluation: those that are stored, and those that finished models give now.

A model's scores are taken again where the same weights gave them and no image lacks one; all others are asked
for in one go, on the executor that `--address` names. It is started only where there is something to ask.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from orchestrator.analysis.experiment_scores import num_expected
from orchestrator.execution.executor import Executor, start_executor
from orchestrator.execution.remote_places import refuse_far_workers
from orchestrator.execution.scoring import ScoredImages, score_trials
from orchestrator.execution.workplace import ray_address
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


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """An experiment of an evaluation: how it was named, its models, and those whose scores are stored."""

    name: str
    record: ExperimentRecord
    problems: tuple[str, ...]
    models: tuple[_Model, ...]
    known: DetectorScores | None
    stored: frozenset[str]

    @property
    def new(self) -> list[_Model]:
        """The models that have to score."""
        return [model for model in self.models if model.stored.column not in self.stored]


def score_experiments(
    store: Store,
    name: str,
    experiments: Mapping[str, tuple[ExperimentRecord, FinishedTrials]],
    rows: pd.DataFrame,
    *,
    root: Path,
    address: str | None,
    console: Console,
    quiet: bool,
    debug: bool,
    conditions: Sequence[str] = (CLEAN,),
) -> list[ScoredExperiment]:
    """Complete the score files of an evaluation.

    Args:
        store: results that can be written.
        name: of the evaluation.
        experiments: how the command named each -> its record, and the trials that have a model.
        rows: columns path and sha256: the images.
        root: the folder that the paths are below.
        address: where to score, as `--address` names it; None = it does not.
        console: where progress is shown.
        quiet: show none.
        debug: show what libraries print.
        conditions: what is done to the images, CLEAN first: those of the record.

    Returns:
        One for each of `experiments`, in their order.
    """
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start() -> Executor:
            refuse_far_workers(ray_address(address), store.root)
            return stack.enter_context(start_executor(ray_address(address), logs=store.logs, debug=debug))

        scored = [
            _score_condition(
                store, name, experiments, rows, condition,
                start=start, root=root, console=console, quiet=quiet,
            )
            for condition in conditions
        ]  # fmt: skip
    return [_joined(each) for each in zip(*scored, strict=True)]


def _score_condition(
    store: Store,
    name: str,
    experiments: Mapping[str, tuple[ExperimentRecord, FinishedTrials]],
    rows: pd.DataFrame,
    condition: str,
    *,
    start: Callable[[], Executor],
    root: Path,
    console: Console,
    quiet: bool,
) -> list[ScoredExperiment]:
    """Complete the score files by one condition."""
    paths = rows["path"].tolist()
    every = [
        _ask(store, name, asked_as, record, finished, paths=paths, condition=condition)
        for asked_as, (record, finished) in experiments.items()
    ]
    asked = [model.trial for each in every for model in each.new]
    found: dict[tuple[str, tuple[int, int]], ScoredImages] = {}
    if asked:
        scored = score_trials(
            store,
            asked,
            rows,
            root=root,
            executor=start(),
            console=console,
            quiet=quiet,
            perturbation="" if condition == CLEAN else condition,
        )
        found = {(each.trial.experiment, each.trial.place): each for each in scored}
    return [
        _keep(
            store,
            name,
            each,
            {model.stored: found[each.record.name, model.trial.place] for model in each.new},
            paths=paths,
            condition=condition,
        )
        for each in every
    ]


def _joined(conditions: Sequence[ScoredExperiment]) -> ScoredExperiment:
    """Put together what became of an experiment under each condition: its models are those of the first."""
    problems = dict.fromkeys(problem for each in conditions for problem in each.record.problems)
    record = conditions[0].record.model_copy(update={"problems": tuple(problems)})
    return ScoredExperiment(record, sum(each.num_new for each in conditions))


def _ask(
    store: Store,
    name: str,
    asked_as: str,
    record: ExperimentRecord,
    finished: FinishedTrials,
    *,
    paths: Sequence[str],
    condition: str,
) -> _Asked:
    """Look which models of an experiment have stored scores."""
    models = tuple(_Model(trial, _stored(store, trial)) for trial in finished.trials)
    known = read_scores(store, name, record.name)
    stored = {each.stored.column for each in models if _has(known, each.stored, paths, condition)}
    return _Asked(asked_as, record, finished.problems, models, known, frozenset(stored))


def _keep(
    store: Store,
    name: str,
    asked: _Asked,
    found: Mapping[EvaluatedTrial, ScoredImages],
    *,
    paths: Sequence[str],
    condition: str,
) -> ScoredExperiment:
    """Write the new scores of an experiment, and say what there is now."""
    given = {stored: each.scores for stored, each in found.items() if each.scores is not None}
    if given:
        write_scores(
            store, name, asked.record.name, _table(asked.known, asked.models, given, paths, condition)
        )
    failed = {stored: each.problem for stored, each in found.items() if each.scores is None}
    record = EvaluatedExperiment(
        name=asked.record.name,
        asked=asked.name,
        num_expected=num_expected(asked.record),
        num_classes=asked.record.num_classes,
        trials=tuple(model.stored for model in asked.models if model.stored not in failed),
        problems=(*asked.problems, *failed.values()),
    )
    return ScoredExperiment(record, len(given))


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
