"""Two finished experiments against each other, whatever phase they ran in: test scores, paired by fold.

First of all the folds: both must have all their trials and the same fold file, and each fold must have been
tested on the same images (path, group and label). Otherwise the verdict is `incomplete`, with the reason, and
there are no numbers.

Differences are other - baseline. The test is the corrected resampled t-test, the probabilities are those of
the Bayesian correlated t-test; better (worse) when p < 0.05 and p_better (p_worse) > 0.95, equivalent when
p_equivalent > 0.95, else undecided. One comparison that somebody asks for is corrected for no other: a phase
declares its comparisons beforehand and corrects for all of them.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.equivalence import chances
from orchestrator.finished import (
    FinishedTrial,
    FoundExperiment,
    Place,
    Unfinished,
    find_experiment,
    probabilities,
    read_trial,
)
from orchestrator.problems import nearest
from orchestrator.statistics import corrected_paired_t_test
from orchestrator.store import Store
from trainables.errors import InputError
from trainables.evaluation.metrics import LOWER_IS_BETTER, auc, compute_metrics

ALL = "all"
SIGNIFICANT, SURE = 0.05, 0.95
RATES = ("auc", "detection_rate", "false_alarm_rate")
# Of the rates of a source.
_LOWER = {*LOWER_IS_BETTER, "false_alarm_rate"}

Scores = dict[tuple[str, str], dict[Place, float]]


def compare(store: Store, baseline: str, other: str, *, metric: str, rope: float) -> dict[str, Any]:
    """Compare two finished experiments.

    Returns:
        Plain JSON values: baseline, other, metric, verdict, reason (of `incomplete`), n, mean and std of
        both, mean_diff, std_diff, ci_low, ci_high, p_value, rope, p_worse, p_equivalent, p_better,
        min_detectable (the smallest difference that would have been significant with this spread), and
        `sources`: the same for each source's rates.

    Raises:
        InputError: an unknown experiment or metric, or one experiment given twice.
    """
    sides = (find_experiment(store, baseline), find_experiment(store, other))
    if sides[0].folders == sides[1].folders:
        raise InputError(f"{baseline} and {other} are the same trials; compare two different experiments")
    found: dict[str, Any] = {
        "baseline": baseline, "other": other, "metric": metric, "rope": rope, "better_is": _direction(metric),
    }  # fmt: skip
    trials = [_read_all(side) for side in sides]
    reason = next((each for each in trials if isinstance(each, str)), "") or _unpaired(sides, trials)
    if reason:
        return {**found, "verdict": "incomplete", "reason": reason, "n": 0, "sources": []}
    scores = [_scores(each) for each in trials if not isinstance(each, str)]
    _check_metric(metric, scores)
    missing = _missing(sides, trials, scores, metric)
    if missing:
        return {**found, "verdict": "incomplete", "reason": missing, "n": 0, "sources": []}
    share = float(np.mean([_test_share(each) for each in trials if not isinstance(each, str)]))
    measured = _measure(scores, (ALL, metric), share=share, rope=rope)
    assert measured is not None, "what is missing was said before"
    rates = sorted({key for key in scores[0] if key[0] != ALL} & scores[1].keys(), key=_order)
    sources = [
        {"source": source, "metric": rate, "better_is": _direction(rate), **row}
        for source, rate in rates
        if (row := _measure(scores, (source, rate), share=share, rope=rope)) is not None
    ]
    return {**found, "reason": "", **measured, "sources": sources}


def _direction(metric: str) -> str:
    return "lower" if metric in _LOWER else "higher"


def _order(key: tuple[str, str]) -> tuple[str, int]:
    return key[0], RATES.index(key[1])


def _read_all(experiment: FoundExperiment) -> dict[Place, FinishedTrial] | str:
    """Read every trial, or say what is missing."""
    trials: dict[Place, FinishedTrial] = {}
    for place, folder in sorted(experiment.folders.items()):
        found = read_trial(folder)
        if isinstance(found, Unfinished):
            return f"{experiment.name}, {_called(place)} is {found.state}: {found.reason}"
        trials[place] = found
    if len(trials) != experiment.expected:
        return f"{experiment.name} has {len(trials)} of {experiment.expected} folds"
    return trials


def _unpaired(sides: tuple[FoundExperiment, FoundExperiment], trials: list[Any]) -> str:
    """Say why two experiments can't be paired by fold; empty where they can."""
    one, other = trials
    if one.keys() != other.keys():
        return f"{sides[0].name} has {len(one)} folds, {sides[1].name} has {len(other)}"
    for place in one:
        if one[place].rows_key("test") != other[place].rows_key("test"):
            counts = " and ".join(str(len(each[place].scored("test")[0])) for each in (one, other))
            return f"{_called(place)} of the two was not tested on the same images ({counts})"
    files = [side.fold_files for side in sides]
    if None not in files and files[0] != files[1]:
        # The test parts agree and the rest does not: one learned from images that the other never had.
        return "the two were not split by the same fold file"
    return ""


def _called(place: Place) -> str:
    return f"fold {place[1]}" if place[0] == 0 else f"repeat {place[0]} fold {place[1]}"


def _test_share(trials: Mapping[Place, FinishedTrial]) -> float:
    """n_test / n_train, where n_train counts the inner validation rows too."""
    every = trials.values()
    return sum(trial.n_test for trial in every) / sum(trial.n_train + trial.n_val for trial in every)


def _scores(trials: Mapping[Place, FinishedTrial]) -> Scores:
    """Compute test scores by (source, metric) and fold; what does not exist is left out."""
    scores: Scores = {}
    for place, trial in trials.items():
        rows = trial.rows("test")
        labels, values, predicted = (
            rows["label"].to_numpy(),
            probabilities(rows),
            rows["predicted"].to_numpy(),
        )
        found = {
            (ALL, name): value for name, value in compute_metrics(labels, values, predicted=predicted).items()
        }
        if values.ndim == 1:
            found |= _rates(rows)
        for key, value in found.items():
            if value is not None:
                scores.setdefault(key, {})[place] = value
    return scores


def _rates(rows: pd.DataFrame) -> dict[tuple[str, str], float | None]:
    """The rates of each source: of its fakes, found, and the AUC against all real images; of its real ones,
    false alarms.
    """
    found: dict[tuple[str, str], float | None] = {}
    real = rows[rows["label"] == 0]
    for source, part in rows.groupby("source", sort=True):
        name = str(source)
        for label, rate in ((1, "detection_rate"), (0, "false_alarm_rate")):
            mine = part[part["label"] == label]
            if len(mine):
                found[name, rate] = float((mine["predicted"] == 1).mean())
        fakes = part[part["label"] == 1]
        if len(fakes):
            both = pd.concat([real, fakes])
            found[name, "auc"] = auc(both["label"].to_numpy(), both["score"].to_numpy())
    return found


def _check_metric(metric: str, scores: list[Scores]) -> None:
    known = sorted({name for each in scores for source, name in each if source == ALL})
    if metric not in known:
        raise InputError(f"--metric {metric} is none of these experiments; {nearest(metric, known)}")


def _missing(
    sides: tuple[FoundExperiment, FoundExperiment], trials: list[Any], scores: list[Scores], metric: str
) -> str:
    """Say which fold has no such score, for example the AUC of one class."""
    for side, every, found in zip(sides, trials, scores, strict=True):
        for place in every:
            if place not in found.get((ALL, metric), {}):
                return f"{side.name}, {_called(place)} has no {metric} (one class?)"
    return ""


def _measure(
    scores: list[Scores], key: tuple[str, str], *, share: float, rope: float
) -> dict[str, Any] | None:
    """Compare one score over all folds; None where a fold of a side does not have it."""
    num_folds = max(len(values) for values in scores[0].values())
    both = [each.get(key, {}) for each in scores]
    if any(len(each) != num_folds for each in both):
        return None
    one, other = (np.array([each[place] for place in sorted(each)]) for each in both)
    test = corrected_paired_t_test(one, other, test_share=share)
    found = chances(other - one, test_share=share, rope=rope)
    worse, better = (found.above, found.below) if key[1] in _LOWER else (found.below, found.above)
    n, std = test.difference.n, test.difference.std
    numbers = {
        "baseline_mean": float(np.mean(one)),
        "baseline_std": float(np.std(one, ddof=1)) if n > 1 else math.nan,
        "other_mean": float(np.mean(other)),
        "other_std": float(np.std(other, ddof=1)) if n > 1 else math.nan,
        "mean_diff": test.difference.mean,
        "std_diff": std,
        "ci_low": test.difference.low,
        "ci_high": test.difference.high,
        "p_value": test.p_value,
        "p_worse": worse,
        "p_equivalent": found.within,
        "p_better": better,
        # With this spread a difference is significant from half the interval's width on.
        "min_detectable": (test.difference.high - test.difference.low) / 2,
    }
    row = {name: None if math.isnan(value) else value for name, value in numbers.items()}
    return {"verdict": _verdict(numbers), "n": n, **row}


def _verdict(numbers: Mapping[str, float]) -> str:
    if numbers["p_value"] < SIGNIFICANT:
        for side in ("better", "worse"):
            if numbers[f"p_{side}"] > SURE:
                return side
    return "equivalent" if numbers["p_equivalent"] > SURE else "undecided"
