"""A finished trial as numbers: its hash, its rows, what it cost, or why it can't be read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.trial_scores import Problem, Reader, TrialScores
from orchestrator.store.folder import Store


def read(results: Any, folder: Path) -> TrialScores | Problem:
    return Reader(Store.look(results.root)).read(folder, threshold_by="balanced_accuracy")


def test_a_trial_is_its_predictions_with_their_hash_and_what_it_cost(results: Any) -> None:
    results.add("a", folds=2)
    folder = results.folder("a", 1)
    found = read(results, folder)
    assert isinstance(found, TrialScores)
    content = (folder / "predictions.parquet").read_bytes()
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.n_train, found.n_val, found.n_test) == (100, 10, 24)
    assert (found.seconds, found.training_seconds, found.threads) == (7.0, 6.0, 1)
    assert (found.device, found.parameters) == ("cpu", 10)


def test_what_was_not_written_down_is_unknown(results: Any) -> None:
    results.add("a", folds=1)
    results.facts("a", training_seconds=None, parameters=None, threads=None)
    found = read(results, results.folder("a", 0))
    assert isinstance(found, TrialScores)
    assert (found.training_seconds, found.parameters, found.threads) == (None, None, 1)


def test_a_trial_without_validation_rows_has_no_name_for_them(results: Any) -> None:
    results.add("a", folds=1)
    path = results.folder("a", 0) / "predictions.parquet"
    table = pd.read_parquet(path)
    table[table["split"] == "test"].to_parquet(path)
    found = read(results, results.folder("a", 0))
    assert isinstance(found, TrialScores)
    assert found.val_rows == ""


def test_the_key_of_rows_minds_images_and_not_scores_or_order(results: Any) -> None:
    """Catches folds that are called the same because they have equally many rows."""
    results.add("a", folds=1, shift=0.0)
    results.add("b", folds=1, shift=2.0)
    path = results.folder("b", 0) / "predictions.parquet"
    pd.read_parquet(path).sample(frac=1.0, random_state=0).to_parquet(path)
    one, other = (read(results, results.folder(name, 0)) for name in ("a", "b"))
    assert isinstance(one, TrialScores) and isinstance(other, TrialScores)
    assert one.rows == other.rows != one.val_rows == other.val_rows
    table = pd.read_parquet(path)
    table.assign(group=table["group"] + "x").to_parquet(path)
    changed = read(results, results.folder("b", 0))
    assert isinstance(changed, TrialScores)
    assert changed.rows != one.rows and changed.val_rows != one.val_rows


@pytest.mark.parametrize("state", ["failed", "interrupted", "missing"])
def test_a_trial_that_is_not_done_says_why(results: Any, state: str) -> None:
    results.add("a", folds=1, states={0: state})
    found = read(results, results.folder("a", 0))
    assert isinstance(found, Problem)
    assert found.state == state
    assert found.reason == ("the loss is nan" if state == "failed" else "not run to its end yet")


def deciding(found: TrialScores | Problem) -> dict[str, float]:
    assert isinstance(found, TrialScores)
    return {metric: value for split, _, metric, value in found.scores if split == "deciding"}


def test_the_deciding_score_is_that_of_one_half_at_the_epoch_of_the_other(results: Any) -> None:
    """Half a would take the second epoch (0.7 on b), half b the first (0.5 on a); validation rows say 0.9."""
    results.add("a", folds=1, select_by="auc")
    results.halves("a", (0.5, 0.8), (0.9, 0.7), (0.6, 0.6))
    found = read(results, results.folder("a", 0))
    assert deciding(found) == pytest.approx({"auc": (0.7 + 0.5) / 2})
    assert isinstance(found, TrialScores) and found.no_deciding == ""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"n_val_halves": None}, "earlier version"),
        ({"n_val_halves": []}, "too small for two halves"),
        ({"n_val_halves": [5, 5]}, "not every epoch"),
    ],
)
def test_a_trial_without_halves_has_no_deciding_score_and_says_why(
    results: Any, facts: dict[str, Any], said: str
) -> None:
    results.add("a", folds=1)
    results.facts("a", **facts)
    found = read(results, results.folder("a", 0))
    assert deciding(found) == {} and isinstance(found, TrialScores)
    assert said in found.no_deciding


def test_an_epoch_without_halves_leaves_no_deciding_score(results: Any) -> None:
    """Catches a run that an earlier version began, of which only the last epochs would be compared."""
    results.add("a", folds=1)
    results.halves("a", (np.nan, np.nan), (0.9, 0.7))
    found = read(results, results.folder("a", 0))
    assert deciding(found) == {} and isinstance(found, TrialScores)
    assert "not every epoch" in found.no_deciding


def damage_bytes(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:100])


def damage_hash(folder: Path) -> None:
    done = json.loads((folder / "done.json").read_text())
    (folder / "done.json").write_text(json.dumps({**done, "predictions_sha256": "0" * 64}))


def damage_scores(folder: Path) -> None:
    path = folder / "predictions.parquet"
    pd.read_parquet(path).assign(score=np.nan).to_parquet(path)


def damage_range(folder: Path) -> None:
    path = folder / "predictions.parquet"
    pd.read_parquet(path).assign(score=np.inf).to_parquet(path)


def damage_columns(folder: Path) -> None:
    path = folder / "predictions.parquet"
    pd.read_parquet(path).drop(columns=["score"]).to_parquet(path)


def damage_metrics(folder: Path) -> None:
    (folder / "metrics.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_bytes, "Parquet"),
        (damage_hash, "not what the trial wrote"),
        (damage_scores, "finite"),
        (damage_range, "no probability"),
        (damage_columns, "score"),
        (damage_metrics, "metrics.json is damaged"),
    ],
)
def test_a_damaged_trial_says_so_and_what_to_do(results: Any, damage: Any, said: str) -> None:
    results.add("a", folds=1)
    damage(results.folder("a", 0))
    found = read(results, results.folder("a", 0))
    assert isinstance(found, Problem)
    assert found.state == "unreadable"
    assert said in found.reason
    assert "delete the trial's folder" in found.reason
