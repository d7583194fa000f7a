"""Choice of the experiments that a page shows, where there are more than the eye compares.

All where there are few; else the chosen one, its runner-up and what else the decision is between, then those
with the best mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.collect import Tables
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.wording.captions import shown_note
from orchestrator.wording.verdict import whole_rows
from trainables.evaluation.metrics import LOWER_IS_BETTER

# Of how many experiments there are curves (of more than 6, four), rows in a figure (of more than 12, eight),
# and rows in a table.
MOST_CURVES, CURVES_OF_MANY, MOST_LINES, LINES_OF_MANY, MOST_LISTED = 6, 4, 12, 8, 50


@dataclass(frozen=True, slots=True)
class Shown:
    """The experiments that a part of the page shows, in the order of the study, and why these."""

    names: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which experiments have curves, a row in a figure, and a row in a table."""

    curves: Shown
    lines: Shown
    listed: Shown

    @classmethod
    def of(cls, tables: Tables, decision: DecisionRecord | None) -> "Bounds":
        """Choose for each part of a page."""
        number = len(tables.study.experiments)
        curves = bounded(number, MOST_CURVES, CURVES_OF_MANY)
        lines = bounded(number, MOST_LINES, LINES_OF_MANY)
        return cls(*(choose_shown(tables, decision, most) for most in (curves, lines, MOST_LISTED)))


def bounded(number: int, most: int, of_many: int) -> int:
    """Say how many to show: all of up to `most`, and of more only `of_many`, which the eye still compares."""
    return number if number <= most else of_many


def choose_shown(tables: Tables, decision: DecisionRecord | None, most: int) -> Shown:
    """Choose at most `most` experiments to show."""
    names = [each.name for each in tables.study.experiments]
    if len(names) <= most:
        return Shown(tuple(names), "")
    metric = tables.headline
    rows = whole_rows(tables.summary, metric).dropna(subset=["mean"])
    ordered = rows.sort_values("mean", ascending=metric in LOWER_IS_BETTER, kind="stable")["experiment"]
    asked = () if decision is None else (decision.chosen, decision.runner_up)
    first = [name for name in asked if name in names]
    candidates = _few_candidates(tables)
    # Two names of the same trials are one thing to look at.
    ranked = _without_twins(
        tables, [*first, *(name for name in ordered if name in candidates), *ordered, *names]
    )
    taken = set(ranked[:most])
    others = taken - set(first)
    among = others & candidates
    note = shown_note(
        len(taken),
        len(names),
        decided=[str(name) for name in first],
        has_candidates=bool(among),
        has_best=bool((others - among) & set(ordered)),
        has_unscored=bool(others - set(ordered)),
        metric=metric,
    )
    return Shown(tuple(name for name in names if name in taken), note)


def _few_candidates(tables: Tables) -> set[str]:
    """The experiments that the decision is between, where these are not all of the phase."""
    rule, number = tables.study.phase.decision, len(tables.study.experiments)
    names = set() if rule is None or rule.factors else set(rule.among)
    return names if len(names) < number else set()


def _without_twins(tables: Tables, names: Sequence[str]) -> list[str]:
    """Put experiments whose trials are those of one before them last; each name once."""
    folders = {each.name: tuple(trial.folder for trial in each.trials) for each in tables.study.experiments}
    first: dict[tuple[str, ...], str] = {}
    for name in names:
        first.setdefault(folders[name], name)
    return list(dict.fromkeys([*(name for name in names if first[folders[name]] == name), *names]))
