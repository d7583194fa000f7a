"""Two experiments of which one was tested on fewer rows: paired on those that both have, and said so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.compare_two import compare_experiments
from orchestrator.store.folder import Store
from orchestrator.wording.answers import answer_questions
from orchestrator.wording.compare_text import comparison_lines

TablesOf = Callable[[], tuple[Store, Tables]]
OTHER_FILE = "ba9876543210.csv"


def rows_of(results: Any, name: str, fold: int) -> pd.DataFrame:
    rows = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
    return rows[rows["split"] == "test"].set_index("path").sort_index()


def cut(results: Any, name: str, keep: Callable[[pd.DataFrame], Any]) -> None:
    """Leave of the test rows those that `keep` chooses, as a subsample did that cut test folds too."""
    for fold in range(5):
        path = results.folder(name, fold) / "predictions.parquet"
        table = pd.read_parquet(path)
        left = table[(table["split"] != "test") | keep(table)]
        left.to_parquet(path)
        results.facts(name, n_test=int((left["split"] == "test").sum()))


def is_even(table: pd.DataFrame) -> Any:
    return table["path"].str.extract(r"_(\d+)\.")[0].astype(int) % 2 == 0


@pytest.fixture
def subsampled(results: Any) -> Any:
    """Two experiments, a on whole test folds, b on every second image of them, by another fold file."""
    results.add("a")
    results.add("b", fold_file=OTHER_FILE, subsample=0.5)
    results.separate("a", "test", 0.5)
    results.separate("b", "test", 0.9)
    cut(results, "b", is_even)
    results.compare("a", "b", "auc", "accuracy")
    return results


def test_both_sides_are_scored_on_the_rows_that_both_have(subsampled: Any, tables_of: TablesOf) -> None:
    """Catches half a study that can't be compared with the other half, and scores of other images."""
    _, tables = tables_of()
    differences = []
    for fold in range(5):
        one, other = (rows_of(subsampled, name, fold) for name in ("a", "b"))
        one = one.loc[other.index]
        assert len(other) == 12 and one["label"].equals(other["label"])
        scores = [roc_auc_score(side["label"], side["score"]) for side in (one, other)]
        differences.append(scores[1] - scores[0])
    row, effect = tables.comparisons.iloc[0], tables.effects.iloc[0]
    assert row["n"] == 5 and row["verdict"] != "incomplete"
    assert row["mean_diff"] == pytest.approx(np.mean(differences))
    assert row["std_diff"] == pytest.approx(np.std(differences, ddof=1))
    assert effect["common_rows"] == 60
    assert "paired on the 60 test rows that both have, of 120 and 60" in effect["reason"]
    (answer,) = answer_questions(tables)
    assert "AUC on the 60 test images that both have, difference" in answer.sentence


@pytest.mark.slow
def test_compare_says_that_rows_were_left_out(subsampled: Any) -> None:
    found = compare_experiments(Store.open(subsampled.write()), "a", "b", metric="auc", rope=0.01)
    means = []
    for name in ("a", "b"):
        sides = [(rows_of(subsampled, name, fold), rows_of(subsampled, "b", fold).index) for fold in range(5)]
        chosen = [rows.loc[index] for rows, index in sides]
        means.append(np.mean([roc_auc_score(rows["label"], rows["score"]) for rows in chosen]))
    assert (found["baseline_mean"], found["other_mean"]) == pytest.approx(tuple(means))
    assert found["common_rows"] == 60
    said = "Their test folds are not the same images; all numbers are of the 60 that both have."
    assert said in comparison_lines(found)


def test_where_nothing_was_cut_nothing_is_said(results: Any, tables_of: TablesOf) -> None:
    for name in ("a", "b"):
        results.add(name)
    results.compare("a", "b")
    _, tables = tables_of()
    assert tables.effects["common_rows"].isna().all()


@pytest.mark.slow
def test_folds_that_were_dealt_differently_stay_unpaired(subsampled: Any, tables_of: TablesOf) -> None:
    """Catches images that one model was tested on and the other one learnt from."""
    paths = [subsampled.folder("b", fold) / "predictions.parquet" for fold in (0, 1)]
    first, second = (pd.read_parquet(path) for path in paths)
    second.assign(fold=0).to_parquet(paths[0])
    first.assign(fold=1).to_parquet(paths[1])
    _, tables = tables_of()
    assert set(tables.comparisons["verdict"]) == {"incomplete"}
    assert "not split by the same fold files" in tables.effects["reason"].iloc[0]


@pytest.mark.slow
def test_what_the_common_rows_do_not_give_stays_incomplete(results: Any, tables_of: TablesOf) -> None:
    """Catches an AUC of rows of one class."""
    results.add("a")
    results.add("b", subsample=0.5, fold_file=OTHER_FILE)
    cut(results, "b", lambda table: table["label"] == 1)
    results.compare("a", "b", "auc")
    _, tables = tables_of()
    assert set(tables.comparisons["verdict"]) == {"incomplete"}


@pytest.mark.slow
def test_without_a_common_row_it_is_incomplete_as_ever(results: Any, tables_of: TablesOf) -> None:
    results.add("a")
    results.add("b", subsample=0.5, fold_file=OTHER_FILE)
    cut(results, "a", is_even)
    cut(results, "b", lambda table: ~is_even(table))
    results.compare("a", "b")
    _, tables = tables_of()
    assert tables.comparisons["verdict"].tolist() == ["incomplete"]
    assert "not split by the same fold files" in tables.effects["reason"].iloc[0]


@pytest.mark.slow
def test_rows_that_differ_without_a_cut_stay_unpaired(results: Any, tables_of: TablesOf) -> None:
    """Catches two different test sets that share some images by chance."""
    for name, gone in (("a", 0), ("b", 1)):
        results.add(name)
        cut(results, name, lambda table, gone=gone: ~table["path"].str.endswith(f"_{gone}.jpg"))
    results.compare("a", "b")
    _, tables = tables_of()
    assert tables.comparisons["verdict"].tolist() == ["incomplete"]
