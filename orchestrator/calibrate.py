"""How far scores can be taken at their word, before and after calibration, from stored predictions alone.

Each finished trial's calibrations are fitted on its inner validation rows and applied to its test rows; the
test rows are never looked at while fitting. calibration.csv has a row a trial and method, reliability.csv the
bins of the diagrams: the test rows of all folds of a complete experiment together, each calibrated by its own
trial, as they are (`none`) and after each method that could be fitted in every fold.

What an experiment gave is kept in cache/calibration, named by the trials' prediction hashes and this code, so
that the next call computes what is new alone.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.finished import (
    FinishedTrial,
    FoundExperiment,
    Place,
    found_experiment,
    read_trial,
)
from orchestrator.identity import canonical_json, fingerprint
from orchestrator.store import Store, read_record, trial_state
from trainables.evaluation import calibration, reliability
from trainables.evaluation.calibration import METHODS, Method, calibrated, fit
from trainables.evaluation.reliability import brier_score, calibration_error, claims, reliability_bins
from trainables.files import replace_file
from trainables.trial_files import DONE

RAW = "none"
CACHE = "calibration"
CALIBRATION = [
    "experiment", "repeat", "fold", "method", "outcome", "reason", "parameters", "n_val", "n_test",
    "ece_before", "ece_after", "brier_before", "brier_after", "trial",
]  # fmt: skip
RELIABILITY = [
    "experiment", "method", "bin", "n", "claimed", "came_true", "low", "high", "ece", "brier", "n_rows",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class CalibrationTables:
    """calibration.csv and reliability.csv, with the columns CALIBRATION and RELIABILITY."""

    calibration: pd.DataFrame
    reliability: pd.DataFrame


def calibrate(store: Store, study: Mapping[str, Any]) -> CalibrationTables:
    """Compute both tables of a phase's record.

    A trial that is not finished, or is damaged, is left out: failures.csv names it. One without validation
    rows has a row a method with the outcome `not fitted` and the reason.
    """
    rows: list[dict[str, Any]] = []
    bins: list[dict[str, Any]] = []
    for record in study["experiments"]:
        found = _experiment(store, found_experiment(store, record))
        rows += found["rows"]
        bins += found["bins"]
    return CalibrationTables(pd.DataFrame(rows, columns=CALIBRATION), pd.DataFrame(bins, columns=RELIABILITY))


def write_calibration(folder: Path, tables: CalibrationTables) -> None:
    """Write calibration.csv and reliability.csv to `folder`: same inputs, same bytes."""
    for name in ("calibration", "reliability"):
        with replace_file(folder / f"{name}.csv") as partial:
            getattr(tables, name).to_csv(partial, index=False, lineterminator="\n")


def trial_calibrations(trial: FinishedTrial) -> dict[Method, calibration.Parameters]:
    """Fit every method on a trial's inner validation rows: what `predict` applies to new images."""
    labels, values = trial.scored("val")
    return {method: fit(method, labels, values) for method in METHODS}


def _experiment(store: Store, experiment: FoundExperiment) -> dict[str, Any]:
    path = _cache_file(store, experiment)
    known = read_record(path) if path is not None else None
    if known is not None and {"rows", "bins"} <= known.keys():
        return known
    folders = sorted(experiment.folders.items())
    trials = {
        place: found
        for place, folder in folders
        if isinstance(found := read_trial(folder), FinishedTrial) and len(found.scored("test")[0])
    }
    rows: list[dict[str, Any]] = []
    pooled: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for place, trial in trials.items():
        rows += _trial(experiment.name, place, trial, pooled)
    is_complete = len(trials) == experiment.expected
    bins = _bins(experiment.name, pooled, num_folds=len(trials)) if is_complete else []
    content = {"rows": rows, "bins": bins}
    if path is not None and len(trials) == len(folders):
        with replace_file(path) as partial:
            partial.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    return content


def _trial(
    name: str, place: Place, trial: FinishedTrial, pooled: dict[str, list[tuple[np.ndarray, np.ndarray]]]
) -> list[dict[str, Any]]:
    """The rows of one trial; its test rows, as they are and calibrated, are added to `pooled`."""
    labels, scores = trial.scored("test")
    before = {"ece_before": calibration_error(labels, scores), "brier_before": brier_score(labels, scores)}
    pooled.setdefault(RAW, []).append((labels, scores))
    rows = []
    for method, parameters in trial_calibrations(trial).items():
        row = {"experiment": name, "repeat": place[0], "fold": place[1], "method": method}
        row |= {"outcome": parameters["outcome"], "reason": parameters["reason"]}
        row |= {"parameters": canonical_json(parameters), "n_val": parameters["num_rows"]}
        row |= {"n_test": len(labels)}
        row |= {**before, "ece_after": None, "brier_after": None, "trial": trial.folder.name}
        if parameters["outcome"] != "not fitted":
            after = calibrated(parameters, scores)
            row |= {"ece_after": calibration_error(labels, after), "brier_after": brier_score(labels, after)}
            pooled.setdefault(method, []).append((labels, after))
        rows.append(row)
    return rows


def _bins(
    name: str, pooled: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]], *, num_folds: int
) -> list[dict[str, Any]]:
    """The bins of every method that was fitted in each fold."""
    found = []
    for method in (RAW, *METHODS):
        parts = pooled.get(method, ())
        if not parts or len(parts) != num_folds:
            continue
        labels, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        bins = reliability_bins(*claims(labels, values))
        whole = {"ece": bins.error(), "brier": brier_score(labels, values), "n_rows": len(labels)}
        for number in range(len(bins.counts)):
            found.append(
                {
                    "experiment": name,
                    "method": method,
                    "bin": number,
                    "n": int(bins.counts[number]),
                    "claimed": float(bins.claimed[number]),
                    "came_true": float(bins.came_true[number]),
                    "low": float(bins.low[number]),
                    "high": float(bins.high[number]),
                    **whole,
                }
            )
    return found


def _cache_file(store: Store, experiment: FoundExperiment) -> Path | None:
    """Name what was kept of these trials; None where one is not finished or says no hash."""
    hashes = []
    for place, folder in sorted(experiment.folders.items()):
        done = read_record(folder / DONE) if trial_state(folder) == "done" else None
        if done is None or "predictions_sha256" not in done:
            return None
        hashes.append([*place, folder.name, done["predictions_sha256"]])
    key = fingerprint([experiment.name, experiment.expected, hashes, _code()])
    return store.cache / CACHE / f"{key[:24]}.json"


@functools.cache
def _code() -> str:
    """Name the code that computes: a change of it makes what was kept worthless."""
    here = inspect.getsourcefile(calibrate)
    digest = hashlib.sha256(np.__version__.encode())
    for file in (here, calibration.__file__, reliability.__file__):
        digest.update(Path(str(file)).read_bytes())
    return digest.hexdigest()
