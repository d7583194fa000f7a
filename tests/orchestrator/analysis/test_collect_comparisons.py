"""Comparisons: paired by fold, with the corrected test, and a verdict only where there may be one."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from orchestrator.analysis.collect import collect
from orchestrator.store.folder import Store
from orchestrator.wording.verdict import verdict
from trainables.evaluation.metrics import LOWER_IS_BETTER

# 24 test images; 90 to train and 10 to choose the epoch by.
TEST_SHARE = 24 / 100


def compared(results: Any) -> pd.DataFrame:
    return collect(Store.look(results.write()), results.phase).comparisons


def by_fold(scores: pd.DataFrame, name: str, metric: str) -> np.ndarray:
    chosen = scores[(scores["experiment"] == name) & (scores["metric"] == metric)]
    chosen = chosen[(chosen["source"] == "all") & (chosen["split"] == "test")]
    return np.asarray(chosen.sort_values("fold")["value"])


def set_scores(results: Any, name: str, change: Callable[[pd.DataFrame], pd.Series]) -> None:
    """Replace an experiment's scores in every one of its three folds."""
    for fold in range(3):
        path = results.folder(name, fold) / "predictions.parquet"
        table = pd.read_parquet(path)
        table.assign(score=change(table)).to_parquet(path)


def test_numbers_are_those_of_scipy_with_the_corrected_variance(results: Any) -> None:
    """Catches unpaired differences, the wrong sign, and a p-value without the correction."""
    results.add("a", shift=0.5)
    results.add("b", shift=1.0)
    results.compare("a", "b", "auc", "accuracy", "f1", "log_loss")
    tables = collect(Store.look(results.write()), results.phase)
    rows = tables.comparisons.to_dict("records")
    assert [row["metric"] for row in rows] == ["auc", "accuracy", "f1", "log_loss"]
    for row in rows:
        sides = [by_fold(tables.scores, name, row["metric"]) for name in ("a", "b")]
        differences = sides[1] - sides[0]
        floor = tables.effects.loc[tables.effects["metric"] == row["metric"], "error_floor"].item()
        error = max(differences.std(ddof=1) * np.sqrt(1 / 5 + TEST_SHARE), floor)
        t, half = differences.mean() / error, stats.t.ppf(0.975, 4) * error
        bounds = (differences.mean() - half, differences.mean() + half)
        assert (row["n"], row["source"], row["question"]) == (5, "all", "Is b better?")
        assert row["mean_diff"] == pytest.approx(differences.mean())
        assert row["std_diff"] == pytest.approx(differences.std(ddof=1))
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), 4))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(bounds)


def test_a_whole_test_fold_beside_a_subsample_makes_no_interval_wider(results: Any) -> None:
    """Catches n_test / n_train of a training part that was cut: 1.25 instead of 1/4 for a fifth."""
    results.add("a", shift=0.5, subsample=0.2)
    results.add("b", shift=1.0, subsample=0.2)
    results.compare("a", "b", "auc")
    tables = collect(Store.look(results.write()), results.phase)
    (row,) = tables.comparisons.to_dict("records")
    differences = by_fold(tables.scores, "b", "auc") - by_fold(tables.scores, "a", "auc")
    half = stats.t.ppf(0.975, 4) * differences.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * half)


def spread(table: pd.DataFrame, *, good: float) -> pd.Series:
    """Scores that are right by `good` (logit), with a little noise that differs by fold."""
    rng = np.random.default_rng(int(table["fold"].iloc[0]))
    logits = good * (2 * table["label"] - 1) + 0.05 * rng.normal(size=len(table))
    return pd.Series(1 / (1 + np.exp(-logits)), index=table.index)


@pytest.mark.parametrize(
    ("first", "second", "expected"), [("bad", "good", "better"), ("good", "bad", "worse")]
)
def test_better_and_worse_follow_the_metrics_direction(
    results: Any, first: str, second: str, expected: str
) -> None:
    """Catches a lower log loss that is called worse."""
    strength = {"bad": -1.0, "good": 1.0}
    for name in (first, second):
        results.add(name, folds=3)
        set_scores(results, name, lambda table, name=name: spread(table, good=strength[name]))
    results.compare(first, second, "auc", "log_loss")
    for row in compared(results).to_dict("records"):
        assert row["p_value"] < 0.05
        assert row["verdict"] == expected
        assert (row["mean_diff"] > 0) == ((expected == "better") != (row["metric"] in LOWER_IS_BETTER))


def test_identical_predictions_are_no_difference(results: Any) -> None:
    """Catches identical experiments that are called better, or a division by zero."""
    results.add("a", folds=3)
    results.add("b", folds=3)
    results.compare("a", "b")
    (row,) = compared(results).to_dict("records")
    assert (row["mean_diff"], row["p_value"], row["verdict"]) == (0.0, 1.0, "undecided")
    assert row["p_worse"] == row["p_better"] > 0.1


@pytest.mark.parametrize("state", ["failed", "missing", "interrupted"])
def test_a_missing_fold_leaves_no_verdict(results: Any, state: str) -> None:
    """Catches a test on two pairs that passes for one on three."""
    results.add("a", folds=3, shift=0.0)
    results.add("b", folds=3, shift=3.0, states={2: state})
    results.compare("a", "b")
    (row,) = compared(results).to_dict("records")
    assert (row["n"], row["verdict"]) == (2, "incomplete")
    assert all(np.isnan(row[name]) for name in ("mean_diff", "ci_low", "ci_high", "p_value"))


def test_experiments_on_other_folds_are_not_compared(results: Any) -> None:
    """Catches pairs whose two sides were tested on different images."""
    results.add("a", folds=2, shift=0.0)
    results.add("b", folds=2, shift=3.0, fold_file="ba9876543210.csv")
    results.compare("a", "b")
    (row,) = compared(results).to_dict("records")
    assert (row["n"], row["verdict"]) == (0, "incomplete")


def test_an_experiment_left_out_by_only_is_incomplete_and_no_crash(results: Any) -> None:
    results.add("a", folds=2)["trials"] = []
    results.add("b", folds=2)
    results.compare("a", "b")
    (row,) = compared(results).to_dict("records")
    assert (row["n"], row["verdict"]) == (0, "incomplete")


def test_no_trial_at_all_is_incomplete_and_no_crash(results: Any) -> None:
    results.add("a", states=dict.fromkeys(range(5), "missing"))
    results.add("b", states=dict.fromkeys(range(5), "failed"))
    results.compare("a", "b")
    tables = collect(Store.look(results.write()), results.phase)
    assert len(tables.failures) == 10
    assert tables.scores.empty
    assert list(tables.comparisons["verdict"]) == ["incomplete"]
    assert "No verdict yet" in verdict(tables)


def test_repeats_are_pairs_of_their_own(results: Any) -> None:
    """Catches fold 0 of one repeat that is paired with fold 0 of another."""
    for name, shift in (("a", 0.5), ("b", 1.0)):
        experiment = results.add(name, folds=3, shift=shift)
        experiment["recipe"]["cv_repeats"] = 2
        for trial in list(experiment["trials"]):
            key = trial["key"].replace("c", "d")
            folder = results.root / "trials" / f"{name}-r1f{trial['fold']}-{key[:12]}"
            again = {**trial, "repeat": 1, "key": key}
            results.trial(folder, name, trial["fold"] + 5, key, experiment["recipe"], shift=shift)
            experiment["trials"].append({**again, "folder": folder.relative_to(results.root).as_posix()})
    results.compare("a", "b")
    tables = collect(Store.look(results.write()), results.phase)
    (row,) = tables.comparisons.to_dict("records")
    assert row["n"] == 6
    scores = tables.scores
    wide = scores[(scores["metric"] == "auc") & (scores["source"] == "all") & (scores["split"] == "test")]
    wide = wide.pivot_table(index=["repeat", "fold"], columns="experiment", values="value")
    assert row["std_diff"] == pytest.approx((wide["b"] - wide["a"]).std())


def test_the_sentence_says_the_numbers_of_the_table(results: Any) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3)
    for name, good in (("a", -1.0), ("b", 1.0)):
        set_scores(results, name, lambda table, good=good: spread(table, good=good))
    results.compare("a", "b")
    tables = collect(Store.look(results.write()), results.phase)
    (row,) = tables.comparisons.to_dict("records")
    said = verdict(tables)
    assert said.startswith("b is better than a: AUC")
    assert f"difference {row['mean_diff']:+.3f}" in said
    assert "3 paired folds" in said


@pytest.mark.parametrize(
    ("states", "said"), [({}, "a: AUC 0."), ({0: "failed"}, "No experiment has all its")]
)
def test_without_a_comparison_the_sentence_is_the_score(
    results: Any, states: dict[int, str], said: str
) -> None:
    results.add("a", folds=2, states=states)
    assert said in verdict(collect(Store.look(results.write()), results.phase))


def test_the_tables_are_json_for_other_programs(results: Any) -> None:
    """Catches a NaN in --json, which is no JSON."""
    results.add("a", folds=2, states={0: "failed"})
    results.add("b", folds=2)
    results.compare("a", "b")
    text = compared(results).to_json(orient="records")
    assert json.loads(text)[0]["p_value"] is None


@pytest.mark.slow
def test_of_many_questions_the_answers_are_counted_and_those_that_tell_are_named(results: Any) -> None:
    """Catches a phase of nine questions whose one sentence is about the first."""
    results.add("a", shift=0.2)
    results.add("b", shift=0.2)
    results.add("c", shift=6.0)
    results.add("d", shift=0.2, states={1: "failed"})
    for name in ("b", "c", "d"):
        results.compare("a", name, "auc", "accuracy")
    tables = collect(Store.look(results.write()), results.phase)
    assert verdict(tables) == ("3 questions, by AUC: c is better than a; 1 undecided; 1 incomplete.")
