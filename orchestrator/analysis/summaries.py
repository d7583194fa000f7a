"""Means over folds with their intervals, by experiment and by source; counts of confusions; what is missing.

A mean over an incomplete set of folds does not exist: its row has n and n_expected, and no number.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.calibrate import CALIBRATION, RELIABILITY
from orchestrator.analysis.experiment_scores import Gathered, Slice
from orchestrator.analysis.rows import HoldoutRow, SummaryRow
from orchestrator.analysis.trial_scores import ALL
from orchestrator.statistics import Interval, corrected_intervals
from trainables.evaluation.metrics import is_rate

SUMMARY = list(SummaryRow.__annotations__)
PER_SOURCE = [
    "experiment", "source", "metric", "n", "n_expected", "mean", "std", "ci_low", "ci_high", "is_worst",
    "reason",
]  # fmt: skip
HOLDOUT = [name for name in HoldoutRow.__annotations__ if name != "by_fold"]
CONFUSION = ["experiment", "repeat", "fold", "actual", "predicted", "count"]
FAILURES = ["experiment", "repeat", "fold", "state", "reason", "trial"]
MISSING = ["experiment", "repeat", "fold", "split", "source", "metric", "reason", "trial"]
NOTHING = (None, None, None, None)


def summary_table(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return summary.csv: the t interval over folds, and the bootstrap's where the metric has one."""
    rows = []
    for experiment in experiments:
        found = _intervals(experiment)
        for source, metric in _ordered(experiment):
            n, interval = found[source, metric]
            numbers = _numbers(interval)
            bounds = experiment.bounds.get(metric) if source == ALL and interval is not None else None
            row = (experiment.name, metric, source, n, experiment.expected)
            rows.append((*row, *numbers, *(bounds or (None, None))))
    return _frame(rows, SUMMARY)


def per_source(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return per_source.csv: rates and AUC of each source, and the variance of the AUCs over sources.

    is_worst marks the source with the lowest mean AUC, where two sources or more have one.
    """
    rows = []
    for experiment in experiments:
        found = _intervals(experiment)
        aucs = {
            source: interval.mean
            for (source, metric), (_, interval) in found.items()
            if source != ALL and metric == "auc" and interval is not None
        }
        worst = min(aucs, key=lambda source: (aucs[source], source)) if len(aucs) > 1 else None
        for source, metric in _ordered(experiment):
            if source == ALL and metric != "source_auc_variance":
                continue
            n, interval = found[source, metric]
            is_worst = "yes" if metric == "auc" and source == worst else ""
            row = (experiment.name, source, metric, n, experiment.expected)
            reason = experiment.why_missing(source, metric)
            rows.append((*row, *_numbers(interval), is_worst, reason))
    return _frame(rows, PER_SOURCE)


def holdouts(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return holdout.csv: AUC on the sources trained on, on each held-out one, and the difference (delta)."""
    rows = [{"experiment": each.name, **row} for each in experiments for row in each.holdout]
    return pd.DataFrame(rows, columns=HOLDOUT)


def confusions(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return confusion.csv: the test rows of each fold by actual and predicted class."""
    rows = [
        (experiment.name, *place, *counts)
        for experiment in experiments
        for place, trial in experiment.trials.items()
        for counts in trial.confusion
    ]
    return pd.DataFrame(rows, columns=CONFUSION)


def calibrations(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return calibration.csv: error before and after, one row per trial and method; see `calibrate`."""
    return pd.DataFrame([row for each in experiments for row in each.calibration], columns=CALIBRATION)


def reliabilities(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return reliability.csv: the bins of the diagrams, of complete experiments."""
    return pd.DataFrame([row for each in experiments for row in each.reliability], columns=RELIABILITY)


def failures(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return failures.csv: every planned trial that has no scores, its state and the reason."""
    rows = [
        (experiment.name, *place, problem.state, problem.reason, experiment.folders[place].name)
        for experiment in experiments
        for place, problem in experiment.problems.items()
    ]
    return pd.DataFrame(rows, columns=FAILURES)


def missing(experiments: Sequence[Gathered]) -> pd.DataFrame:
    """Return missing.csv: every score that does not exist though its trial is finished, and the reason."""
    rows = [
        (experiment.name, *place, *row, experiment.folders[place].name)
        for experiment in experiments
        for place, trial in experiment.trials.items()
        for row in trial.missing
    ]
    return pd.DataFrame(rows, columns=MISSING)


def _intervals(experiment: Gathered) -> dict[Slice, tuple[int, Interval | None]]:
    """How many folds have each slice and metric, and the interval where all have it."""
    found: dict[Slice, tuple[int, Interval | None]] = {
        each: (len(experiment.values.get(each, ())), None) for each in _ordered(experiment)
    }
    whole = [each for each, (n, _) in found.items() if n == experiment.expected]
    if whole:
        values = np.array([[value for _, value in sorted(experiment.values[each].items())] for each in whole])
        intervals = corrected_intervals(
            values,
            test_share=experiment.test_share,
            folds=experiment.folds,
            steps=[experiment.step(source) if is_rate(metric) else None for source, metric in whole],
        )
        found |= {each: (interval.n, interval) for each, interval in zip(whole, intervals, strict=True)}
    return found


def _ordered(experiment: Gathered) -> Iterator[Slice]:
    """All rows together first, then the sources by name; metrics in the order in which they are computed."""
    known = dict.fromkeys([*experiment.values, *experiment.reasons])
    return iter(sorted(known, key=lambda each: (each[0] != ALL, each[0])))


def _numbers(interval: Interval | None) -> tuple[float | None, ...]:
    return NOTHING if interval is None else (interval.mean, interval.std, interval.low, interval.high)


def _frame(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    numbers = [
        name for name in ("mean", "std", "ci_low", "ci_high", "boot_low", "boot_high") if name in frame
    ]
    return frame.astype(dict.fromkeys(numbers, float))
