"""Calibration tables: fitted on validation rows, judged on test rows, the same bytes every time."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from orchestrator.analysis.calibrate import CALIBRATION, RELIABILITY, SHOWN, fit_all, temperatures
from orchestrator.analysis.collect import ALL, Tables, collect
from orchestrator.store.folder import Store
from orchestrator.store.predictions import read_predictions
from trainables.evaluation.calibration import METHODS, calibrated, fit
from trainables.evaluation.reliability import calibration_error

GOLDEN = Path(__file__).parents[2] / "golden"


def tables(results: Any) -> Tables:
    return collect(Store.look(results.write()), results.phase)


def shown(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if key in SHOWN}


def bold(table: pd.DataFrame) -> np.ndarray:
    """Scores of a model that is much too sure of itself, and sometimes wrong."""
    rng = np.random.default_rng(int(table["fold"].iloc[0]))
    logits = (2 * table["label"].to_numpy() - 1) + 1.5 * rng.normal(size=len(table))
    return np.asarray(1 / (1 + np.exp(-6 * logits)))


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["first", "second"])
def test_scores_and_calibration_have_one_ece_and_one_brier_score(phase: str, tmp_path: Path) -> None:
    """Catches a second implementation of a metric, which differs in the last digit."""
    shutil.copytree(GOLDEN / "results", tmp_path / "results")
    found = collect(Store.look(tmp_path / "results"), phase)
    rows = found.scores[(found.scores["split"] == "test") & (found.scores["source"] == ALL)]
    known = {(row.trial, row.metric): row.value for row in rows.itertuples()}
    assert len(found.calibration) > 20
    for row in found.calibration.itertuples():
        assert (known[row.trial, "ece"], known[row.trial, "brier"]) == (row.ece_before, row.brier_before)


def split(results: Any, name: str, fold: int, part: str) -> pd.DataFrame:
    table = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
    return table[table["split"] == part]


def test_every_trial_has_one_row_per_method_with_numbers_of_its_test_rows(results: Any) -> None:
    """Catches a calibration that is judged on the rows that it was fitted on."""
    results.add("a", folds=3)
    for part in ("val", "test"):
        results.rescore("a", part, bold)
    found = tables(results).calibration
    assert list(found.columns) == CALIBRATION
    assert len(found) == 9
    for row in found.to_dict("records"):
        val, test = (split(results, "a", row["fold"], part) for part in ("val", "test"))
        expected = fit(row["method"], val["label"].to_numpy(), val["score"].to_numpy())
        assert json.loads(row["parameters"]) == pytest.approx(shown(expected), abs=1e-9)
        assert (row["n_val"], row["n_test"], row["outcome"]) == (10, 24, expected["outcome"])
        after = calibrated(expected, test["score"].to_numpy())
        assert row["brier_before"] == pytest.approx(brier_score_loss(test["label"], test["score"]))
        assert row["ece_before"] == pytest.approx(
            calibration_error(test["label"].to_numpy(), test["score"].to_numpy())
        )
        if expected["outcome"] != "not fitted":
            assert row["brier_after"] == pytest.approx(brier_score_loss(test["label"], after))
            assert row["ece_after"] == pytest.approx(calibration_error(test["label"].to_numpy(), after))


def test_test_rows_have_no_say_in_the_parameters(results: Any) -> None:
    results.add("a", folds=2)
    before = tables(results).calibration
    results.rescore("a", "test", bold)
    after = tables(results).calibration
    assert list(before["parameters"]) == list(after["parameters"])
    assert list(before["brier_before"]) != list(after["brier_before"])


def test_bins_hold_the_test_rows_of_all_folds_once(results: Any) -> None:
    results.add("a", folds=3)
    for part in ("val", "test"):
        results.rescore("a", part, bold)
    found = tables(results).reliability
    assert list(found.columns) == RELIABILITY
    assert set(found["method"]) == {"none", *METHODS}
    for method, bins in found.groupby("method"):
        assert bins["n"].sum() == 3 * 24 == bins["n_rows"].iloc[0]
        whole = float(
            (bins["n"] * (bins["mean_confidence"] - bins["accuracy"]).abs()).sum() / bins["n"].sum()
        )
        assert bins["ece"].iloc[0] == pytest.approx(whole), method
        assert bins["mean_confidence"].is_monotonic_increasing
    raw = found[found["method"] == "none"]
    every = pd.concat([split(results, "a", fold, "test") for fold in range(3)])
    expected = calibration_error(every["label"].to_numpy(), every["score"].to_numpy())
    assert raw["ece"].iloc[0] == pytest.approx(expected)


def test_an_incomplete_experiment_has_rows_and_no_diagram(results: Any) -> None:
    results.add("a", folds=3, states={1: "failed"})
    found = tables(results)
    assert sorted(set(found.calibration["fold"])) == [0, 2]
    assert found.reliability.empty


def test_a_damaged_trial_is_left_out(results: Any) -> None:
    results.add("a", folds=2)
    (results.folder("a", 1) / "predictions.parquet").write_bytes(b"PAR1")
    assert set(tables(results).calibration["fold"]) == {0}


def test_without_validation_rows_there_is_a_stated_outcome(results: Any) -> None:
    """Catches a crash on a kernel machine, which learns from its validation rows."""
    results.add("a", folds=2)
    for fold in range(2):
        path = results.folder("a", fold) / "predictions.parquet"
        table = pd.read_parquet(path)
        table[table["split"] == "test"].to_parquet(path)
    found = tables(results)
    assert set(found.calibration["outcome"]) == {"not fitted"}
    assert found.calibration["reason"].str.contains("0 validation rows").all()
    assert found.calibration["ece_after"].isna().all()
    assert set(found.reliability["method"]) == {"none"}


def test_several_classes_are_calibrated_by_temperature_alone(results: Any) -> None:
    results.add("a", folds=2, num_classes=3)
    found = tables(results).calibration
    by_temperature = found["method"] == "temperature"
    assert found[by_temperature]["reason"].eq("").all()
    assert found[~by_temperature]["reason"].str.contains("two classes").all()


@pytest.mark.slow
def test_what_is_kept_gives_the_same_tables_and_is_not_used_for_other_predictions(results: Any) -> None:
    """Catches a cache that outlives what it was made of."""
    results.add("a", folds=2)
    first, second = tables(results), tables(results)
    pd.testing.assert_frame_equal(first.calibration, second.calibration)
    pd.testing.assert_frame_equal(first.reliability, second.reliability)
    results.rescore("a", "test", bold)
    changed = tables(results)
    assert list(changed.calibration["brier_before"]) != list(first.calibration["brier_before"])
    assert list(changed.reliability["mean_confidence"]) != list(first.reliability["mean_confidence"])


def test_temperatures_read_from_the_table_calibrate_as_the_fitted_ones(results: Any) -> None:
    """Catches a calibration by another method's numbers, and one where none was fitted."""
    results.add("a", folds=2)
    results.add("b", folds=2)
    for name in ("a", "b"):
        for part in ("val", "test"):
            results.rescore(name, part, bold)
    table = tables(results).calibration
    is_lacking = (table["experiment"] == "a") & (table["fold"] == 1)
    table = table.assign(outcome=table["outcome"].mask(is_lacking, "not fitted"))
    found = temperatures(table, "a")
    assert list(found) == [(0, 0)] and temperatures(table.head(0), "a") == {}
    predictions = read_predictions(results.folder("a", 0), sha256=None)
    fitted = fit_all(predictions.val, num_classes=2)["temperature"]
    scores = predictions.test.probabilities
    np.testing.assert_allclose(calibrated(found[0, 0], scores), calibrated(fitted, scores), atol=1e-9)


def test_fitted_parameters_are_those_of_the_table(results: Any) -> None:
    results.add("a", folds=1)
    predictions = read_predictions(results.folder("a", 0), sha256=None)
    found = fit_all(predictions.val, num_classes=2)
    table = tables(results).calibration.set_index("method")["parameters"]
    assert {method: json.loads(text) for method, text in table.items()} == {
        method: pytest.approx(shown(parameters), abs=1e-9) for method, parameters in found.items()
    }


def test_a_trial_in_another_folder_is_named_by_that_one(results: Any) -> None:
    """Catches tables that name a folder which is gone: equal predictions under another key."""
    experiment = results.add("a", folds=2)
    tables(results)
    old = results.folder("a", 0)
    new = old.with_name(f"{old.name[:-12]}{'f' * 12}")
    old.rename(new)
    moved = {"key": "f" * 64, "folder": new.relative_to(results.root).as_posix()}
    experiment["trials"][0] |= moved
    found = tables(results).calibration
    assert set(found[found["fold"] == 0]["trial"]) == {new.name}
