"""The answer of a phase in one sentence, from its tables."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from orchestrator.collect import Tables

METRIC_NAMES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "average_precision": "average precision",
    "log_loss": "log loss",
}


def verdict(tables: Tables) -> str:
    """Return the sentence: which is better, by how much, how sure; or what is missing."""
    if tables.comparisons.empty:
        return _best(tables.summary)
    return comparison_sentence(tables.comparisons.iloc[0], tables.summary)


def comparison_sentence(row: pd.Series[Any], summary: pd.DataFrame) -> str:
    """Say one comparison in a sentence, with its numbers."""
    metric = metric_name(row["metric"])
    baseline, treatment = row["baseline"], row["treatment"]
    if row["verdict"] == "incomplete":
        return f"No verdict yet on {treatment} against {baseline}: {why_incomplete(row, summary)}."
    numbers = (
        f"{metric} {_mean(summary, treatment, row['metric'])} against "
        f"{_mean(summary, baseline, row['metric'])}, difference {row['mean_diff']:+.3f}, "
    )
    if math.isnan(row["p_value"]):
        numbers += "a single split, which gives no interval"
    else:
        numbers += (
            f"95 % interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}, "
            f"{p_text(row['p_value'])}, {row['n']} paired folds"
        )
    if row["verdict"] in ("better", "worse"):
        return f"{treatment} is {row['verdict']} than {baseline}: {numbers}."
    if row["verdict"] == "equivalent":
        return f"{treatment} and {baseline} are practically equal: {numbers}."
    return f"Undecided: these folds can't tell {treatment} from {baseline}: {numbers}."


def claim(row: pd.Series[Any], summary: pd.DataFrame) -> str:
    """Say one comparison in a short sentence, for a table that holds its numbers."""
    metric, baseline, treatment = metric_name(row["metric"]), row["baseline"], row["treatment"]
    if row["verdict"] == "incomplete":
        return f"Not decided in {metric}: {why_incomplete(row, summary)}."
    if row["verdict"] in ("better", "worse"):
        return f"In {metric}, {treatment} is {row['verdict']} than {baseline}."
    if row["verdict"] == "equivalent":
        return f"In {metric}, {treatment} and {baseline} are practically equal."
    return f"In {metric}, these folds can't tell {treatment} from {baseline}."


def why_incomplete(row: pd.Series[Any], summary: pd.DataFrame) -> str:
    """Say what keeps a comparison from a verdict."""
    counts = [_counts(summary, row[side], row["metric"]) for side in ("baseline", "treatment")]
    if all(found == expected and expected for found, expected in counts):
        return "the two were not run on the same folds"
    expected = max(number for _, number in counts)
    of = f" of {expected}" if expected else ""
    return f"only {row['n']}{of} fold pairs are complete"


def metric_name(metric: str) -> str:
    """Name a metric for people."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def p_text(p_value: float) -> str:
    """Say a p-value."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _rows(summary: pd.DataFrame, name: str, metric: str) -> pd.DataFrame:
    return summary[
        (summary["experiment"] == name) & (summary["metric"] == metric) & (summary["source"] == "all")
    ]


def _mean(summary: pd.DataFrame, name: str, metric: str) -> str:
    return f"{_rows(summary, name, metric).iloc[0]['mean']:.3f}"


def _counts(summary: pd.DataFrame, name: str, metric: str) -> tuple[int, int]:
    rows = _rows(summary, name, metric)
    return (0, 0) if rows.empty else (int(rows.iloc[0]["n"]), int(rows.iloc[0]["n_expected"]))


def _best(summary: pd.DataFrame) -> str:
    complete = summary[summary["source"] == "all"].dropna(subset=["mean"])
    for metric in ("auc", "accuracy"):
        rows = complete[complete["metric"] == metric]
        if not rows.empty:
            return "; ".join(_score(row) for _, row in rows.iterrows()) + "."
    return "No experiment has all its folds yet."


def _score(row: pd.Series[Any]) -> str:
    said = f"{row['experiment']}: {metric_name(row['metric'])} {row['mean']:.3f}"
    if math.isnan(row["ci_low"]):
        return f"{said} (a single split, which gives no interval)"
    return f"{said} (95 % interval {row['ci_low']:.3f} to {row['ci_high']:.3f}, {row['n']} folds)"
