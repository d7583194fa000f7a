"""The answers of a phase, which open its page: a card a question, the decision, and what is missing.

Every sentence carries its numbers: the difference and its interval, the p-value corrected by Holm, what is
probable given the region of practical equivalence, the smallest difference that would have been visible, and
for what stays undecided how many repeats would be needed and what they cost.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables, num_expected
from orchestrator.report.cells import Cell, Grid, grid
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.folder import State
from orchestrator.wording.decision_text import decision_sentences
from orchestrator.wording.numbers import (
    DASH,
    between,
    capital,
    chance,
    fold_label,
    hours_text,
    metric_name,
    number,
    p_text,
    p_value,
    signed,
    spread,
    when,
)
from orchestrator.wording.verdict import claim, comparison_sentence, corrected_text, effect_of, text_of

MOST_ROWS = 50
MOST_CARDS = 6
QUESTION = ["question", "baseline", "treatment"]
STATES = (State.FAILED, State.UNREADABLE, State.RUNNING, State.INTERRUPTED, State.MISSING)
MORE_THAN_ANYONE_RUNS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """One question: the verdict in a word and in a sentence, what backs it up, and what other metrics say."""

    question: str
    verdict: str
    sentence: str
    details: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing: sentences, and a table of the trials that are not finished."""

    lines: tuple[str, ...]
    grid: Grid | None


def num_questions(tables: Tables) -> int:
    """Count the questions that were asked: each about two experiments, by one or more metrics."""
    return len(tables.comparisons[QUESTION].drop_duplicates())


def answers(tables: Tables) -> list[Answer]:
    """Answer the questions that were asked, in their order, the first MOST_CARDS of them."""
    found = []
    asked = tables.comparisons.groupby(QUESTION, sort=False)
    for _, rows in itertools.islice(asked, MOST_CARDS):
        first = rows.iloc[0]
        found.append(
            Answer(
                str(first["question"]),
                str(first["verdict"]),
                comparison_sentence(first, tables),
                tuple(_details(first, tables)),
                tuple(_short(row, tables) for _, row in rows.iloc[1:].iterrows()),
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
    """What backs a verdict up, a sentence each; nothing where there is none yet."""
    if row["verdict"] == "incomplete":
        return []
    effect = effect_of(row, tables)
    if math.isnan(row["p_value"]):
        reason = text_of(effect, "reason") or "a single split has no spread over folds"
        return [f"{capital(reason)}."]
    rope = float(effect.get("rope", math.nan))
    treatment, baseline = row["treatment"], row["baseline"]
    lines = [
        f"Probability that {treatment} is better than {baseline} by more than {rope:g}: "
        f"{chance(row['p_better'])}; that the two are practically equal (within ±{rope:g}): "
        f"{chance(row['p_equivalent'])}; that it is worse by more than {rope:g}: {chance(row['p_worse'])}."
    ]
    won = [effect.get(name) for name in ("folds_won", "folds_tied", "folds_lost")]
    if not any(count is None or pd.isna(count) for count in won):
        tied = f", level on {won[1]}" if won[1] else ""
        lines.append(f"{treatment} is ahead on {won[0]} of {row['n']} folds{tied}, behind on {won[2]}.")
    visible = row["min_detectable"]
    alone = " in a single comparison" if row["p_holm"] != row["p_value"] else ""
    if math.isfinite(visible):
        lines.append(
            f"The smallest difference that these folds could have shown{alone} is {signed(visible)[1:]}"
            + (", more than the one that was seen." if abs(row["mean_diff"]) < visible else ".")
        )
    if row["verdict"] == "undecided":
        lines.append(_needed(row, effect))
    if (delong := effect.get("p_delong")) is not None and math.isfinite(delong):
        lines.append(f"DeLong’s test on the test images of each fold, combined: {p_text(delong)}.")
    return lines


def _needed(row: "pd.Series[Any]", effect: Mapping[str, Any]) -> str:
    """What it would take to decide."""
    needed = effect.get("repeats_needed")
    if needed is None or pd.isna(needed):
        reason = effect.get("reason")
        return f"{capital(str(reason))}." if isinstance(reason, str) and reason else "It stays undecided."
    needed, now = int(needed), int(effect["repeats"])
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
    hours, device = effect.get("hours_needed"), str(effect.get("device") or "")
    cost = "" if hours is None or pd.isna(hours) else f", about {hours_text(float(hours), device)} more"
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


def comparison_grid(tables: Tables, rows: pd.DataFrame, label: str) -> Grid:
    """Typeset the comparisons `rows`: a metric a row, with everything that its verdict rests on."""
    heads = [
        "Finding", "Verdict", "Difference", "95 % interval", "p", "p (Holm)", "Better", "Equal", "Worse",
        "Visible from", "Repeats needed", "Folds",
    ]  # fmt: skip
    # It exists from 6 pairs on: with 5 its two-sided p can't go below 0.0625.
    wilcoxon = bool(rows["p_wilcoxon"].notna().any())
    delong = bool(len(tables.effects)) and bool(tables.effects["p_delong"].notna().any())
    cells: list[list[Cell | str]] = []
    for _, row in rows.iterrows():
        effect = effect_of(row, tables)
        cells.append(
            [
                claim(row, tables),
                Cell(str(row["verdict"]), tone=f"badge {row['verdict']}"),
                Cell(number(row["mean_diff"], sign=True), spread(row["std_diff"])),
                between(row["ci_low"], row["ci_high"], sign=True),
                p_value(row["p_value"]),
                p_value(row["p_holm"]),
                *(chance(row[name]) for name in ("p_better", "p_equivalent", "p_worse")),
                number(row["min_detectable"]),
                _count(effect.get("repeats_needed")),
                str(row["n"]),
                *([p_value(row["p_wilcoxon"])] if wilcoxon else []),
                *([p_value(effect.get("p_delong", math.nan))] if delong else []),
            ]
        )
    heads += [*(["p (Wilcoxon)"] if wilcoxon else []), *(["p (DeLong)"] if delong else [])]
    return grid(label, heads, cells, 2)


def _count(value: Any) -> str:
    return DASH if value is None or pd.isna(value) else f"{int(value):,}"


def decided(
    record: DecisionRecord | None, tables: Tables, moved: Sequence[str] = (), now: str = ""
) -> tuple[str, ...]:
    """Say the decision in force, its version, or why there is none.

    Args:
        record: what the decision's file holds; None = there is none.
        tables: the phase's tables.
        moved: what is no longer as it was when the decision was taken.
        now: what the rule would choose now.
    """
    if record is None:
        if tables.study.phase.decision is None:
            return ("This phase declares no decision.",)
        return ("No decision has been taken yet.",)
    lines = decision_sentences(record)
    taken = record.made.time if record.made is not None else ""
    at = f", taken {when(taken)}" if taken else ""
    state = f"This is version {record.version} of the decision{at}."
    if record.version > 1 and record.moved:
        state += f" It replaced the one before because {'; '.join(record.moved)}."
    if not moved:
        return (*lines, state)
    more = f"; and {len(moved) - MOST_CARDS} more" if len(moved) > MOST_CARDS else ""
    return (
        *lines,
        f"{state} The numbers above are of that time.",
        f"Since then: {'; '.join(moved[:MOST_CARDS])}{more}. The decision stays all the same; {now}.",
    )


def missing(tables: Tables) -> Missing:
    """Say what is missing: trials that are not finished, and folds that were not asked for."""
    failures, lines = tables.failures, []
    asked = sum(len(experiment.trials) for experiment in tables.study.experiments)
    if len(failures):
        counts = failures["state"].value_counts()
        states = ", ".join(f"{counts[state]} {state}" for state in STATES if state in counts)
        lines.append(f"{len(failures)} of {asked} planned trials are not finished: {states}.")
    for experiment in tables.study.experiments:
        planned, expected = len(experiment.trials), num_expected(experiment)
        if planned < expected:
            lines.append(f"{experiment.name}: this run asked for {planned} of {expected} folds only.")
    if not lines:
        return Missing((), None)
    if len(lines) > MOST_CARDS:
        lines = [*lines[:MOST_CARDS], f"And {len(lines) - MOST_CARDS} further experiments likewise."]
    lines.append("No score is averaged over an incomplete set of folds.")
    repeats = max(each.recipe.cv_repeats for each in tables.study.experiments)
    rows: list[list[Cell | str]] = [
        [
            str(row["experiment"]),
            fold_label(row["repeat"], row["fold"], repeats),
            Cell(str(row["state"]), tone=f"badge {row['state']}"),
            str(row["reason"]),
        ]
        for row in failures.head(MOST_ROWS).to_dict("records")
    ]
    if len(failures) > MOST_ROWS:
        lines.append(f"Of the trials that are not finished the first {MOST_ROWS} are listed in section Gaps.")
    heads = ["Experiment", "Fold", "State", "Reason"]
    return Missing(tuple(lines), grid("Trials that are not finished", heads, rows, 4) if rows else None)


def forest_caption(drawn: Sequence[tuple[pd.DataFrame, int]]) -> str:
    """State what forests show: how many intervals exclude zero.

    Args:
        drawn: a forest's rows of comparisons.csv, and how many rows of this metric there are.
    """
    said, cut = [], []
    for rows, every in drawn:
        name = metric_name(str(rows["metric"].iloc[0]))
        bounded = int(rows["ci_low"].notna().sum())
        clear = int(((rows["ci_low"] > 0) | (rows["ci_high"] < 0)).sum())
        if bounded:
            said.append(f"{clear} of {bounded} in {name}")
        if len(rows) < every:
            cut.append(f"{len(rows)} of {every} in {name}")
    intervals = f"Intervals that exclude zero: {', '.join(said)}. " if said else ""
    bar = "; bar: its corrected 95 % interval" if said else ""
    more = f" The largest differences are shown: {', '.join(cut)}." if cut else ""
    return (
        f"{intervals}Diamond: mean difference over folds, treatment − baseline{bar}; shaded: differences too "
        f"small to matter.{more}"
    )
