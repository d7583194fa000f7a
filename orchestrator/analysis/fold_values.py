"""Scores of single folds, from scores.csv: those of one metric, and the differences of two experiments."""

import pandas as pd

from orchestrator.analysis.collect import ALL, Tables


def fold_values(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of scores.csv of a metric on all test rows, those that exist, in order of folds."""
    chosen = (scores["split"] == "test") & (scores["source"] == ALL) & (scores["metric"] == metric)
    rows: pd.DataFrame = scores[chosen & scores["value"].notna()]
    ordered: pd.DataFrame = rows.sort_values(["repeat", "fold"], kind="stable")
    return ordered


def paired_differences(tables: Tables, baseline: str, treatment: str, metric: str) -> pd.DataFrame:
    """Return treatment minus baseline on each test fold that both have: columns repeat, fold, difference."""
    whole = fold_values(tables.scores, metric)
    sides = [
        whole[whole["experiment"] == name].set_index(["repeat", "fold"])["value"]
        for name in (baseline, treatment)
    ]
    pairs: pd.DataFrame = (sides[1] - sides[0]).dropna().sort_index().rename("difference").reset_index()
    return pairs
