"""The answer of a phase in one sentence, from its tables; metrics by the names that people use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import ALL, SIGNIFICANT, Tables
from orchestrator.analysis.effects import effect_of
from orchestrator.analysis.headline import HEADLINES
from orchestrator.wording.numbers import metric_name, number, p_text, signed

MOST_NAMED, MOST_TOLD = 6, 2


def verdict(tables: Tables) -> str:
    """Return the sentence: which is better, by how much, how sure; or what is missing.

    Of more than MOST_TOLD questions it says how each kind of answer fared, and names what is better or worse.
    """
    if tables.comparisons.empty:
        return _best(tables.summary)
    asked = tables.comparisons.drop_duplicates(["question", "baseline", "treatment"])
    return comparison_sentence(asked.iloc[0], tables) if len(asked) <= MOST_TOLD else _many(asked)


def _many(asked: pd.DataFrame) -> str:
    told = []
    for word in ("better", "worse"):
        rows = asked[asked["verdict"] == word]
        named = [
            f"{row.treatment} is {word} than {row.baseline}" for row in rows.head(MOST_NAMED).itertuples()
        ]
        more = [f"{len(rows) - MOST_NAMED} more are {word}"] if len(rows) > MOST_NAMED else []
        told += [*named, *more]
    counts = asked["verdict"].value_counts()
    others = {"equivalent": "practically equal", "undecided": "undecided", "incomplete": "incomplete"}
    told += [f"{counts[word]} {said}" for word, said in others.items() if word in counts]
    metrics = {metric_name(str(metric)) for metric in asked["metric"]}
    by = f", by {metrics.pop()}" if len(metrics) == 1 else ""
    return f"{len(asked)} questions{by}: {'; '.join(told)}."


def comparison_sentence(row: pd.Series[Any], tables: Tables) -> str:
    """Say one comparison, a row of comparisons.csv, in a sentence with its numbers."""
    metric = metric_name(row["metric"])
    baseline, treatment = row["baseline"], row["treatment"]
    if row["verdict"] == "incomplete":
        return f"No verdict yet on {treatment} against {baseline}: {why_incomplete(row, tables)}."
    common = effect_of(row, tables).common_rows
    if common is None:
        numbers = (
            f"{metric} {_mean(tables, treatment, row['metric'])} against "
            f"{_mean(tables, baseline, row['metric'])}, difference {signed(row['mean_diff'])}, "
        )
    else:
        # Their means are over rows that the other one lacks.
        numbers = (
            f"{metric} on the {common} test images that both have, difference {signed(row['mean_diff'])}, "
        )
    if row["n"] == 1 and not math.isnan(row["ci_low"]):
        bounds = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"
        numbers += f"95 % paired bootstrap interval {bounds}, a single split, which gives no test"
    elif math.isnan(row["p_value"]):
        numbers += "a single split" if row["n"] == 1 else "no spread at all"
        numbers += ", which gives no interval"
    else:
        numbers += (
            f"95 % interval {signed(row['ci_low'])} to {signed(row['ci_high'])}, "
            f"{corrected_text(row)}, {row['n']} paired folds"
        )
    if row["verdict"] in ("better", "worse"):
        return f"{treatment} is {row['verdict']} than {baseline}: {numbers}."
    if row["verdict"] == "equivalent":
        return f"{treatment} and {baseline} are practically equal: {numbers}."
    if _is_visible(row, tables):
        return f"Undecided: {_differ(row, tables)}: {numbers}."
    return f"Undecided: {_split(row)} can't tell {treatment} from {baseline}: {numbers}."


def claim(row: pd.Series[Any], tables: Tables) -> str:
    """Say one comparison in a short sentence, for a table that holds its numbers."""
    metric, baseline, treatment = metric_name(row["metric"]), row["baseline"], row["treatment"]
    if row["verdict"] == "incomplete":
        return f"Not decided in {metric}: {why_incomplete(row, tables)}."
    if row["verdict"] in ("better", "worse"):
        return f"In {metric}, {treatment} is {row['verdict']} than {baseline}."
    if row["verdict"] == "equivalent":
        return f"In {metric}, {treatment} and {baseline} are practically equal."
    if _is_visible(row, tables):
        return f"In {metric}, {_differ(row, tables)}."
    return f"In {metric}, {_split(row)} can't tell {treatment} from {baseline}."


def _is_visible(row: pd.Series[Any], tables: Tables) -> bool:
    """Tell whether a difference is significant; where no verdict is possible nothing would make it so."""
    return bool(row["p_holm"] < SIGNIFICANT) and effect_of(row, tables).repeats_needed is not None


def _differ(row: pd.Series[Any], tables: Tables) -> str:
    """Say of a significant difference that it may be too small to matter."""
    rope = effect_of(row, tables).rope
    return f"{row['treatment']} and {row['baseline']} differ, but perhaps by no more than {rope:g}"


def _split(row: pd.Series[Any]) -> str:
    return "this single split" if row["n"] == 1 else "these folds"


def why_incomplete(row: pd.Series[Any], tables: Tables) -> str:
    """Say what keeps a comparison from a verdict."""
    counts = [_counts(tables, row[side], row["metric"]) for side in ("baseline", "treatment")]
    expected = max(number for _, number in counts)
    reason = effect_of(row, tables).reason
    if all(found == number and number for found, number in counts):
        return reason or "the two were not run on the same folds"
    of = f" of {expected}" if expected else ""
    return f"only {row['n']}{of} fold pairs are complete" + (f" ({reason})" if reason else "")


def corrected_text(row: pd.Series[Any]) -> str:
    """Say the p-value of a comparison, corrected by Holm where others were declared with it."""
    if math.isnan(row["p_holm"]) or row["p_holm"] == row["p_value"]:
        return p_text(row["p_value"])
    return f"{p_text(row['p_value'])}, Holm-corrected {p_text(row['p_holm'])}"


def whole_rows(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of summary.csv of a metric over all sources."""
    return summary[(summary["source"] == ALL) & (summary["metric"] == metric)]


def _mean(tables: Tables, name: str, metric: str) -> str:
    return f"{tables.overall[name, metric]['mean']:.3f}"


def _counts(tables: Tables, name: str, metric: str) -> tuple[int, int]:
    row = tables.overall.get((name, metric))
    return (0, 0) if row is None else (int(row["n"]), int(row["n_expected"]))


def _best(summary: pd.DataFrame) -> str:
    for metric in HEADLINES:
        rows = whole_rows(summary, metric).dropna(subset=["mean"])
        if not rows.empty:
            more = len(rows) - MOST_NAMED
            if more > 0:
                rows = rows.sort_values("mean", ascending=False, kind="stable").head(MOST_NAMED)
            said = "; ".join(_score(row) for _, row in rows.iterrows())
            return f"{said}; and {more} more, none of them better." if more > 0 else f"{said}."
    return "No experiment has all its folds yet."


def _score(row: pd.Series[Any]) -> str:
    said = f"{row['experiment']}: {metric_name(row['metric'])} {row['mean']:.3f}"
    if math.isnan(row["ci_low"]) and not math.isnan(row["boot_low"]):
        bounds = f"{row['boot_low']:.3f} to {row['boot_high']:.3f}"
        return f"{said} (a single split; 95 % bootstrap interval over the groups of its test images {bounds})"
    if math.isnan(row["ci_low"]):
        return f"{said} (a single split, which gives no interval)"
    return f"{said} (95 % interval {row['ci_low']:.3f} to {row['ci_high']:.3f}, {row['n']} folds)"


def leaders(values: Mapping[str, float], *, lowest: bool) -> list[str]:
    """Name the experiments whose value looks like the best one, which is the lowest or the highest."""
    ordered = sorted(values, key=lambda name: values[name] if lowest else -values[name])
    best = number(values[ordered[0]])
    return [name for name in ordered if number(values[name]) == best]


def named(names: Sequence[str]) -> str:
    """Name the one that leads, or those that tie, as the beginning of a sentence."""
    if len(names) == 1:
        return f"{names[0]} has"
    return f"{' and '.join(names)} have" if len(names) == 2 else f"{names[0]} and {len(names) - 1} more have"
