"""Hard examples over the experiments of a phase: planted ones, each in its place and with its scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis import image_scores
from orchestrator.analysis.collect import Tables, collect
from orchestrator.store.folder import Store

# Of every fold's test rows (see the fixture) these are hard for some.
MISSED, ALARM = "text2img/test0_0.jpg", "wiki/test1_3.jpg"


def clear_cut(results: Any, name: str, wrong: tuple[str, ...] = (), **options: Any) -> None:
    """Add an experiment that is right by far of all images but `wrong`."""
    results.add(name, folds=2, **options)

    def scores(table: pd.DataFrame) -> Any:
        is_fake = (table["label"] == 1) != table["path"].isin(wrong)
        spread = np.arange(len(table)) / (100 * len(table))
        return np.where(is_fake, 0.9, 0.1) + spread

    for split in ("val", "test"):
        results.rescore(name, split, scores)


def found(results: Any) -> Tables:
    return collect(Store.open(results.write()), results.phase)


def read(results: Any, name: str) -> pd.DataFrame:
    return pd.read_csv(results.root / "collected" / results.phase / f"{name}.csv")


def test_planted_images_are_found_with_their_scores(results: Any) -> None:
    """Catches counts over folds instead of experiments, and mistakes of a minority."""
    clear_cut(results, "a", (MISSED, ALARM))
    clear_cut(results, "b", (MISSED, ALARM))
    clear_cut(results, "c", (MISSED, "wiki/test0_1.jpg"))
    tables = found(results)
    table = read(results, "hard_examples")
    assert table["path"].tolist() == [ALARM, MISSED] or table["path"].tolist() == [MISSED, ALARM]
    rows = table.set_index("path")
    assert rows.loc[MISSED, ["kind", "wrong", "experiments"]].tolist() == ["false_negative", 3, 3]
    assert rows.loc[ALARM, ["kind", "wrong", "experiments"]].tolist() == ["false_positive", 2, 3]
    assert rows.loc[MISSED, "rank"] == 2 or rows.loc[ALARM, "rank"] == 2
    scores = read(results, "hard_scores")
    mine = scores[scores["path"] == ALARM]
    assert mine["experiment"].tolist() == ["a", "b", "c"]
    assert mine["is_wrong"].tolist() == [True, True, False]
    assert set(mine["fold"]) == {1}
    stored = pd.read_parquet(results.folder("a", 1) / "predictions.parquet").set_index("path")
    assert mine["score"].iloc[0] == pytest.approx(stored.loc[ALARM, "score"], abs=1e-6)
    assert rows.loc[ALARM, "score"] == pytest.approx(mine["score"].mean(), abs=1e-6)
    assert tables.images.hard.num_hard == (1, 1)
    assert sum(tables.images.hard.num_images) == 48


def test_the_trials_own_threshold_decides(results: Any) -> None:
    """Catches a threshold of 0.5 where the inner validation rows chose another."""
    results.add("low", folds=2)

    def scores(table: pd.DataFrame) -> Any:
        return np.where(table["label"] == 1, 0.3, 0.1) + np.arange(len(table)) / (100 * len(table))

    for split in ("val", "test"):
        results.rescore("low", split, scores)
    found(results)
    assert read(results, "hard_examples").empty


def test_what_an_experiment_never_saw_is_no_fault_of_it(results: Any) -> None:
    clear_cut(results, "a", (MISSED,), train_sources=("wiki", "inpainting"))
    clear_cut(results, "b")
    clear_cut(results, "c", (ALARM,), states={1: "failed"})
    tables = found(results)
    assert read(results, "hard_examples").empty
    assert tables.images.experiments == ("a", "b")
    assert [(name, why.value) for name, why in tables.images.not_counted] == [("c", "incomplete")]


def test_a_second_collection_reads_no_prediction(
    results: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches a cost that grows with the predictions of the phase at every collection."""
    clear_cut(results, "a", (MISSED,))
    found(results)
    first = (results.root / "collected" / results.phase / "hard_scores.csv").read_bytes()

    def refuse(*_: object) -> None:
        raise AssertionError("predictions are read")

    monkeypatch.setattr(image_scores.Reader, "predictions", refuse)
    found(results)
    assert (results.root / "collected" / results.phase / "hard_scores.csv").read_bytes() == first


def test_several_classes(results: Any) -> None:
    results.add("a", folds=2, num_classes=3)
    found(results)
    table = read(results, "hard_examples")
    assert len(table) and set(table["kind"]) == {"wrong_class"}
    rows = pd.concat(pd.read_parquet(results.folder("a", fold) / "predictions.parquet") for fold in range(2))
    rows = rows[rows["split"] == "test"].set_index("path")
    wrong = rows[rows["predicted"] != rows["label"]]
    assert len(table) == min(30, len(wrong)) and set(table["path"]) <= set(wrong.index)
    first = rows.loc[table["path"].iloc[0]]
    assert table["score"].iloc[0] == pytest.approx(first[f"p{first['label']}"], abs=1e-6)
    outcomes = read(results, "outcome_scores").set_index("outcome")
    assert outcomes.loc["wrong", "rows"] == len(wrong)


def test_scores_by_outcome_count_every_row(results: Any) -> None:
    clear_cut(results, "a", (MISSED, ALARM))
    found(results)
    rows = read(results, "outcome_scores").set_index("outcome")
    assert rows["rows"].sum() == 48 and rows["share"].sum() == pytest.approx(1.0)
    assert rows.loc["false_real", "rows"] == 1 and rows.loc["false_fake", "rows"] == 1
    assert rows.loc["false_fake", "median"] > 0.85 > rows.loc["true_real", "q95"]
