"""Facts of planned trials beside their scores: state, epochs, seconds, device, command; a trial is one row.

They come from the small files of a trial's folder. A file that is gone or damaged leaves its facts unknown.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import pandas as pd

from orchestrator.analysis.collect import ALL, Tables
from orchestrator.store.fingerprint import SHORT
from orchestrator.store.folder import State, Store
from orchestrator.store.outcome_records import MetricsRecord
from orchestrator.store.record_file import parse_record
from orchestrator.store.records import StudyRecord, TrialRecord
from orchestrator.store.run_record import RunRecord
from trainables.done_record import DoneRecord, parse_done
from trainables.files import read_file
from trainables.trial_files import DONE, ERROR, HISTORY, METRICS, TRIAL

# The predictions are in them by their hash, which done.json holds.
SMALL = (TRIAL, HISTORY, METRICS, DONE, ERROR)
Files = dict[str, bytes]
# Of a trial that wrote nothing down.
NOTHING = MetricsRecord(n_train=0, n_val=0, n_test=0)


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """A planned trial: where it is, how far it is, and what it wrote down of itself; None is not known."""

    experiment: str
    repeat: int
    fold: int
    trial: str
    key: str
    state: State
    auc: float | None
    best_epoch: float | None
    epochs: float | None
    seconds: float | None
    training_seconds: float | None
    threads: float | None
    parameters: int | None
    flops_per_image: int | None
    device: str | None
    host: str | None
    started: str | None
    command: str | None
    environment: RunRecord | None
    predictions_sha256: str | None


COLUMNS = [each.name for each in fields(TrialFacts) if each.name != "environment"]


def read_files(store: Store, study: StudyRecord) -> dict[str, Files]:
    """Read the small files of every trial, by its folder; one that can't be read is left out."""
    found: dict[str, Files] = {}
    for _, trial in study.trials():
        folder = store.trial(trial.folder)
        mine = found[trial.folder] = {}
        for name in SMALL:
            with contextlib.suppress(OSError):
                mine[name] = read_file(folder / name)
    return found


def trial_facts(store: Store, tables: Tables, files: Mapping[str, Files]) -> tuple[TrialFacts, ...]:
    """Take the facts of every planned trial from its `files`, in the order of the study."""
    states = {
        (row["experiment"], row["trial"]): State(row["state"]) for row in tables.failures.to_dict("records")
    }
    chosen = tables.scores[
        (tables.scores["split"] == "test")
        & (tables.scores["source"] == ALL)
        & (tables.scores["metric"] == "auc")
    ]
    aucs = dict(zip(chosen["trial"], chosen["value"], strict=True))
    found = []
    for experiment, trial in tables.study.trials():
        name, mine = store.trial(trial.folder).name, files[trial.folder]
        record = parse_record(mine.get(TRIAL, b""), TrialRecord)
        metrics = parse_record(mine.get(METRICS, b""), MetricsRecord) or NOTHING
        run = record.run if record is not None else RunRecord()
        found.append(
            TrialFacts(
                experiment.name,
                trial.repeat,
                trial.fold,
                name,
                trial.key[:SHORT],
                states.get((experiment.name, name), State.DONE),
                aucs.get(name),
                best_epoch=metrics.best_epoch,
                epochs=metrics.epochs,
                seconds=metrics.seconds,
                training_seconds=metrics.training_seconds,
                threads=metrics.threads,
                parameters=metrics.parameters,
                flops_per_image=metrics.flops_per_image,
                device=metrics.device or run.device,
                host=run.host,
                started=run.started,
                command=run.command,
                environment=None if record is None else run,
                predictions_sha256=(parse_done(mine.get(DONE, b"")) or DoneRecord()).predictions_sha256,
            )
        )
    return tuple(found)


def facts_table(trials: Sequence[TrialFacts]) -> pd.DataFrame:
    """Return trials.csv: one row per planned trial, columns COLUMNS."""
    rows = [[getattr(each, name) for name in COLUMNS] for each in trials]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def read_history(files: Files) -> pd.DataFrame:
    """Parse a trial's history; an empty one when it is gone or damaged."""
    try:
        return pd.read_csv(io.BytesIO(files.get(HISTORY, b"")))
    except ValueError:
        return pd.DataFrame()
