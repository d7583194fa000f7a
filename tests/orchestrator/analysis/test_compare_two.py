"""Two experiments against each other: scipy's numbers, the fold check first, and the sentences."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from orchestrator.analysis.collect import collect
from orchestrator.analysis.compare_two import NUMBERS, compare_experiments
from orchestrator.statistics import correlated_t
from orchestrator.store.folder import Store
from orchestrator.wording.compare_text import comparison_lines
from orchestrator.wording.verdict import claim, comparison_sentence
from tests.cases import fast_first
from trainables.errors import InputError

# 24 test images; 90 to train and 10 to choose the epoch by.
TEST_SHARE = 24 / 100


def compared(results: Any, metric: str = "auc", rope: float = 0.01) -> dict[str, Any]:
    return compare_experiments(Store.look(results.write()), "a", "b", metric=metric, rope=rope)


def two(results: Any, *, good: tuple[float, float], noise: float = 1.0, folds: int = 5) -> None:
    for name, value in zip(("a", "b"), good, strict=True):
        results.add(name, folds=folds)
        results.separate(name, "test", value, noise)


def aucs(results: Any, name: str, source: str | None = None) -> np.ndarray:
    found = []
    for trial in range(5):
        rows = pd.read_parquet(results.folder(name, trial) / "predictions.parquet")
        rows = rows[rows["split"] == "test"]
        if source is not None:
            rows = rows[(rows["label"] == 0) | (rows["source"] == source)]
        found.append(roc_auc_score(rows["label"], rows["score"]))
    return np.array(found)


def test_the_numbers_are_those_of_scipy_with_the_corrected_variance(results: Any) -> None:
    """Catches validation rows, unpaired differences, and a sign the wrong way round."""
    two(results, good=(0.5, 1.0))
    found = compared(results)
    one, other = aucs(results, "a"), aucs(results, "b")
    differences = other - one
    error = max(differences.std(ddof=1) * np.sqrt(1 / 5 + TEST_SHARE), found["error_floor"])
    half = stats.t.ppf(0.975, 4) * error
    assert found["n"] == 5
    assert (found["baseline_mean"], found["other_mean"]) == pytest.approx((one.mean(), other.mean()))
    assert (found["baseline_std"], found["other_std"]) == pytest.approx((one.std(ddof=1), other.std(ddof=1)))
    assert found["mean_diff"] == pytest.approx(differences.mean())
    assert found["std_diff"] == pytest.approx(differences.std(ddof=1))
    bounds = (differences.mean() - half, differences.mean() + half)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(bounds)
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(differences.mean() / error), 4))
    assert found["min_detectable"] == pytest.approx(half)
    posterior = correlated_t(
        differences, test_share=TEST_SHARE, rope=0.01, folds=5, floor=found["error_floor"]
    )
    probabilities = (found["p_worse"], found["p_equivalent"], found["p_better"])
    assert probabilities == pytest.approx((posterior.below, posterior.within, posterior.above))


@pytest.mark.parametrize(
    "metric",
    fast_first([
        "auc", "accuracy", "log_loss", "eer",
        *(pytest.param(name, marks=pytest.mark.slow)
          for name in
          ("balanced_accuracy", "f1", "precision", "recall", "average_precision", "brier", "ece")),
    ], 2),
)  # fmt: skip
def test_the_numbers_are_those_of_the_phase_that_declares_it(results: Any, metric: str) -> None:
    """Catches a second way of comparing: the same two experiments, two answers."""
    two(results, good=(0.5, 1.0))
    results.compare("a", "b", metric)
    found = compared(results, metric)
    tables = collect(Store.look(results.root), "phase1")
    (row,), (effect,) = (getattr(tables, name).to_dict("records") for name in ("comparisons", "effects"))
    assert (found["verdict"], found["n"]) == (row["verdict"], row["n"])
    for name in NUMBERS:
        assert found[name] == row[name] or (found[name] is None and np.isnan(row[name])), name
    for name in ("better_is", "effect_size", "folds_won", "folds_lost", "repeats_needed", "hours_needed"):
        assert found[name] == effect[name] or (found[name] is None and pd.isna(effect[name])), name
    assert row["p_holm"] == row["p_value"]


def test_what_it_would_take_is_said_where_it_is_undecided(results: Any) -> None:
    two(results, good=(0.5, 0.7))
    found = compared(results)
    said = " ".join(comparison_lines(found))
    assert found["verdict"] == "undecided"
    assert f"would take {found['repeats_needed']} repeats of the folds to show" in said
    assert f"about {60 * found['hours_needed']:.1f} CPU minutes more" in said


def test_delongs_test_is_there_on_request(results: Any) -> None:
    two(results, good=(0.5, 1.0))
    assert compared(results)["p_delong"] is None
    found = compare_experiments(Store.look(results.root), "a", "b", metric="auc", rope=0.01, delong=True)
    assert 0.0 < found["p_delong"] < 1.0
    assert "DeLong's test over the test rows of each fold: p " in " ".join(comparison_lines(found))


def test_trials_that_no_record_names_any_more_are_compared_by_their_rows(results: Any) -> None:
    two(results, good=(0.5, 1.0))
    before = compared(results)
    (results.root / "studies" / "phase1.json").unlink()
    found = compare_experiments(Store.look(results.root), "a", "b", metric="auc", rope=0.01)
    assert found == before


@pytest.mark.slow
def test_differences_by_source_are_there_with_their_own_numbers(results: Any) -> None:
    two(results, good=(0.5, 1.0))
    sources = {(each["source"], each["metric"]): each for each in compared(results)["sources"]}
    assert list(sources) == [
        ("inpainting", "auc"), ("inpainting", "detection_rate"), ("text2img", "auc"),
        ("text2img", "detection_rate"), ("wiki", "false_alarm_rate"),
    ]  # fmt: skip
    expected = aucs(results, "b", "text2img") - aucs(results, "a", "text2img")
    assert sources["text2img", "auc"]["mean_diff"] == pytest.approx(expected.mean())
    assert sources["wiki", "false_alarm_rate"]["better_is"] == "lower"


@pytest.mark.parametrize(
    ("good", "noise", "rope", "verdict", "said"),
    [
        ((-1.0, 1.0), 0.05, 0.01, "better", "b is better than a."),
        ((1.0, -1.0), 0.05, 0.01, "worse", "b is worse than a."),
        (
            (1.0, 1.0),
            1.0,
            0.1,
            "equivalent",
            "practically equal: a difference of more than 0.1 is improbable",
        ),
        ((0.5, 0.6), 1.0, 0.0, "undecided", "Undecided: these folds can tell neither"),
        (
            (0.2, 1.5),
            1.0,
            0.3,
            "undecided",
            "Undecided: there is a difference, but it may well be smaller than 0.3",
        ),
    ],
)
def test_what_it_means_follows_from_p_and_the_probabilities(
    results: Any, good: tuple[float, float], noise: float, rope: float, verdict: str, said: str
) -> None:
    two(results, good=good, noise=noise)
    found = compared(results, rope=rope)
    assert found["verdict"] == verdict
    assert said in " ".join(comparison_lines(found))


def test_a_lower_log_loss_is_better(results: Any) -> None:
    two(results, good=(-1.0, 1.0), noise=0.05)
    found = compared(results, "log_loss")
    assert (found["verdict"], found["better_is"]) == ("better", "lower")
    assert found["mean_diff"] < 0


def test_sentences_say_the_numbers(results: Any) -> None:
    two(results, good=(0.5, 1.0))
    found = compared(results)
    said = " ".join(comparison_lines(found))
    for number in (
        f"Mean {found['other_mean']:.3f} (std {found['other_std']:.3f}) against {found['baseline_mean']:.3f}",
        f"Difference {found['mean_diff']:+.3f}, 95 % interval {found['ci_low']:+.3f} to ",
        f"{found['ci_high']:+.3f} (corrected",
        f"p = {found['p_value']:.3f}",
        f"practically equal: {found['p_equivalent']:.3f}",
        f"could have shown: {found['min_detectable']:.3f}",
        "5 paired test folds",
    ):
        assert number in said


@pytest.mark.parametrize("state", ["failed", "missing", "interrupted"])
def test_a_missing_fold_leaves_no_numbers(results: Any, state: str) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, states={2: state})
    found = compared(results)
    assert found["verdict"] == "incomplete"
    assert f"b: fold 2 {state}" in found["reason"]
    assert "mean_diff" not in found


def test_other_test_rows_are_found_though_there_are_as_many(results: Any) -> None:
    """Catches pairs whose two sides were tested on different images."""
    results.add("a", folds=3)
    results.add("b", folds=3)
    path = results.folder("b", 1) / "predictions.parquet"
    table = pd.read_parquet(path)
    table.assign(path=table["path"].str.replace("test1_0", "test1_99")).to_parquet(path)
    found = compared(results)
    assert found["verdict"] == "incomplete"
    assert "repeat 0 fold 1 was not tested on the same rows (24 and 24)" in found["reason"]


def test_another_fold_file_is_enough_not_to_pair(results: Any) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, fold_file="ba9876543210.csv")
    found = compared(results)
    assert (found["verdict"], found["reason"]) == (
        "incomplete",
        "the two were not split by the same fold files",
    )


def test_other_numbers_of_folds_are_not_paired(results: Any) -> None:
    results.add("a", folds=3)
    results.add("b", folds=2)
    found = compared(results)
    assert (found["verdict"], found["reason"]) == ("incomplete", "the two have different folds")


def test_one_class_in_a_fold_is_no_auc(results: Any) -> None:
    two(results, good=(0.5, 1.0))
    for name in ("a", "b"):
        path = results.folder(name, 2) / "predictions.parquet"
        table = pd.read_parquet(path)
        table[(table["split"] == "val") | (table["label"] == 1)].to_parquet(path)
    found = compared(results)
    assert found["verdict"] == "incomplete"
    assert "a: fold 2: no real image" in found["reason"]
    assert compared(results, "accuracy")["n"] == 5


def test_a_single_split_has_a_difference_and_no_test(results: Any) -> None:
    two(results, good=(0.0, 2.0), folds=1)
    for experiment in results.experiments:
        experiment["recipe"]["protocol"] = "holdout"
    found = compared(results)
    assert (found["n"], found["verdict"], found["p_value"]) == (1, "undecided", None)
    assert found["ci_low"] < found["mean_diff"] < found["ci_high"]
    said = " ".join(comparison_lines(found))
    assert f"{found['ci_low']:+.3f} to {found['ci_high']:+.3f} (paired bootstrap over the groups" in said
    assert "there is no test and no verdict" in said
    json.dumps(found, allow_nan=False)


def test_of_a_single_split_all_is_said_that_was_asked_for(results: Any) -> None:
    """Catches DeLong's test that was asked for and other threads on the two sides, both left unsaid."""
    two(results, good=(0.0, 2.0), folds=1)
    results.facts("b", threads=4)
    store = Store.look(results.write())
    found = compare_experiments(store, "a", "b", metric="auc", rope=0.01, delong=True)
    said = comparison_lines(found)
    assert found["p_delong"] is not None and any(line.startswith("DeLong's test over") for line in said)
    assert said[-1].startswith("The two ran with different CPU threads (1 against 4)")


def test_two_folds_far_apart_are_undecided_for_what_they_are(results: Any) -> None:
    """Catches a large difference of two folds that is said to be perhaps smaller than rope."""
    two(results, good=(-3.0, 3.0), noise=0.05, folds=2)
    results.compare("a", "b")
    found = compared(results)
    assert found["p_value"] < 0.05 and found["p_better"] > 0.95 and found["verdict"] == "undecided"
    said = " ".join(comparison_lines(found))
    assert "Undecided: these folds can tell neither" in said and "Two folds give no verdict" in said
    tables = collect(Store.look(results.root), "phase1")
    for sentence in (comparison_sentence, claim):
        assert "these folds can't tell b from a" in sentence(tables.comparisons.iloc[0], tables)


def test_identical_predictions_are_equal_and_no_crash(results: Any) -> None:
    results.add("a")
    results.add("b")
    found = compared(results)
    assert (found["mean_diff"], found["p_value"], found["verdict"]) == (0.0, 1.0, "undecided")
    assert "other test images would change" in " ".join(comparison_lines(found))


def test_several_classes_are_compared_without_sources(results: Any) -> None:
    for name, shift in (("a", 0.5), ("b", 2.0)):
        results.add(name, num_classes=3, shift=shift)
    found = compared(results, "accuracy")
    assert found["mean_diff"] > 0
    assert found["sources"] == []


def test_experiments_of_different_phases_are_compared(results: Any) -> None:
    results.add("a")
    results.write()
    other = type(results)(results.root, phase="phase2")
    other.add("z")
    other.add("b", shift=2.0)
    other.write()
    found = compare_experiments(Store.look(results.root), "a", "phase2/b", metric="auc", rope=0.01)
    assert (found["n"], found["mean_diff"] > 0) == (5, True)


@pytest.mark.parametrize(
    ("names", "metric", "said"),
    [
        (("a", "c"), "auc", "no experiment 'c'"),
        (("a", "a"), "auc", "the same trials"),
        (("a", "b"), "acuracy", "nearest: accuracy"),
        (("a", "b"), "threshold", "threshold is none of these experiments"),
    ],
)
def test_what_can_not_be_asked_is_refused(
    results: Any, names: tuple[str, str], metric: str, said: str
) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2)
    with pytest.raises(InputError, match=said):
        compare_experiments(Store.look(results.write()), *names, metric=metric, rope=0.01)


def test_the_same_difference_in_every_fold_is_json_too(results: Any) -> None:
    """Catches `Infinity`, which no other program reads, and certainty where nothing varies at all."""
    for name, score in (("a", 0.75), ("b", 0.5)):
        results.add(name, folds=3)
        for part in ("val", "test"):
            results.rescore(name, part, lambda rows, s=score: np.where(rows["label"] == 1, s, 1 - s))
    found = compared(results, "brier")
    assert (found["std_diff"], found["p_value"], found["verdict"]) == (0.0, None, "undecided")
    assert found["effect_size"] is None
    assert "which gives no interval and no test" in " ".join(comparison_lines(found))
    json.dumps(found, allow_nan=False)
