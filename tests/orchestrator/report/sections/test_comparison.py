"""Comparisons in a table and in figures."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.comparison import (
    comparison_grid,
    fold_differences_figure,
    forest_figure,
    undeclared_note,
)
from orchestrator.report.sections.scores import fold_scores_figure
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]


@pytest.mark.slow
def test_columns_that_need_more_folds_are_left_out(results: Any, tables_of: TablesOf) -> None:
    """Catches a column of dashes: Wilcoxon's p exists from six pairs on."""
    for folds, has in ((5, False), (6, True)):
        results.experiments.clear()
        results.comparisons.clear()
        for name in ("a", "b"):
            results.add(f"{name}{folds}", folds=folds)
        results.separate(f"b{folds}", "test", 1.5)
        results.compare(f"a{folds}", f"b{folds}")
        _, tables = tables_of()
        found = comparison_grid(tables, tables.comparisons, "Comparisons")
        assert ("p (Wilcoxon)" in found.columns) == has
        assert len(found.columns) == len(found.rows[0])


@pytest.mark.slow
def test_of_many_comparisons_the_largest_differences_are_shown(results: Any, tables_of: TablesOf) -> None:
    """Catches a figure of hundreds of rows, the wrong ones left out, and more that nobody mentions."""
    for number in range(21):
        results.add(f"e{number:02d}", folds=2)
        results.separate(f"e{number:02d}", "test", 0.15 * number)
        if number:
            results.compare("e00", f"e{number:02d}")
    _, tables = tables_of()
    forest = forest_figure(tables)
    differences = tables.comparisons.set_index("treatment")["mean_diff"].abs()
    largest = set(differences.nlargest(8).index)
    assert {name for name in differences.index if f">{name}<" in forest.panels[0].picture.svg} == largest
    assert forest.caption.endswith("The largest differences are shown: 8 of 20 in AUC.")
    few = dataclasses.replace(tables, comparisons=tables.comparisons.head(12))
    assert "largest" not in forest_figure(few).caption


def test_a_single_split_is_not_said_to_have_t_intervals(results: Any, tables_of: TablesOf) -> None:
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name, folds=1)
        results.separate(name, "test", good)
    results.compare("a", "b")
    _, tables = tables_of()
    assert tables.complete() and tables.comparisons["p_value"].isna().all()
    captions = [
        forest_figure(tables).caption,
        fold_differences_figure(tables).caption,
        fold_scores_figure(tables, ["a", "b"], "").caption,
    ]
    assert not any("t interval" in said or "corrected" in said for said in captions), captions
    assert all("paired bootstrap" in said for said in captions[:2])
    assert "this single split can't tell" in forest_figure(tables).panels[0].label


def test_differences_of_long_names_are_told_apart(results: Any, tables_of: TablesOf) -> None:
    """Catches two figures with one heading, since each pair was cut for itself."""
    names = ["base", *(f"a_network_with_a_long_name_{middle}_and_a_long_end" for middle in ("x", "y"))]
    for name in names:
        results.add(name, folds=2)
    for name in names[1:]:
        results.compare("base", name)
    _, tables = tables_of()
    first, second = (panel.picture.svg for panel in fold_differences_figure(tables).panels)
    headings = [re.findall(r">([^<]* − base)<", svg) for svg in (first, second)]
    assert headings[0] != headings[1] and all(len(found) == 1 for found in headings)


@pytest.mark.slow
def test_a_difference_that_may_be_too_small_is_no_tie_in_the_table(results: Any, tables_of: TablesOf) -> None:
    """Catches a finding that says that nothing can be told over a p-value that tells."""
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b")
    _, tables = tables_of()
    # As wide as the seen difference: half of the posterior is on either side.
    rope = round(float(tables.comparisons["mean_diff"].iloc[0]), 3)
    results.comparisons[0]["rope"] = rope
    _, tables = tables_of()
    (line,) = comparison_grid(tables, tables.comparisons, "Comparisons").rows
    assert line[0].text == f"In AUC, b and a differ, but perhaps by no more than {rope:g}."


def test_the_section_names_differences_that_nobody_declared(results: Any, tables_of: TablesOf) -> None:
    """Catches a better score that comes of weights or epochs that the question does not ask about."""
    results.add("a", folds=2)
    results.add("b", folds=2, epochs=3, dropout=0.5)
    results.compare("a", "b")
    _, tables = tables_of()
    (said,) = undeclared_note(tables).text
    assert said.startswith("b differs from a in epochs (3 against 15), which the comparison does not declare")
    results.comparisons[0]["differs"] = ["epochs", "dropout"]
    assert undeclared_note(tables_of()[1]) is None
