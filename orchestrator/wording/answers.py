"""Answers to the questions of a phase, in sentences with their numbers.

Every answer carries the difference and its interval, the p-value corrected by Holm, what is probable given
the region of practical equivalence, the smallest difference that would have been visible, and for what stays
undecided how many repeats would be needed and what they cost.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.comparing import TEST_GROUPS
from orchestrator.analysis.effects import Effect, effect_of
from orchestrator.wording.numbers import FLOORED, capital, chance, hours_text, p_text, signed
from orchestrator.wording.verdict import claim, comparison_sentence, corrected_text

MOST_ANSWERED = 6

QUESTION = ["question", "baseline", "treatment"]
MORE_THAN_ANYONE_RUNS = 100


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """Answer to one question: verdict in a word and in a sentence, what backs it up, and other metrics.

    `needed` says what it would take to decide; empty where it is decided, or incomplete. `repeats_needed` is
    how many repeats of the cross-validation that is; None where no number would do.
    """

    question: str
    verdict: str
    sentence: str
    details: tuple[str, ...]
    others: tuple[str, ...]
    needed: str = ""
    repeats_needed: int | None = None


def num_questions(tables: Tables) -> int:
    """Count the questions that were asked: each about two experiments, by one or more metrics."""
    return len(tables.comparisons[QUESTION].drop_duplicates())


def answer_questions(tables: Tables) -> list[ComparisonAnswer]:
    """Answer the questions that were asked, in their order, the first MOST_ANSWERED of them."""
    found = []
    asked = tables.comparisons.groupby(QUESTION, sort=False)
    for _, rows in itertools.islice(asked, MOST_ANSWERED):
        first = rows.iloc[0]
        found.append(
            ComparisonAnswer(
                str(first["question"]),
                str(first["verdict"]),
                comparison_sentence(first, tables),
                tuple(_details(first, tables)),
                tuple(_short(row, tables) for _, row in rows.iloc[1:].iterrows()),
                _needed(first, effect_of(first, tables)) if _is_open(first) else "",
                effect_of(first, tables).repeats_needed if _is_open(first) else None,
            )
        )
    return found


def tally(tables: Tables) -> str:
    """Count the verdicts of all rows that were declared; empty where there are fewer than three."""
    counts = tables.comparisons["verdict"].value_counts()
    order = ("better", "worse", "equivalent", "undecided", "incomplete")
    said = ", ".join(f"{counts[name]} {name}" for name in order if name in counts)
    total = len(tables.comparisons)
    return f"{total} comparisons were declared: {said}." if total > 2 else ""


def _details(row: "pd.Series[Any]", tables: Tables) -> list[str]:
    """What backs a verdict up, one sentence each; nothing where there is none yet."""
    if row["verdict"] == "incomplete":
        return []
    effect = effect_of(row, tables)
    if math.isnan(row["p_value"]):
        return [f"{capital(effect.reason or 'a single split has no spread over folds')}."]
    rope = effect.rope
    treatment, baseline = row["treatment"], row["baseline"]
    lines = [
        f"Probability that {treatment} is better than {baseline} by more than {rope:g}: "
        f"{chance(row['p_better'])}; that the two are practically equal (within ±{rope:g}): "
        f"{chance(row['p_equivalent'])}; that it is worse by more than {rope:g}: {chance(row['p_worse'])}."
    ]
    if effect.folds_won is not None:
        tied = f", level on {effect.folds_tied}" if effect.folds_tied else ""
        lines.append(
            f"{treatment} is ahead on {effect.folds_won} of {row['n']} folds{tied}, behind on "
            f"{effect.folds_lost}."
        )
    visible = row["min_detectable"]
    alone = " in a single comparison" if row["p_holm"] != row["p_value"] else ""
    if math.isfinite(visible):
        lines.append(
            f"The smallest difference that these folds could have shown{alone} is {signed(visible)[1:]}"
            + (", more than the one that was seen." if abs(row["mean_diff"]) < visible else ".")
        )
    if effect.error_from == TEST_GROUPS:
        lines.append(f"{capital(FLOORED)}.")
    if _is_open(row):
        lines.append(_needed(row, effect))
    if effect.p_delong is not None:
        lines.append(f"DeLong’s test on the test images of each fold, combined: {p_text(effect.p_delong)}.")
    return lines


def _is_open(row: "pd.Series[Any]") -> bool:
    """Tell whether a comparison was tested and stays undecided."""
    return bool(row["verdict"] == "undecided" and not math.isnan(row["p_value"]))


def _needed(row: "pd.Series[Any]", effect: Effect) -> str:
    """Say what it would take to decide."""
    needed, now = effect.repeats_needed, effect.repeats
    if needed is None or now is None:
        return f"{capital(effect.reason)}." if effect.reason else "It stays undecided."
    if needed <= now:
        return (
            f"The difference is visible ({corrected_text(row)}), but the chance that it is larger than the "
            "region of practical equivalence leaves it open."
        )
    is_one_of_many = row["p_holm"] != row["p_value"]
    corrected = ", with the other comparisons as they are," if is_one_of_many else ""
    what = f"To show a difference of {signed(abs(row['mean_diff']))[1:]}{corrected} would take"
    if needed > MORE_THAN_ANYONE_RUNS:
        return (
            f"{what} {needed:,} repeats of the cross-validation instead of {now}: practically, it can’t be "
            "shown with this data."
        )
    hours = effect.hours_needed
    cost = "" if hours is None else f", about {hours_text(hours, effect.device)} more"
    return f"{what} {needed} repeats of the cross-validation instead of {now}{cost}."


def _short(row: "pd.Series[Any]", tables: Tables) -> str:
    """Another metric of the same question, in one sentence."""
    said = claim(row, tables)
    if row["verdict"] == "incomplete" or math.isnan(row["p_value"]):
        return said
    return (
        f"{said[:-1]}: difference {signed(row['mean_diff'])} ({signed(row['ci_low'])} to "
        f"{signed(row['ci_high'])}), {corrected_text(row)}."
    )
