"""What a page says of calibration: means over all folds, or none."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.report import curves
from orchestrator.report.cells import Cell
from orchestrator.report.content import calibration
from orchestrator.wording.numbers import number, p_value, signed
from trainables.files import write_json

NUMBERS = {"ece_before": 0.2, "ece_after": 0.1, "brier_before": 0.3, "brier_after": 0.25}


def row(experiment: str, fold: int, method: str, **more: Any) -> dict[str, Any]:
    base = {"experiment": experiment, "repeat": 0, "fold": fold, "method": method, "outcome": "fitted"}
    return {**base, "reason": None, **NUMBERS, **more}


def lines(rows: list[dict[str, Any]], **expected: int) -> list[list[str]]:
    found = calibration(pd.DataFrame(rows), expected)
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
    found = calibration(pd.DataFrame(rows), {"a": 2})
    assert found is not None
    ((*texts, last),) = found.rows
    assert [cell.text for cell in texts] == ["a", "temperature", "–", "–", "–", "–"]
    assert last == Cell("0 of 2 folds", "no validation rows")


def test_a_mean_over_some_folds_is_not_shown() -> None:
    assert lines([row("a", 0, "temperature")], a=2)[0][2:] == ["–"] * 4 + ["1 of 2 folds"]
    part = [row("a", 0, "temperature"), row("a", 1, "temperature", ece_after=math.nan)]
    assert lines(part, a=2)[0][2:5] == [number(0.2), "–", number(0.3)]


def test_no_rows_are_no_table() -> None:
    assert calibration(pd.DataFrame(), {"a": 2}) is None
    assert calibration(pd.DataFrame([row("b", 0, "temperature")]), {"a": 2}) is None


@pytest.mark.parametrize(("moved", "counted"), [((-0.01, -0.01), 2), ((0.01, -0.01), 1), ((0.01, 0.01), 0)])
def test_the_caption_counts_what_the_table_below_shows(
    two_classes: Any, moved: tuple[float, float], counted: int
) -> None:
    """Catches a caption by the bins of all folds together over a table of means over folds."""
    tables = two_classes.tables
    by_name = dict(zip(("p1_a", "p1_b"), moved, strict=True))
    rows = tables.calibration
    changed = rows.assign(ece_after=rows["ece_before"] + rows["experiment"].map(by_name))
    found = curves.reliabilities(
        dataclasses.replace(tables, calibration=changed), {"p1_a": 1}, ("p1_a",), ("p1_a", "p1_b"), note=""
    )
    assert len(found.panels) == 1
    assert f"lowers the mean ECE of {counted} of 2 experiments (table below)" in found.caption


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.05, "0.050"), (0.04996, "0.04996"), (0.0499999, "0.04999"), (0.0494, "0.049"), (0.0002, "< 0.001")],
)
def test_a_p_value_below_the_limit_is_never_written_as_the_limit(value: float, said: str) -> None:
    assert p_value(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "+0.000"), (-2e-7, "-2.0e-07"), (0.0005, "+0.001"), (0.1, "+0.100")]
)
def test_a_difference_that_is_there_is_never_written_as_none(value: float, said: str) -> None:
    assert signed(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(1.4e-18, "0.000"), (-1e-13, "0.000"), (9.8e-5, "9.8e−05"), (-0.0, "0.000")]
)
def test_a_rounding_error_is_nothing_and_a_tiny_number_is_not(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(("unchanged", "is_said"), [(50, False), (51, True)])
def test_face_crops_that_cut_nothing_are_said_before_the_answer(
    tmp_path: Path, write_results: Any, render: Any, unchanged: int, is_said: bool
) -> None:
    """Catches "a crop is as good as none" where both are the same pictures."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    study = store.study("phase1").plain()
    faces = {
        "images": 120, "with_face": 100, "several": 0, "without_face": [], "rules": ["largest"],
        "by_source": [], "unchanged": [{"margin": 0.6, "images": unchanged}],
    }  # fmt: skip
    data = [{**each, "faces": faces} for each in study["data"]]
    write_json(store.study_file("phase1"), {**study, "data": data})
    said = "With face_crop_margin 0.6, 51 of the 100 face crops"
    assert (said in render(store).words) == is_said
