"""Calibration of scores, before and after a correction, from stored predictions alone.

Each finished trial's calibrations are fitted on its inner validation rows and applied to its test rows; the
test rows are never looked at while fitting. calibration.csv has one row per trial and method, reliability.csv
the bins of the diagrams: the test rows of all folds of a complete experiment together, each calibrated by its
own trial, as they are (`none`) and after each method that could be fitted in every fold.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from orchestrator.analysis.rows import CalibrationRow, ReliabilityRow
from orchestrator.store.fingerprint import canonical_json
from orchestrator.store.predictions import Part, Predictions
from trainables.evaluation.calibration import METHODS, FitOutcome, Method, Parameters, calibrated, fit
from trainables.evaluation.proper_scores import brier_score
from trainables.evaluation.reliability import calibration_error, confidence_curve, reliability_bins

RAW = "none"
# The one method for any number of classes, which never changes which class is predicted.
TEMPERATURE: Method = "temperature"
NOT_FITTED: FitOutcome = "not fitted"
CALIBRATION = list(CalibrationRow.__annotations__)
RELIABILITY = list(ReliabilityRow.__annotations__)
# Fitted numbers that say something by themselves; isotonic steps are as many as there are validation rows.
SHOWN: tuple[Literal["temperature", "slope", "intercept"], ...] = ("temperature", "slope", "intercept")

Scored = tuple[np.ndarray, np.ndarray]


def calibrate(
    name: str, trials: Mapping[tuple[int, int], tuple[str, Predictions]], *, num_expected: int
) -> tuple[list[CalibrationRow], list[ReliabilityRow]]:
    """Compute the rows of calibration.csv and of reliability.csv of one experiment.

    Args:
        name: the experiment.
        trials: (repeat, fold) -> a finished trial's folder name and predictions.
        num_expected: how many trials its protocol asks for; with fewer there are no bins.

    A trial without validation rows has one row per method with the outcome `not fitted` and the reason.
    """
    rows: list[CalibrationRow] = []
    pooled: dict[str, list[Scored]] = {}
    for place, (trial, predictions) in trials.items():
        rows += _trial(name, place, trial, predictions, pooled)
    return rows, _bins(name, pooled) if len(trials) == num_expected else []


def fit_all(val: Part | None, *, num_classes: int) -> dict[Method, Parameters]:
    """Fit every method on a trial's inner validation rows, to be applied to its test rows.

    Without such rows each method is `not fitted`, with the reason.
    """
    if val is None:
        labels = np.zeros(0, dtype=np.int64)
        values = np.zeros(0) if num_classes == 2 else np.zeros((0, num_classes))
    else:
        labels, values = val.labels, val.probabilities
    return {method: fit(method, labels, values) for method in METHODS}


def temperatures(calibration: pd.DataFrame, name: str) -> dict[tuple[int, int], Parameters]:
    """Read from calibration.csv how an experiment's probabilities are scaled, by repeat and fold.

    Folds whose temperature could not be fitted are left out.
    """
    if calibration.empty:
        return {}
    rows = calibration[
        (calibration["experiment"] == name)
        & (calibration["method"] == TEMPERATURE)
        & (calibration["outcome"] != NOT_FITTED)
    ]
    return {
        # One at the limit is applied like any other.
        (int(row["repeat"]), int(row["fold"])): Parameters(
            method=TEMPERATURE, outcome="fitted", temperature=json.loads(row["parameters"])["temperature"]
        )
        for row in rows.to_dict("records")
    }


def _trial(
    name: str,
    place: tuple[int, int],
    trial: str,
    predictions: Predictions,
    pooled: dict[str, list[Scored]],
) -> list[CalibrationRow]:
    """The rows of one trial; its test rows, as they are and calibrated, are added to `pooled`."""
    test = predictions.test
    labels, scores = _in_order(test)
    ece_before = calibration_error(labels, scores)
    # Of the rows as they lie, so that the sum has the last digit that scores.csv has.
    brier_before = brier_score(test.labels, test.probabilities)
    pooled.setdefault(RAW, []).append((labels, scores))
    rows: list[CalibrationRow] = []
    for method, parameters in fit_all(predictions.val, num_classes=test.num_classes).items():
        after = None if parameters["outcome"] == NOT_FITTED else calibrated(parameters, scores)
        if after is not None:
            pooled.setdefault(method, []).append((labels, after))
        rows.append(
            {
                "experiment": name,
                "repeat": place[0],
                "fold": place[1],
                "method": method,
                "outcome": parameters["outcome"],
                "reason": parameters["reason"],
                "parameters": canonical_json({key: parameters[key] for key in SHOWN if key in parameters}),
                "n_val": parameters["num_rows"],
                "n_test": len(labels),
                "ece_before": ece_before,
                "ece_after": None if after is None else calibration_error(labels, after),
                "brier_before": brier_before,
                "brier_after": None if after is None else brier_score(labels, after),
                "trial": trial,
            }
        )
    return rows


def _in_order(part: Part) -> Scored:
    """Labels and probabilities, those of two classes by rising score.

    No calibration of two classes turns an order round, so what comes later need not be sorted again.
    """
    if part.probabilities.ndim != 1:
        return part.labels, part.probabilities
    order = np.argsort(part.probabilities, kind="stable")
    return part.labels[order], part.probabilities[order]


def _bins(name: str, pooled: Mapping[str, Sequence[Scored]]) -> list[ReliabilityRow]:
    """The bins of every method that was fitted in each fold."""
    found: list[ReliabilityRow] = []
    for method in (RAW, *METHODS):
        parts = pooled.get(method, ())
        if not parts or len(parts) != len(pooled[RAW]):
            continue
        labels, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        bins = reliability_bins(confidence_curve(labels, values))
        ece, brier = bins.error(), brier_score(labels, values)
        for number in range(len(bins.counts)):
            found.append(
                {
                    "experiment": name,
                    "method": method,
                    "bin": number,
                    "n": int(bins.counts[number]),
                    "mean_confidence": float(bins.mean_confidence[number]),
                    "accuracy": float(bins.accuracy[number]),
                    "low": float(bins.low[number]),
                    "high": float(bins.high[number]),
                    "ece": ece,
                    "brier": brier,
                    "n_rows": len(labels),
                }
            )
    return found
