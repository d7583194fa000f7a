"""The meaning of an outcome: intervals, verdicts, the table, and the sentences that people read."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from orchestrator.checks.shortcuts import (
    COLUMNS,
    auc_text,
    gate_verdict,
    model_scores,
    plan_text,
    refusal,
    shortcut_record,
    shortcut_table,
    warnings,
)
from orchestrator.store.check_outcome import CheckModelScores, CheckOutcome
from orchestrator.store.records import CheckScores, ShortcutRecord, StudyRecord

MakeStudy = Callable[..., StudyRecord]
Alone = tuple[tuple[str, float], ...]
ALONE: Alone = (("file extension", 1.0), ("bytes per pixel", 0.9), ("width", 0.5))


def scores(*aucs: float | None, bootstrap: tuple[float, float] | None = None) -> CheckModelScores:
    folds = [
        {"repeat": 0, "fold": fold, "n_train": 80, "n_test": 20, "auc": auc} for fold, auc in enumerate(aucs)
    ]
    return CheckModelScores.model_validate({"folds": folds, "bootstrap": bootstrap})


def outcome(*aucs: float | None, alike: bool = False, alone: Alone = ALONE) -> CheckOutcome:
    return CheckOutcome(
        check="c" * 20,
        file_facts=scores(*aucs),
        trivial_pixels=scores(0.6, 0.7, 0.8),
        alone=alone,
        written_alike=alike,
    )


def record(*aucs: float | None, accepted: bool = False, **more: Any) -> ShortcutRecord:
    return shortcut_record(
        outcome(*aucs, **more), experiments=["a", "b"], data="/faces", threshold=0.7, accepted=accepted
    )


def test_the_interval_is_nadeau_and_bengios() -> None:
    found = model_scores(scores(0.67, 0.7, 0.73))
    half = stats.t.ppf(0.975, 2) * 0.03 * math.sqrt(1 / 3 + 20 / 80) / (0.7 * 0.3)
    low, high = special.expit(special.logit(0.7) + np.array([-half, half]))
    assert found.mean == pytest.approx(0.7) and found.std == pytest.approx(0.03) and found.n == 3
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))


def test_an_interval_ends_where_aucs_end() -> None:
    """Catches an interval beyond 1, and a perfect leak whose interval has no width or no lower end."""
    assert 0.9 < model_scores(scores(0.8, 0.9, 1.0)).ci_high < 1.0
    assert 0.0 < model_scores(scores(0.0, 0.1, 0.2)).ci_low < 0.1
    found = model_scores(scores(1.0, 1.0, 1.0))
    assert found.ci_high == 1.0 and 0.5 < found.ci_low < 1.0


def test_a_single_split_has_the_bootstraps_interval_and_no_spread() -> None:
    found = model_scores(scores(0.8, bootstrap=(0.7, 0.9)))
    assert found.plain() == {"n": 1, "mean": 0.8, "std": None, "ci_low": 0.7, "ci_high": 0.9}
    assert model_scores(scores(0.8)).ci_low is None


def test_folds_without_an_auc_are_left_out() -> None:
    assert model_scores(scores(0.7, None, 0.9)).n == 2
    assert model_scores(scores(None, None)).mean is None


@pytest.mark.parametrize(
    ("aucs", "accepted", "expected"),
    [
        ((1.0, 1.0, 1.0), False, "refused"),
        ((1.0, 1.0, 1.0), True, "accepted"),
        ((0.69, 0.7, 0.71), False, "passed"),
        ((0.7, 0.71, 0.72), False, "refused"),
        # A mean of 0.75 out of folds from 0.45 to 1: noise of a small set.
        ((0.45, 0.8, 1.0), False, "uncertain"),
        ((0.45, 0.8, 1.0), True, "uncertain"),
        ((0.1, 0.1, 0.1), False, "passed"),
        ((None, None, None), False, "uncertain"),
    ],
)
def test_a_stop_needs_a_mean_above_the_limit_and_an_interval_above_chance(
    aucs: tuple[float | None, ...], accepted: bool, expected: str
) -> None:
    assert record(*aucs, accepted=accepted).verdict == expected


def test_a_single_split_without_an_interval_stops_nothing() -> None:
    facts = CheckScores(n=1, mean=0.9, std=None, ci_low=None, ci_high=None)
    assert gate_verdict(facts, threshold=0.7, accepted=False) == "uncertain"


def test_the_limit_can_be_moved() -> None:
    facts = model_scores(scores(0.75, 0.76, 0.77))
    assert gate_verdict(facts, threshold=0.7, accepted=False) == "refused"
    assert gate_verdict(facts, threshold=0.8, accepted=False) == "passed"


def test_a_refusal_is_a_sentence_with_the_numbers_the_facts_and_both_ways_out() -> None:
    said = refusal(record(1.0, 1.0, 1.0), root="~/faces")
    for part in (
        "~/faces: ", "AUC 1.000 (95 % interval 0.886 to 1.000)", "limit of 0.7", "shortcut_threshold",
        "file extension 1.000, bytes per pixel 0.900", "data equalise ~/faces", "--accept-shortcut",
    ):  # fmt: skip
        assert part in said
    assert "width" not in said and "\n" not in said


def test_facts_that_leak_only_together_are_not_made_up() -> None:
    found = outcome(1.0, 1.0, 1.0, alone=(("width", 0.5),))
    said = shortcut_record(found, experiments=["a"], data="/faces", threshold=0.7, accepted=False)
    assert said.leaks == () and "several facts together" in refusal(said, root="faces")


def test_bytes_of_files_written_alike_are_not_named_as_a_leak() -> None:
    found = shortcut_record(
        outcome(0.5, 0.5, 0.5, alike=True, alone=(("bytes per pixel", 0.9), ("width", 0.5))),
        experiments=["a"], data="/faces", threshold=0.7, accepted=False,
    )  # fmt: skip
    assert found.leaks == () and found.bytes_alone == 0.9


def test_a_reader_is_warned_of_all_but_what_passed(make_study: MakeStudy) -> None:
    assert warnings(make_study(record(0.5, 0.5, 0.6))) == [] and warnings(make_study()) == []
    (accepted,) = warnings(make_study(*[record(1.0, 1.0, 1.0, accepted=True)] * 2))
    assert "a shortcut was accepted" in accepted and "file extension 1.000" in accepted
    (late,) = warnings(make_study(record(1.0, 1.0, 1.0)))
    assert "was not accepted when these trials ran" in late
    (small,) = warnings(make_study(record(0.45, 0.8, 1.0)))
    assert "too few images" in small
    (none,) = warnings(make_study(record(None, None)))
    assert "could not be scored" in none


def test_the_table_has_two_rows_an_experiment_in_the_studys_order(make_study: MakeStudy) -> None:
    table = shortcut_table(make_study(record(0.79, 0.8, 0.81), names=("b", "a")))
    assert list(table.columns) == COLUMNS
    assert list(zip(table["experiment"], table["check"], table["verdict"], strict=True)) == [
        ("b", "file facts", "refused"), ("b", "trivial pixels", "reported"),
        ("a", "file facts", "refused"), ("a", "trivial pixels", "reported"),
    ]  # fmt: skip
    assert list(table["mean"]) == pytest.approx([0.8, 0.7, 0.8, 0.7])
    assert set(table["data"]) == {"/faces"} and set(table["n"]) == {3} and set(table["metric"]) == {"auc"}


def test_a_record_of_an_earlier_version_has_an_empty_table(make_study: MakeStudy) -> None:
    empty = shortcut_table(make_study())
    pd.testing.assert_frame_equal(empty, pd.DataFrame([], columns=COLUMNS))


def test_a_plan_says_what_is_known() -> None:
    assert "not looked for yet" in plan_text(None)
    assert "stops a run without --accept-shortcut" in plan_text(record(1.0, 1.0, 1.0))
    assert plan_text(record(0.5, 0.5, 0.6)).endswith("passed")
    assert auc_text(model_scores(scores(0.8))) == "AUC 0.800"
