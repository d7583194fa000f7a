"""Cells of scores: mean, spread and interval of summary.csv, or the reason why there is none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.analysis.collect import ALL, Tables
from orchestrator.report.grid import GridCell
from orchestrator.wording.numbers import DASH, between, fold_label, number, spread
from trainables.evaluation.metrics import GAP

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SummaryCells:
    """summary.csv looked up by experiment, metric and source, with the reasons for what is not there."""

    rows: Mapping[Key, Mapping[Any, Any]]
    scored: frozenset[str]
    reasons: Mapping[Key, str]

    @classmethod
    def of(cls, tables: Tables) -> "SummaryCells":
        """Look through a phase's tables."""
        rows = {
            (str(row["experiment"]), str(row["metric"]), str(row["source"])): row
            for row in tables.summary.to_dict("records")
        }
        reasons: dict[Key, str] = {}
        repeats = {each.name: int(each.recipe.cv_repeats) for each in tables.study.experiments}
        for row in tables.missing.to_dict("records"):
            where = fold_label(row["repeat"], row["fold"], repeats.get(row["experiment"], 1))
            key = (str(row["experiment"]), str(row["metric"]), str(row["source"]))
            if row["split"] == "test" or row["metric"] == GAP:
                reasons.setdefault(key, f"{row['reason']} ({where})")
        return cls(rows, frozenset(key[0] for key in rows), reasons)

    def cell(
        self, experiment: str, metric: str, source: str, *, expected: int, interval: bool = True
    ) -> GridCell:
        """Write mean, standard deviation and interval of a score, or why it has none."""
        key = (experiment, metric, source)
        row = self.rows.get(key)
        if row is None:
            # No fold has anything, or the metric is not one of this source's.
            is_empty = experiment not in self.scored
            return GridCell(DASH, f"0 of {expected} folds" if is_empty else "", "muted" if is_empty else "")
        if math.isnan(row["mean"]):
            reason = self.reasons.get(key)
            why = f"not defined: {reason}" if reason else f"{row['n']} of {expected} folds"
            return GridCell(DASH, why, "muted")
        if metric.startswith("support["):
            # A mean of counts: 4.5 images per fold are neither 4 nor 5.
            return GridCell(f"{row['mean']:.1f}".removesuffix(".0"), tone="")
        bounds = between(row["ci_low"], row["ci_high"]) if interval else ""
        shown = bounds if bounds != DASH else _bootstrap(row)
        return GridCell(f"{number(row['mean'])} {spread(row['std'])}".strip(), shown)

    def means(self, metric: str) -> dict[str, float]:
        """Return the means of a metric over all sources, by experiment; NaN where there is none."""
        return {key[0]: float(row["mean"]) for key, row in self.rows.items() if key[1:] == (metric, ALL)}


def _bootstrap(row: Mapping[Any, Any]) -> str:
    """Of a single split, the only interval is the bootstrap's."""
    if math.isnan(row["boot_low"]):
        return ""
    return between(row["boot_low"], row["boot_high"])
