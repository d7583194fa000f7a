"""What the trials left, as far as a page shows it: facts of all, curves and predictions of a few.

A page of a thousand trials shows the curves of a bounded number of experiments, and only their files are
read. Which: all where there are few; else the chosen one and its runner-up, then those with the best mean.
"""

import contextlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.trial_scores import spent
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.fingerprint import SHORT
from orchestrator.store.folder import State, Store, parse_trial
from orchestrator.store.predictions import DAMAGE, Part, read_predictions
from orchestrator.store.records import RunRecord, StudyRecord
from orchestrator.wording.numbers import metric_name
from orchestrator.wording.verdict import headline, whole_rows
from trainables.evaluation.metrics import LOWER_IS_BETTER
from trainables.trial_files import DONE, ERROR, HISTORY, METRICS, TRIAL

FACTS = ("best_epoch", "epochs", "seconds", "training_seconds", "threads", "parameters")
RUNS = [
    "experiment", "repeat", "fold", "trial", "key", "state", "auc", *FACTS, "device", "host", "started",
    "command", "environment", "predictions_sha256",
]  # fmt: skip
SCORE = ["mean", "ci_low", "ci_high"]
COSTS = ["number", "experiment", "parameters", "seconds", "device", "unit", "hours", *SCORE]
# The predictions are in them by their hash, which done.json holds.
SMALL = (TRIAL, HISTORY, METRICS, DONE, ERROR)
Place = tuple[int, int]
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Shown:
    """The experiments that a part of the page shows, in the order of the study, and why these."""

    names: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A row a planned trial; of the experiments shown also a row an epoch, and the test rows by fold."""

    runs: pd.DataFrame
    history: pd.DataFrame
    tests: Mapping[str, Mapping[Place, Part]]


def bounded(number: int, most: int, of_many: int) -> int:
    """Say how many to show: all of up to `most`, and of more only `of_many`, which the eye still compares."""
    return number if number <= most else of_many


def choose_shown(tables: Tables, decision: DecisionRecord | None, most: int) -> Shown:
    """Choose at most `most` experiments to show."""
    names = [each.name for each in tables.study.experiments]
    if len(names) <= most:
        return Shown(tuple(names), "")
    metric = headline(tables)
    rows = whole_rows(tables.summary, metric).dropna(subset=["mean"])
    ordered = rows.sort_values("mean", ascending=metric in LOWER_IS_BETTER, kind="stable")["experiment"]
    asked = () if decision is None else (decision.chosen, decision.runner_up)
    first = [name for name in asked if name in names]
    ranked = dict.fromkeys([*first, *ordered, *names])
    taken = set(list(ranked)[:most])
    others = taken - set(first)
    parts = []
    if first:
        both = "the chosen one, its runner-up"
        parts.append(both if len(first) == 2 else f"{first[0]}, of which the decision is")
    if others & set(ordered):
        parts.append(f"those with the best mean {metric_name(metric)}")
    if others - set(ordered):
        parts.append(f"the first of those without a mean {metric_name(metric)}")
    said = ", and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    note = f"Shown are {len(taken)} of {len(names)} experiments: {said}."
    return Shown(tuple(name for name in names if name in taken), note)


def read_files(store: Store, study: StudyRecord) -> dict[str, Files]:
    """Read the small files of every trial, by its folder; one that can't be read is left out."""
    found: dict[str, Files] = {}
    for _, trial in study.trials():
        folder = store.trial(trial.folder)
        mine = found[trial.folder] = {}
        for name in SMALL:
            with contextlib.suppress(OSError):
                mine[name] = (folder / name).read_bytes()
    return found


def read_evidence(store: Store, tables: Tables, files: Mapping[str, Files], shown: Sequence[str]) -> Evidence:
    """Take the facts of every trial from its `files`, and read the predictions of the experiments `shown`."""
    states = {str(row["trial"]): str(row["state"]) for row in tables.failures.to_dict("records")}
    chosen = tables.scores[
        (tables.scores["split"] == "test")
        & (tables.scores["source"] == "all")
        & (tables.scores["metric"] == "auc")
    ]
    auc = dict(zip(chosen["trial"], chosen["value"], strict=True))
    runs, histories = [], []
    tests: dict[str, dict[Place, Part]] = {}
    for experiment in tables.study.experiments:
        name = experiment.name
        for trial in experiment.trials:
            folder = store.trial(trial.folder)
            state = states.get(folder.name, State.DONE)
            where: dict[str, Any] = {"experiment": name, "repeat": trial.repeat, "fold": trial.fold}
            where |= {"trial": folder.name, "key": trial.key[:SHORT]}
            mine = files[trial.folder]
            facts = _record(mine, METRICS)
            runs.append({**where, "state": state, "auc": auc.get(folder.name), **_facts(mine, facts)})
            if state == State.DONE and name in shown:
                histories.append(_history(mine).assign(**where, best_epoch=facts.get("best_epoch")))
                if (part := _test_rows(folder)) is not None:
                    place = (trial.repeat, trial.fold)
                    tests.setdefault(name, {})[place] = part
    filled = [each for each in histories if len(each)]
    history = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["experiment"])
    return Evidence(pd.DataFrame(runs, columns=RUNS, dtype=object), history, tests)


def costs(runs: pd.DataFrame, summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return what each experiment cost beside its score, a row an experiment, in the order of the study.

    Columns: number (from 1), experiment, parameters, seconds (of training a trial), device (cpu, cuda, or
    both), unit, hours (of all its trials), mean, ci_low, ci_high. On a CPU seconds are multiplied by the
    threads that they were spent on. What a trial did not record is NaN.
    """
    known = {str(row["experiment"]): row for row in whole_rows(summary, metric).to_dict("records")}
    finished: dict[str, list[dict[Any, Any]]] = {}
    for run in runs.to_dict("records"):
        mine = finished.setdefault(str(run["experiment"]), [])
        if run["state"] == State.DONE:
            mine.append(run)
    rows = []
    for number, (name, done) in enumerate(finished.items(), start=1):
        devices = sorted({str(run["device"]) for run in done if run["device"] is not None})
        seconds = [_spent(run) for run in done]
        counts = [float(run["parameters"]) for run in done if _is_number(run["parameters"])]
        score: Mapping[Any, Any] = known.get(name, {})
        rows.append(
            {
                "number": number,
                "experiment": name,
                "parameters": max(counts, default=math.nan),
                "seconds": sum(seconds) / len(seconds) if seconds else math.nan,
                "device": "+".join(devices),
                "unit": "thread seconds" if devices == ["cpu"] else "seconds",
                "hours": sum(seconds) / 3600 if seconds else math.nan,
                **{key: score.get(key, math.nan) for key in SCORE},
            }
        )
    return pd.DataFrame(rows, columns=COSTS)


def _spent(row: Mapping[Any, Any]) -> float:
    seconds = row["training_seconds"] if _is_number(row["training_seconds"]) else row["seconds"]
    if not _is_number(seconds):
        return math.nan
    threads = row["threads"] if _is_number(row["threads"]) else 1
    return spent(float(seconds), float(threads), row["device"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _facts(files: Files, metrics: Mapping[str, Any]) -> dict[str, Any]:
    trial = parse_trial(files.get(TRIAL, b""))
    run = trial.run if trial is not None else RunRecord()
    return {
        **{name: metrics.get(name) for name in FACTS},
        **{name: getattr(run, name) for name in ("host", "started", "command")},
        "device": metrics.get("device") or run.device,
        "environment": None if trial is None else run,
        "predictions_sha256": _record(files, DONE).get("predictions_sha256"),
    }


def _record(files: Files, name: str) -> dict[str, Any]:
    """Parse a record; an empty one when it is gone or damaged, which the page can live with."""
    try:
        content = json.loads(files.get(name, b""))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _history(files: Files) -> pd.DataFrame:
    """Parse a trial's history; an empty one when it is gone or damaged."""
    try:
        return pd.read_csv(io.BytesIO(files.get(HISTORY, b"")))
    except ValueError:
        return pd.DataFrame()


def _test_rows(folder: Path) -> Part | None:
    try:
        return read_predictions(folder, sha256=None).test
    except DAMAGE:
        return None
