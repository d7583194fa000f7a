"""Errors of probabilities: means over all folds, or none."""

import dataclasses
import math
from typing import Any

import pandas as pd
import pytest

from orchestrator.report.grid import GridCell
from orchestrator.report.sections.calibration import calibration_grid, reliability_figure
from orchestrator.report.shown import Bounds, Shown
from orchestrator.wording.curve_captions import reliability_caption
from orchestrator.wording.numbers import number
from tests.cases import fast_first

NUMBERS = {"ece_before": 0.2, "ece_after": 0.1, "brier_before": 0.3, "brier_after": 0.25}


def row(experiment: str, fold: int, method: str, **more: Any) -> dict[str, Any]:
    base = {"experiment": experiment, "repeat": 0, "fold": fold, "method": method, "outcome": "fitted"}
    return {**base, "reason": None, **NUMBERS, **more}


def lines(rows: list[dict[str, Any]], **expected: int) -> list[list[str]]:
    found = calibration_grid(pd.DataFrame(rows), expected)
    assert found is not None
    return [[cell.text for cell in line] for line in found.rows]


def test_errors_are_averaged_over_folds_and_methods_kept_apart() -> None:
    rows = [row("a", 0, "temperature"), row("a", 1, "temperature", ece_after=0.3), row("a", 0, "platt")]
    rows += [row("a", 1, "platt"), row("b", 0, "temperature")]
    assert lines(rows, a=2) == [
        ["a", "temperature", number(0.2), number(0.2), number(0.3), number(0.25), "2 of 2 folds"],
        ["a", "platt", number(0.2), number(0.1), number(0.3), number(0.25), "2 of 2 folds"],
    ]


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_what_was_fitted_in_no_fold_has_dashes_and_its_reason(nothing: float | None) -> None:
    """Catches a page that fails where no trial kept validation rows."""
    lacking = {**dict.fromkeys(NUMBERS, nothing), "outcome": "not fitted", "reason": "no validation rows"}
    rows = [row("a", fold, method, **lacking) for fold in (0, 1) for method in ("temperature", "platt")]
    found = calibration_grid(pd.DataFrame(rows), {"a": 2})
    assert found is not None
    ((*texts, last),) = found.rows
    assert [cell.text for cell in texts] == ["a", "temperature", "–", "–", "–", "–"]
    assert last == GridCell("0 of 2 folds", "no validation rows")


def test_a_mean_over_some_folds_is_not_shown() -> None:
    assert lines([row("a", 0, "temperature")], a=2)[0][2:] == ["–"] * 4 + ["1 of 2 folds"]
    part = [row("a", 0, "temperature"), row("a", 1, "temperature", ece_after=math.nan)]
    assert lines(part, a=2)[0][2:5] == [number(0.2), "–", number(0.3)]


def test_no_rows_are_no_table() -> None:
    assert calibration_grid(pd.DataFrame(), {"a": 2}) is None
    assert calibration_grid(pd.DataFrame([row("b", 0, "temperature")]), {"a": 2}) is None


@pytest.mark.parametrize(
    ("moved", "counted"), fast_first([((-0.01, -0.01), 2), ((0.01, -0.01), 1), ((0.01, 0.01), 0)], 1)
)
def test_the_caption_counts_what_the_table_below_shows(
    two_classes: Any, moved: tuple[float, float], counted: int
) -> None:
    """Catches a caption by the bins of all folds together over a table of means over folds."""
    tables = two_classes.tables
    by_name = dict(zip(("p1_a", "p1_b"), moved, strict=True))
    rows = tables.calibration
    changed = rows.assign(ece_after=rows["ece_before"] + rows["experiment"].map(by_name))
    one, both = Shown(("p1_a",), ""), Shown(("p1_a", "p1_b"), "")
    found = reliability_figure(dataclasses.replace(tables, calibration=changed), Bounds(one, both, both))
    assert found is not None and len(found.panels) == 1
    assert f"lowers the mean ECE of {counted} of 2 experiments (table below)" in found.caption


@pytest.mark.parametrize(
    ("num_classes", "across", "up", "said"),
    [
        (2, "mean P(fake)", "share of fakes", "Mean P(fake) and share of fakes in bins"),
        (4, "mean confidence", "accuracy", "Mean confidence (the largest probability) and accuracy in bins"),
    ],
)
def test_axes_of_reliability_are_called_what_they_are(
    two_classes: Any, num_classes: int, across: str, up: str, said: str
) -> None:
    """Catches a share of fakes called accuracy: images that are real and called real are in bins near 0."""
    tables = two_classes.tables
    experiments = [each.model_copy(update={"num_classes": num_classes}) for each in tables.study.experiments]
    study = tables.study.model_copy(update={"experiments": experiments})
    both = Shown(("p1_a", "p1_b"), "")
    found = reliability_figure(dataclasses.replace(tables, study=study), Bounds(both, both, both))
    assert found is not None and said in found.caption
    for panel in found.panels:
        assert f">{across}<" in panel.picture.svg and f">{up}<" in panel.picture.svg


def test_reliability_of_unlike_experiments_says_which_axes_are_whose() -> None:
    said = reliability_caption([], has_two=True, has_several=True)
    assert said.startswith("Mean P(fake) and share of fakes, or of several classes mean confidence (the ")
