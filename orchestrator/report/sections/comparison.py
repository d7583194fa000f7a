"""Section of the comparisons: forests of differences, what each verdict rests on, differences by fold."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.effects import effect_of
from orchestrator.analysis.fold_values import paired_differences
from orchestrator.config.undeclared import undeclared_differences
from orchestrator.report.drawing.fold_differences import draw_fold_differences
from orchestrator.report.drawing.forest import draw_forest
from orchestrator.report.drawing.picture import shorts
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Figure, Panel, Section, Table, figure, link, note, prose
from orchestrator.report.shown import bounded
from orchestrator.wording.captions import fold_differences_caption, forest_caption
from orchestrator.wording.caveats import setup_sentences
from orchestrator.wording.numbers import (
    DASH,
    between,
    chance,
    fold_label,
    metric_name,
    number,
    p_value,
    spread,
)
from orchestrator.wording.settings_text import undeclared_sentences
from orchestrator.wording.verdict import claim, comparison_sentence
from trainables.evaluation.metrics import LOWER_IS_BETTER

MOST_COMPARED = 60
MOST_FORESTS = 3
MOST_IN_A_FOREST, FOREST_OF_MANY = 12, 8
MOST_DIFFERENCES = 6


def comparison_section(material: Material) -> Section:
    """Show every comparison that the phase declared, with its numbers."""
    tables, blocks = material.tables, list[Block | None]()
    total = len(tables.comparisons)
    blocks.append(forest_figure(tables))
    if total:
        found = comparison_grid(tables, tables.comparisons.head(MOST_COMPARED), "Comparisons")
        blocks.append(Table(found, "comparisons", "findings"))
        if total > len(found.rows):
            first = f"The first {len(found.rows)} of {total}; all of them are in "
            blocks.append(note(first, link("tables/comparisons.csv"), "."))
        blocks += [note(sentence) for sentence in setup_sentences(tables)[:MOST_DIFFERENCES]]
        blocks += [undeclared_note(tables), _columns(total), fold_differences_figure(tables)]
    else:
        blocks.append(prose("This phase declares no comparison."))
    return Section.of("comparison", "Comparisons", blocks)


def undeclared_note(tables: Tables) -> Block | None:
    """Say in what compared experiments differ that nobody declared."""
    phase = tables.study.phase
    recipes = {each.name: each.recipe for each in tables.study.experiments}
    found = undeclared_sentences(undeclared_differences(phase.comparisons, phase.decision, recipes))
    return note(" ".join(f"{sentence}." for sentence in found)) if found else None


def _columns(total: int) -> Block:
    return note(
        "Difference = treatment − baseline on the same test fold; ± is the standard deviation over folds. "
        "Interval and two-sided p: corrected resampled t-test, with a standard error not below what other "
        "test images would change; Holm: corrected for all "
        f"{total} rows that the phase declares. Better, equal, worse: probabilities by the Bayesian "
        "correlated t-test, given the region of practical equivalence. Visible from: the smallest difference "
        "that these folds could have shown in a single comparison. Repeats needed: to show the seen "
        "difference after Holm’s correction, with the other rows as they are. Wilcoxon’s test needs six "
        "folds, and has a column where there are that many. Verdict: better or worse when the Holm-corrected "
        "p is below 0.05 and its probability above 0.95; equivalent when that probability is above "
        f"1 − 0.05 / {total}; else undecided. Two folds, or two without an error, give no verdict."
    )


def comparison_grid(tables: Tables, rows: pd.DataFrame, label: str) -> Grid:
    """Typeset the comparisons `rows`, one row per metric, with everything that its verdict rests on."""
    heads = [
        "Finding", "Verdict", "Difference", "95 % interval", "p", "p (Holm)", "Better", "Equal", "Worse",
        "Visible from", "Repeats needed", "Folds",
    ]  # fmt: skip
    # It exists from 6 pairs on: with 5 its two-sided p can't go below 0.0625.
    wilcoxon = bool(rows["p_wilcoxon"].notna().any())
    delong = bool(len(tables.effects)) and bool(tables.effects["p_delong"].notna().any())
    cells: list[list[GridCell | str]] = []
    for _, row in rows.iterrows():
        effect = effect_of(row, tables)
        needed, p_delong = effect.repeats_needed, effect.p_delong
        cells.append(
            [
                claim(row, tables),
                GridCell(str(row["verdict"]), tone=f"badge {row['verdict']}"),
                GridCell(number(row["mean_diff"], sign=True), spread(row["std_diff"])),
                between(row["ci_low"], row["ci_high"], sign=True),
                p_value(row["p_value"]),
                p_value(row["p_holm"]),
                *(chance(row[name]) for name in ("p_better", "p_equivalent", "p_worse")),
                number(row["min_detectable"]),
                DASH if needed is None else f"{needed:,}",
                str(row["n"]),
                *([p_value(row["p_wilcoxon"])] if wilcoxon else []),
                *([p_value(math.nan if p_delong is None else p_delong)] if delong else []),
            ]
        )
    heads += [*(["p (Wilcoxon)"] if wilcoxon else []), *(["p (DeLong)"] if delong else [])]
    return grid(label, heads, cells, 2)


def forest_figure(tables: Tables, *, most: int = MOST_IN_A_FOREST) -> Figure | None:
    """Draw a forest of differences for each metric compared, the largest differences of more than `most`."""
    panels, kept = [], []
    ready = tables.comparisons[tables.comparisons["mean_diff"].notna()]
    metrics = list(dict.fromkeys(ready["metric"]))
    for metric in metrics[:MOST_FORESTS]:
        every = ready[ready["metric"] == metric]
        number_drawn = bounded(len(every), most, min(most, FOREST_OF_MANY))
        sizes = every["mean_diff"].abs().sort_values(ascending=False, kind="stable")
        largest = sizes.index[:number_drawn]
        rows = every[every.index.isin(largest)]
        kept.append((rows, len(every)))
        drawn = draw_forest(
            rows[["treatment", "baseline", "mean_diff", "ci_low", "ci_high", "verdict"]].assign(
                rope=[_rope(row, tables) for _, row in rows.iterrows()]
            ),
            metric=metric_name(metric),
            lower_is_better=metric in LOWER_IS_BETTER,
        )
        said = " ".join(comparison_sentence(row, tables) for _, row in rows.iterrows())
        panels.append(Panel(f"forest-{slug(metric)}", drawn, said))
    return figure(panels, forest_caption(kept, metrics[MOST_FORESTS:]))


def fold_differences_figure(tables: Tables) -> Figure | None:
    """Draw the folds of the first comparisons: whether one fold makes the difference, or all of them."""
    # Scores by fold are those of all rows of each side, not of those that two have in common.
    is_ready = [
        not math.isnan(row["mean_diff"]) and effect_of(row, tables).common_rows is None
        for _, row in tables.comparisons.iterrows()
    ]
    ready = tables.comparisons[is_ready]
    rows = ready.head(MOST_DIFFERENCES)
    return figure(_by_fold(rows, tables), fold_differences_caption(rows, len(ready)))


def _by_fold(rows: pd.DataFrame, tables: Tables) -> Iterator[Panel]:
    shown = shorts([*rows["treatment"].astype(str), *rows["baseline"].astype(str)], 21)
    for place, (_, row) in enumerate(rows.iterrows(), start=1):
        pairs = paired_differences(tables, row["baseline"], row["treatment"], row["metric"])
        repeats = int(pairs["repeat"].max()) + 1
        labels = [fold_label(*each, repeats) for each in zip(pairs["repeat"], pairs["fold"], strict=True)]
        drawn = draw_fold_differences(
            pairs.assign(label=labels),
            bounds=(row["mean_diff"], row["ci_low"], row["ci_high"]),
            rope=_rope(row, tables),
            metric=metric_name(row["metric"]),
            about=f"{shown[str(row['treatment'])]} − {shown[str(row['baseline'])]}",
            lower_is_better=row["metric"] in LOWER_IS_BETTER,
        )
        said = f"Differences by fold. {comparison_sentence(row, tables)}"
        yield Panel(f"difference-{place:02d}-{slug(row['metric'])}", drawn, said)


def _rope(row: "pd.Series[Any]", tables: Tables) -> float:
    rope = effect_of(row, tables).rope
    return 0.0 if math.isnan(rope) else rope
