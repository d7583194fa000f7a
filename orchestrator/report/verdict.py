"""The answer of a phase in one sentence, from its tables."""

from __future__ import annotations

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
    """Say one comparison in a sentence."""
    metric = METRIC_NAMES.get(row["metric"], row["metric"])
    baseline, treatment = row["baseline"], row["treatment"]
    if row["verdict"] == "incomplete":
        return f"No verdict yet on {treatment} against {baseline}: only {row['n']} fold pairs are complete."
    numbers = (
        f"{metric} {_mean(summary, treatment, row['metric'])} against "
        f"{_mean(summary, baseline, row['metric'])}, "
        f"difference {row['mean_diff']:+.3f}, 95 % interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}, "
        f"{p_text(row['p_value'])}, {row['n']} paired folds"
    )
    if row["verdict"] in ("better", "worse"):
        return f"{treatment} is {row['verdict']} than {baseline}: {numbers}."
    return f"Undecided: these folds can't tell {treatment} from {baseline}: {numbers}."


def p_text(p_value: float) -> str:
    """Say a p-value."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _mean(summary: pd.DataFrame, name: str, metric: str) -> str:
    row = summary[
        (summary["experiment"] == name) & (summary["metric"] == metric) & (summary["source"] == "all")
    ].iloc[0]
    return f"{row['mean']:.3f}"


def _best(summary: pd.DataFrame) -> str:
    rows = summary[(summary["metric"] == "auc") & (summary["source"] == "all")].dropna(subset=["mean"])
    if rows.empty:
        return "No experiment has all its folds yet."
    said = [
        f"{row.experiment}: AUC {row.mean:.3f} "
        f"(95 % interval {row.ci_low:.3f} to {row.ci_high:.3f}, {row.n} folds)"
        for row in rows.itertuples()
    ]
    return "; ".join(said) + "."
