"""Verdicts where little varies: no certainty from folds that agree, from two of them, or from no error."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from orchestrator.analysis.collect import collect
from orchestrator.statistics.delong import delong_test
from orchestrator.store.folder import Store

Row = dict[Any, Any]


def comparison(results: Any) -> tuple[Row, Row]:
    """The row of the only comparison, and of its effect."""
    found = collect(Store.look(results.write()), results.phase)
    (row,), (effect,) = found.comparisons.to_dict("records"), found.effects.to_dict("records")
    return row, effect


def test_identical_predictions_are_no_proof_of_equality(results: Any) -> None:
    """Catches P = 1 from no spread: 36 images a class can't exclude a difference of 0.01."""
    results.add("a", folds=3)
    results.add("b", folds=3)
    results.compare("a", "b")
    row, effect = comparison(results)
    assert (row["verdict"], row["p_value"]) == ("undecided", 1.0) and row["p_equivalent"] < 0.5
    assert (row["std_diff"], effect["effect_size"], effect["folds_tied"]) == (0, 0, 3)
    # A half of one of 18 groups of a class, with two degrees of freedom.
    assert (effect["error_from"], effect["error_floor"]) == ("test groups", pytest.approx(1 / 36))
    assert row["min_detectable"] == pytest.approx(stats.t.ppf(0.975, 2) / 36)


@pytest.mark.parametrize(
    ("metric", "at"), [("auc", "both are at 1.000"), ("accuracy", "both"), ("eer", "both are at 0.000")]
)
def test_two_without_an_error_get_no_verdict(results: Any, metric: str, at: str) -> None:
    """Catches two AUCs of 1.000 that are called practically equal with certainty."""
    for name in ("a", "b"):
        results.add(name)
        results.separate(name, "test", 20.0)
    results.compare("a", "b", metric)
    results.comparisons[0]["rope"] = 0.5
    row, effect = comparison(results)
    assert (row["mean_diff"], row["verdict"]) == (0.0, "undecided") and row["p_equivalent"] > 0.99
    assert effect["reason"].startswith(at) and "too easy to tell them apart" in effect["reason"]


def test_two_folds_get_no_verdict(results: Any) -> None:
    """Catches a t-test with one degree of freedom that is believed."""
    for name, good in (("a", -3.0), ("b", 3.0)):
        results.add(name, folds=2)
        results.separate(name, "test", good, 0.05)
    results.compare("a", "b")
    row, effect = comparison(results)
    assert (row["n"], row["verdict"]) == (2, "undecided") and row["mean_diff"] > 0.9
    assert "cv_folds of 3 or more" in effect["reason"]


def test_each_fold_one_image_better_is_no_certainty(results: Any) -> None:
    """Catches an interval from +0.042 to +0.042 with p < 0.001: one image of 24 on each of five folds."""
    for name, number in (("a", 1), ("b", 0)):
        results.add(name)
        results.rescore(
            name,
            "test",
            lambda rows, number=number: np.where(
                np.arange(len(rows)) < number, 1.0 - rows["label"], rows["label"]
            ),
        )
    results.compare("a", "b", "accuracy")
    row, effect = comparison(results)
    assert row["mean_diff"] == pytest.approx(1 / 24) and row["std_diff"] == pytest.approx(0.0)
    assert row["verdict"] == "undecided" and 0.05 < row["p_value"] < 0.2
    assert row["ci_low"] < 0.0 < 0.08 < row["ci_high"] and row["min_detectable"] > 1 / 24
    # One group of each fold differs: its number in a draw has a variance of about 1.
    assert effect["error_floor"] == pytest.approx(1 / 24 / np.sqrt(5), rel=0.08)
    assert effect["error_from"] == "test groups"


def rows_of(results: Any, name: str, fold: int) -> pd.DataFrame:
    found = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
    return found[found["split"] == "test"].sort_values("path")


def test_the_floor_is_the_paired_variance_over_groups(results: Any) -> None:
    """Against DeLong's for groups: catches draws that are not the same for both, and single images drawn."""
    results.add("a", shift=0.5)
    results.add("b", shift=2.0)
    for name in ("a", "b"):
        for fold in range(5):
            path = results.folder(name, fold) / "predictions.parquet"
            table = pd.read_parquet(path)
            # Two images of one class are a group.
            ranks = table.groupby(["split", "label"]).cumcount() // 2
            table.assign(group=table["label"].astype(str) + "-" + ranks.astype(str)).to_parquet(path)
    results.compare("a", "b")
    row, effect = comparison(results)
    variances = []
    for fold in range(5):
        one, other = (rows_of(results, name, fold) for name in ("a", "b"))
        codes = pd.factorize(one["group"])[0]
        labels, sides = one["label"].to_numpy(), (one["score"].to_numpy(), other["score"].to_numpy())
        variances.append(delong_test(labels, *sides, groups=codes).variance)
    assert effect["error_floor"] == pytest.approx(np.sqrt(np.sum(variances)) / 5, rel=0.15)
    error = max(effect["error_floor"], row["std_diff"] * np.sqrt(1 / 5 + 24 / 100))
    assert row["min_detectable"] == pytest.approx(stats.t.ppf(0.975, 4) * error)


@pytest.mark.slow
def test_what_was_drawn_for_a_comparison_is_kept(results: Any) -> None:
    """Catches a floor that is missing once bounds are known from before the comparison was declared."""
    results.add("a", shift=0.5)
    results.add("b", shift=0.8)
    collect(Store.look(results.write()), results.phase)
    results.compare("a", "b", "auc", "eer")
    store = Store.look(results.write())
    first = collect(store, results.phase).effects
    assert len(list(store.cache.glob("scores/draws-*"))) == 2
    pd.testing.assert_frame_equal(collect(store, results.phase).effects, first)
    # EER has no bootstrap: a half of one of 30 groups of a class.
    assert first["error_floor"].iloc[0] > 1 / 60 == pytest.approx(first["error_floor"].iloc[1])


def test_repeats_leave_the_degrees_of_freedom_and_the_floor(results: Any) -> None:
    """Catches 5 degrees of freedom of two repeats of three folds."""
    for name, shift in (("a", 0.5), ("b", 1.0)):
        experiment = results.add(name, folds=3, shift=shift)
        experiment["recipe"]["cv_repeats"] = 2
        for trial in list(experiment["trials"]):
            key = trial["key"].replace("c", "d")
            folder = results.root / "trials" / f"{name}-r1f{trial['fold']}-{key[:12]}"
            results.trial(folder, name, trial["fold"] + 5, key, experiment["recipe"], shift=shift)
            again = {**trial, "repeat": 1, "key": key, "folder": f"trials/{folder.name}"}
            experiment["trials"].append(again)
    results.compare("a", "b")
    row, effect = comparison(results)
    error = max(effect["error_floor"], row["std_diff"] * np.sqrt(1 / 6 + 24 / 100))
    half = stats.t.ppf(0.975, 2) * error
    assert row["n"] == 6 and row["ci_high"] - row["mean_diff"] == pytest.approx(half)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(row["mean_diff"]) / error, 2))
