"""results/ to tables: scores, summary, comparisons, failures, shortcuts. No Ray, MLflow, GPU or images.

Scores are computed again from each trial's stored predictions. A trial that is not there is a row in
failures.csv and makes its experiment incomplete: an incomplete set of folds is never averaged. Same results,
same bytes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.shortcuts import shortcut_table
from orchestrator.statistics import Interval, corrected_interval, corrected_paired_t_test
from orchestrator.store import Store, read_record, trial_state
from trainables.evaluation.metrics import auc, compute_metrics
from trainables.evaluation.thresholds import ThresholdMetric, best_threshold
from trainables.files import replace_file
from trainables.recipe import count_folds
from trainables.trial_files import ERROR, METRICS, PREDICTIONS

ALL = "all"
TUNED = "_tuned"
AT_A_THRESHOLD = ("accuracy", "balanced_accuracy", "f1", "precision", "recall")
SIGNIFICANT = 0.05
SCORES = ["experiment", "repeat", "fold", "split", "source", "metric", "value", "trial"]
SUMMARY = [
    "experiment", "metric", "source", "n", "n_expected", "mean", "std",
    "ci_low", "ci_high", "boot_low", "boot_high",
]  # fmt: skip
COMPARISONS = [
    "question", "baseline", "treatment", "metric", "source", "n", "mean_diff", "std_diff",
    "ci_low", "ci_high",
    "p_value", "p_holm", "p_wilcoxon", "p_worse", "p_equivalent", "p_better", "min_detectable", "verdict",
]  # fmt: skip
FAILURES = ["experiment", "repeat", "fold", "state", "reason", "trial"]


@dataclass(frozen=True, slots=True)
class Tables:
    """A phase's tables, with the columns named above, and the study record that they come from."""

    study: Mapping[str, Any]
    scores: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    failures: pd.DataFrame

    @property
    def shortcuts(self) -> pd.DataFrame:
        """What file facts and trivial pixels alone reach on the same folds; see `shortcuts`."""
        return shortcut_table(self.study)

    def complete(self) -> bool:
        """Tell whether every planned trial is finished."""
        return self.failures.empty


def collect(store: Store, phase: str) -> Tables:
    """Compute a phase's tables from results/ and write them to collected/<phase>/."""
    study = store.study(phase)
    scores: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    sizes: dict[str, list[tuple[int, int]]] = {}
    for experiment in study["experiments"]:
        for trial in experiment["trials"]:
            folder = store.root / trial["folder"]
            where = {"experiment": experiment["name"], "repeat": trial["repeat"], "fold": trial["fold"]}
            found, problem = _read_trial(folder, where, experiment["threshold_by"])
            if found is None:
                failures.append({**where, **problem, "trial": folder.name})
                continue
            scores += found.scores
            sizes.setdefault(experiment["name"], []).append(found.sizes)
    score_table = pd.DataFrame(scores, columns=SCORES)
    shares = {name: _test_share(counts) for name, counts in sizes.items()}
    tables = Tables(
        study,
        score_table,
        _summary(study, score_table, shares),
        _comparisons(study, score_table, shares),
        pd.DataFrame(failures, columns=FAILURES),
    )
    _write(store.collected(phase), tables)
    return tables


def num_expected(experiment: Mapping[str, Any]) -> int:
    """Return how many trials the experiment's protocol asks for."""
    recipe = experiment["recipe"]
    return count_folds(recipe["protocol"], int(recipe["cv_folds"])) * int(recipe["cv_repeats"])


@dataclass(frozen=True, slots=True)
class _Found:
    """What a finished trial holds: rows of scores.csv, and its (n_test, n_train)."""

    scores: list[dict[str, Any]]
    sizes: tuple[int, int]


def _read_trial(
    folder: Path, where: Mapping[str, Any], threshold_by: ThresholdMetric
) -> tuple[_Found | None, dict[str, str]]:
    """Read a trial; without one, say its state and the reason."""
    state = trial_state(folder)
    if state != "done":
        error = read_record(folder / ERROR) or {}
        reason = error.get("message") or {"running": "still running"}.get(state, "not run to its end yet")
        return None, {"state": state, "reason": str(reason)}
    try:
        metrics = _all_metrics(pd.read_parquet(folder / PREDICTIONS), threshold_by)
        sizes = _sizes(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return None, {"state": "unreadable", "reason": f"{text}; delete the trial's folder to run it again"}
    rows = [
        {**where, "split": split, "source": source, "metric": name, "value": value, "trial": folder.name}
        for split, source, name, value in metrics
        if value is not None
    ]
    return _Found(rows, sizes), {}


def _all_metrics(
    predictions: pd.DataFrame, threshold_by: ThresholdMetric
) -> list[tuple[str, str, str, float | None]]:
    columns = [
        name for name in predictions.columns if name == "score" or (name[:1] == "p" and name[1:].isdigit())
    ]
    found: list[tuple[str, str, str, float | None]] = []
    for split in ("test", "val"):
        rows = predictions[predictions["split"] == split]
        if rows.empty and split == "val":
            # What has nothing to select keeps no validation rows.
            continue
        probabilities = rows[columns].to_numpy() if len(columns) > 1 else rows["score"].to_numpy()
        metrics = compute_metrics(
            rows["label"].to_numpy(), probabilities, predicted=rows["predicted"].to_numpy()
        )
        found += [(split, ALL, name, value) for name, value in metrics.items()]
    if columns == ["score"]:
        found += _source_metrics(predictions[predictions["split"] == "test"])
        found += _tuned_metrics(predictions, threshold_by)
    return found


def _tuned_metrics(
    predictions: pd.DataFrame, threshold_by: ThresholdMetric
) -> list[tuple[str, str, str, float | None]]:
    """The test metrics that hang on a threshold, at the one that suits the inner validation rows best."""
    val, test = (predictions[predictions["split"] == split] for split in ("val", "test"))
    threshold = best_threshold(val["label"].to_numpy(), val["score"].to_numpy(), metric=threshold_by)
    if threshold is None:
        return []
    scores = test["score"].to_numpy()
    decided = (scores >= threshold).astype(np.int64)
    metrics = compute_metrics(test["label"].to_numpy(), scores, predicted=decided)
    found = [("test", ALL, f"{name}{TUNED}", metrics[name]) for name in AT_A_THRESHOLD]
    return [("test", ALL, "threshold", threshold), *found]


def _source_metrics(rows: pd.DataFrame) -> list[tuple[str, str, str, float | None]]:
    """A fake source: how many are found, and the AUC against all real images. A real one: false alarms."""
    found: list[tuple[str, str, str, float | None]] = []
    real = rows[rows["label"] == 0]
    for source, part in rows.groupby("source", sort=True):
        share = float((part["predicted"] == 1).mean())
        if (part["label"] == 0).all():
            found.append(("test", str(source), "false_alarm_rate", share))
        else:
            both = pd.concat([real, part])
            value = auc(both["label"].to_numpy(), both["score"].to_numpy())
            found += [("test", str(source), "detection_rate", share), ("test", str(source), "auc", value)]
    return found


def _sizes(folder: Path) -> tuple[int, int]:
    metrics = read_record(folder / METRICS) or {}
    return int(metrics["n_test"]), int(metrics["n_train"]) + int(metrics["n_val"])


def _test_share(sizes: list[tuple[int, int]]) -> float:
    return sum(test for test, _ in sizes) / sum(train for _, train in sizes)


def _summary(study: Mapping[str, Any], scores: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    expected = {experiment["name"]: num_expected(experiment) for experiment in study["experiments"]}
    order = {name: position for position, name in enumerate(expected)}
    rows: list[dict[str, Any]] = []
    test = scores[scores["split"] == "test"]
    for (name, source, metric), group in test.groupby(["experiment", "source", "metric"], sort=False):
        row: dict[str, Any] = {"experiment": name, "metric": metric, "source": source, "n": len(group)}
        row["n_expected"] = expected[str(name)]
        if len(group) == expected[str(name)]:
            interval = corrected_interval(group["value"].to_numpy(), test_share=shares[str(name)])
            row |= {
                "mean": interval.mean,
                "std": interval.std,
                "ci_low": interval.low,
                "ci_high": interval.high,
            }
        rows.append(row)
    rows.sort(key=lambda row: (order[row["experiment"]], row["source"] != ALL, row["source"]))
    return pd.DataFrame(rows, columns=SUMMARY)


def _comparisons(study: Mapping[str, Any], scores: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    experiments = {experiment["name"]: experiment for experiment in study["experiments"]}
    rows = []
    for asked in study["phase"]["comparisons"]:
        sides = [experiments[asked[side]] for side in ("baseline", "treatment")]
        for metric in asked["metrics"]:
            row = {
                "question": asked["question"],
                "baseline": asked["baseline"],
                "treatment": asked["treatment"],
                "metric": metric,
                "source": ALL,
            }
            rows.append(row | _compare(sides, metric, scores, shares))
    return pd.DataFrame(rows, columns=COMPARISONS)


def _compare(
    sides: list[dict[str, Any]], metric: str, scores: pd.DataFrame, shares: Mapping[str, float]
) -> dict[str, Any]:
    chosen = scores[(scores["split"] == "test") & (scores["source"] == ALL) & (scores["metric"] == metric)]
    baseline, treatment = (
        chosen[chosen["experiment"] == side["name"]].set_index(["repeat", "fold"])["value"] for side in sides
    )
    pairs = pd.concat(
        [baseline, treatment], axis=1, join="inner", keys=["baseline", "treatment"]
    ).sort_index()
    same_folds = sides[0]["fold_files"] == sides[1]["fold_files"]
    if not same_folds or any(len(pairs) != num_expected(side) for side in sides):
        return {"n": len(pairs) if same_folds else 0, "verdict": "incomplete"}
    share = float(np.mean([shares[side["name"]] for side in sides]))
    test = corrected_paired_t_test(
        pairs["baseline"].to_numpy(), pairs["treatment"].to_numpy(), test_share=share
    )
    return {
        "n": test.difference.n,
        "mean_diff": test.difference.mean,
        "std_diff": test.difference.std,
        "ci_low": test.difference.low,
        "ci_high": test.difference.high,
        "p_value": test.p_value,
        "verdict": _verdict(metric, test.difference, test.p_value),
    }


def _verdict(metric: str, difference: Interval, p_value: float) -> str:
    if math.isnan(p_value) or p_value >= SIGNIFICANT:
        return "undecided"
    gain = -difference.mean if metric == "log_loss" else difference.mean
    return "better" if gain > 0 else "worse"


def _write(folder: Path, tables: Tables) -> None:
    for name in ("scores", "summary", "comparisons", "failures", "shortcuts"):
        with replace_file(folder / f"{name}.csv") as partial:
            getattr(tables, name).to_csv(partial, index=False, lineterminator="\n")
