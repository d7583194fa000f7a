"""Settings that the sweeps of a phase tried, with the deciding score of each and the best one so far.

One row per number of a sweep: failed settings have one too, so that what was tried is never fewer than what
is said. `mean` is over the folds of a finished experiment; an incomplete one has none. The interval is that
of every mean of validation scores: the corrected t interval of its folds.
"""

import json
from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import pandas as pd

from orchestrator.analysis.deciding import deciding_scores
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.headline import deciding_metric
from orchestrator.analysis.trial_scores import independent_folds
from orchestrator.statistics import corrected_interval, corrected_rate
from orchestrator.store.folder import State
from orchestrator.store.records import StudyRecord
from orchestrator.store.sweep_record import SweepRecord, TriedSetting
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate

FINISHED, FAILED, UNFINISHED, UNSCORED = "finished", "failed", "unfinished", "no deciding score"


class TriedRow(TypedDict):
    """A row of tried.csv: a setting of a sweep, its values as JSON, and its mean deciding score.

    `sweep` is the place of the sweep in the phase, from 1. NaN where a setting has no score.
    """

    sweep: int
    kind: str
    base: str
    number: int
    experiment: str
    settings: str
    state: str
    metric: str
    n: int
    n_expected: int
    mean: float
    ci_low: float
    ci_high: float
    best_so_far: float


def tried_table(study: StudyRecord, experiments: Mapping[str, Gathered]) -> pd.DataFrame:
    """Return the rows of tried.csv: every setting of every sweep, in their order."""
    metric = deciding_metric(study.phase.decision)
    rows: list[TriedRow] = []
    for place, sweep in enumerate(study.sweeps, start=1):
        best = np.nan
        for setting in sweep.settings:
            row = _row(place, sweep, setting, experiments.get(setting.experiment), metric)
            best = (np.fmin if metric in LOWER_IS_BETTER else np.fmax)(best, row["mean"])
            rows.append({**row, "best_so_far": float(best)})
    return pd.DataFrame(rows, columns=list(TriedRow.__annotations__))


def has_failed(experiment: Gathered) -> bool:
    """Whether a trial of an experiment has failed."""
    return any(problem.state == State.FAILED for problem in experiment.problems.values())


def _row(
    place: int, sweep: SweepRecord, setting: TriedSetting, experiment: Gathered | None, metric: str
) -> TriedRow:
    row: TriedRow = {
        "sweep": place,
        "kind": "search" if sweep.is_search else "grid",
        "base": sweep.base,
        "number": setting.number,
        "experiment": setting.experiment,
        "settings": json.dumps({key: setting.values.get(key) for key in sweep.keys}),
        "state": UNFINISHED,
        "metric": metric,
        "n": 0,
        "n_expected": 0,
        "mean": np.nan,
        "ci_low": np.nan,
        "ci_high": np.nan,
        "best_so_far": np.nan,
    }
    if experiment is None:
        return row
    row = {**row, "n": len(experiment.trials), "n_expected": experiment.expected}
    if not experiment.is_complete:
        return {**row, "state": FAILED if has_failed(experiment) else UNFINISHED}
    found = deciding_scores(experiment.trials, metric)
    if len(found) < experiment.expected:
        return {**row, "state": UNSCORED}
    values = np.array(list(found.values()))
    trials, folds = experiment.trials.values(), independent_folds(experiment.trials)
    share = sum(each.n_val for each in trials) / sum(each.n_train - each.n_val for each in trials)
    interval = (
        corrected_rate(values, test_share=share, folds=folds, step=0.0)
        if is_rate(metric)
        else corrected_interval(values, test_share=share, folds=folds)
    )
    return {
        **row,
        "state": FINISHED,
        "mean": interval.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }
