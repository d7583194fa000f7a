"""Finished trials and experiments, read from results/ by name, whatever phase they ran in.

A trial is its stored predictions, with the hash that done.json committed: a file that is not what the trial
wrote is refused. An experiment is found in the records of phases (studies/*.json) or, where no record names
it any more, put together from the trials that say they belong to it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import compute, parquet

from orchestrator.collect import num_expected
from orchestrator.identity import SHORT, fingerprint
from orchestrator.problems import nearest
from orchestrator.store import Store, read_record, trial_state
from trainables.errors import InputError
from trainables.trial_files import DONE, ERROR, METRICS, PREDICTIONS, TRIAL

# What a damaged or half-written trial can raise while it is read.
DAMAGE = (OSError, ValueError, KeyError, TypeError, NotImplementedError, pyarrow.ArrowException)
COLUMNS = ("path", "group", "source", "label", "split", "predicted")
Place = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class FinishedTrial:
    """What a trial left: its predictions (predictions.parquet), and what it cost.

    n_train counts the rows that weights were learned from, n_val the inner validation rows; seconds are
    those of training on `device`, with `threads` CPU threads. parameters is None where none were counted.
    """

    folder: Path
    predictions: pyarrow.Table
    sha256: str
    n_train: int
    n_val: int
    n_test: int
    seconds: float
    threads: int
    device: str
    parameters: int | None

    def rows(self, split: str) -> pd.DataFrame:
        """Return the rows of a split (val or test) in the order of their paths."""
        table: pd.DataFrame = self.predictions.filter(self._mask(split)).to_pandas()
        return table.sort_values("path", kind="stable", ignore_index=True)

    def scored(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of a split, int [N], and `probabilities`, in the order of the file."""
        mine = self._mask(split).to_numpy()
        table, names = self.predictions, _score_columns(self.predictions)
        columns = [table[name].to_numpy()[mine] for name in names]
        labels = np.asarray(table["label"].to_numpy()[mine])
        return labels, np.stack(columns, axis=1) if len(columns) > 1 else columns[0]

    def _mask(self, split: str) -> pyarrow.ChunkedArray:
        return compute.equal(self.predictions["split"], split)

    def rows_key(self, split: str) -> str:
        """Name the images of a split by path, group and label, whatever was predicted."""
        return fingerprint(self.rows(split)[["path", "group", "label"]].astype(str).to_numpy().tolist())


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Why a trial has nothing to say yet."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundExperiment:
    """An experiment and its trials: (repeat, fold) -> folder. `fold_files` is None where no record has it."""

    name: str
    recipe: Mapping[str, Any]
    fold_files: tuple[str, ...] | None
    folders: Mapping[Place, Path]

    @property
    def expected(self) -> int:
        """How many trials the protocol asks for."""
        return num_expected({"recipe": self.recipe})

    def is_started(self) -> bool:
        """Tell whether a trial is finished."""
        return any(trial_state(folder) == "done" for folder in self.folders.values())


def read_trial(folder: Path) -> FinishedTrial | Unfinished:
    """Read the trial at `folder`, or say why there is nothing to read."""
    state = trial_state(folder)
    if state != "done":
        error = read_record(folder / ERROR) or {}
        reason = error.get("message") or {"running": "still running"}.get(state, "not run to its end yet")
        return Unfinished(state, str(reason))
    try:
        return _read(folder)
    except DAMAGE as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Unfinished("unreadable", f"{text}; delete the trial's folder to run it again")


def probabilities(rows: pd.DataFrame) -> np.ndarray:
    """Return P(fake), float [N], or one column a class, float [N, C]; KeyError where there are neither."""
    names = _score_columns(rows)
    return np.asarray(rows[names].to_numpy() if len(names) > 1 else rows["score"].to_numpy())


def find_experiment(store: Store, wanted: str) -> FoundExperiment:
    """Find an experiment by its name, by PHASE/NAME, or by the name of one of its trials' folders.

    Raises:
        InputError: none is called so, or several with different trials are.
    """
    found = {
        f"{phase}/{experiment.name}": experiment
        for phase, experiment in _recorded(store)
        if wanted in (experiment.name, f"{phase}/{experiment.name}")
    }
    if not found:
        found = {
            folder.name: experiment
            for experiment in _from_trials(store)
            for folder in experiment.folders.values()
            if wanted in (experiment.name, folder.name)
        }
    distinct = _distinct(found)
    if len(distinct) > 1:
        # What was planned and never run does not stand in the way of what was.
        distinct = {way: each for way, each in distinct.items() if each.is_started()} or distinct
    if len(distinct) > 1:
        raise InputError(
            f"{len(distinct)} experiments in {store.root} are called {wanted!r} and have different trials; "
            f"name one as {' or '.join(sorted(distinct)[:6])}"
        )
    if not distinct:
        known = {each.name for _, each in _recorded(store)} | {each.name for each in _from_trials(store)}
        hint = nearest(wanted, sorted(known)) or "nothing has run there yet"
        raise InputError(f"no experiment {wanted!r} in {store.root}; {hint}")
    return next(iter(distinct.values()))


def found_experiment(store: Store, record: Mapping[str, Any]) -> FoundExperiment:
    """Return an experiment as a phase's record has it."""
    folders = {
        (int(each["repeat"]), int(each["fold"])): store.root / each["folder"] for each in record["trials"]
    }
    return FoundExperiment(record["name"], record["recipe"], tuple(record["fold_files"]), folders)


def _read(folder: Path) -> FinishedTrial:
    content = (folder / PREDICTIONS).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    done, facts = read_record(folder / DONE) or {}, read_record(folder / METRICS) or {}
    if done.get("predictions_sha256", sha256) != sha256:
        raise ValueError(f"{PREDICTIONS} is not what the trial wrote")
    table = parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False)
    names = _score_columns(table)
    if any(table[name].null_count for name in (*COLUMNS, *names)):
        raise ValueError(f"{PREDICTIONS} has a row that is not whole")
    values = np.stack([table[name].to_numpy() for name in names])
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0.0 or values.max(initial=1.0) > 1.0 + 1e-6:
        raise ValueError("a score is no probability: the model diverged")
    parameters = facts.get("parameters")
    return FinishedTrial(
        folder, table, sha256,
        n_train=int(facts["n_train"]), n_val=int(facts["n_val"]), n_test=int(facts["n_test"]),
        seconds=float(facts["training_seconds"]), threads=int(facts["threads"]),
        device=str(facts["device"]), parameters=None if parameters is None else int(parameters),
    )  # fmt: skip


def _score_columns(table: pd.DataFrame | pyarrow.Table) -> list[str]:
    """Name the columns that hold probabilities, in the order of the classes."""
    columns = table.columns if isinstance(table, pd.DataFrame) else table.column_names
    if "score" in columns:
        return ["score"]
    number = sum(1 for name in columns if name[:1] == "p" and name[1:].isdigit())
    if number < 2:
        raise KeyError("score")
    return [f"p{index}" for index in range(number)]


def _recorded(store: Store) -> Iterator[tuple[str, FoundExperiment]]:
    """Every experiment that a phase's record names, with the phase; a damaged record is passed over."""
    for phase in store.studies():
        record = read_record(store.study_file(phase)) or {}
        for experiment in record.get("experiments", ()):
            yield phase, found_experiment(store, experiment)


def _from_trials(store: Store) -> list[FoundExperiment]:
    """Put experiments together from trials: the same name and the same recipe are the same experiment."""
    groups: dict[tuple[str, str], tuple[Mapping[str, Any], dict[Place, Path]]] = {}
    for folder in store.folders_by_key().values():
        record = read_record(folder / TRIAL) or {}
        if not {"experiment", "recipe", "repeat", "fold", "key"} <= record.keys():
            continue
        if folder.name[-SHORT:] != str(record["key"])[:SHORT]:
            continue
        key = (str(record["experiment"]), fingerprint(record["recipe"]))
        _, folders = groups.setdefault(key, (record["recipe"], {}))
        place = (int(record["repeat"]), int(record["fold"]))
        if place not in folders or trial_state(folders[place]) != "done":
            folders[place] = folder
    return [
        FoundExperiment(name, recipe, None, dict(sorted(folders.items())))
        for (name, _), (recipe, folders) in groups.items()
    ]


def _distinct(found: Mapping[str, FoundExperiment]) -> dict[str, FoundExperiment]:
    """Keep one of those that have the same trials."""
    kept: dict[tuple[Path, ...], str] = {}
    for way, experiment in found.items():
        kept.setdefault(tuple(sorted(experiment.folders.values())), way)
    return {way: found[way] for way in kept.values()}
