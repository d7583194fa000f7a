"""The tables beside the scores: sources, held-out sources, gaps, confusions, effects, pairs and ranks."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from orchestrator import statistics
from orchestrator.analysis import comparing
from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.holdout import holdout_deltas
from orchestrator.statistics.delong import combined_p, delong_test
from orchestrator.store.folder import Store

SHARE = 24 / 100


def tables(results: Any) -> Tables:
    return collect(Store.look(results.write()), results.phase)


def stored(results: Any, name: str, fold: int, split: str = "test") -> pd.DataFrame:
    rows = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
    return rows[rows["split"] == split].sort_values("path")


def one(frame: pd.DataFrame, **wanted: Any) -> dict[str, Any]:
    for column, content in wanted.items():
        frame = frame[frame[column] == content]
    (row,) = frame.to_dict("records")
    return dict(row)


def test_columns_of_the_additional_tables_are_on_disk(results: Any) -> None:
    for number in range(6):
        results.add(f"m{number}", folds=2)
    results.compare("m0", "m1")
    tables(results)
    folder = results.root / "collected" / "phase1"
    expected = {
        "per_source": "experiment source metric n n_expected mean std ci_low ci_high is_worst reason",
        "holdout": "experiment source n n_expected in_source held_out delta std ci_low ci_high "
        "p_value reason",
        "effects": "question baseline treatment metric source better_is gain effect_size folds_won "
        "folds_tied folds_lost common_rows rope error_from error_floor detectable repeats repeats_needed "
        "hours_needed device p_delong reason",
        "pairs": "metric first second n mean_diff std_diff ci_low ci_high p_value p_holm",
        "ranking": "metric experiment rank rank_low rank_high may_be_best mean ci_low ci_high to_best "
        "to_best_low to_best_high p_value p_holm n mean_rank critical_difference friedman_p letters basis",
        "balance": "experiment n n_expected sources worst_source worst_folds worst worst_std worst_low "
        "worst_high spread spread_low spread_high against difference ci_low ci_high p_value p_holm reason",
        "pareto": "metric measure experiment cost mean on_front dominated_by against gain ci_low ci_high "
        "p_value p_holm is_shown reason",
        "confusion": "experiment repeat fold actual predicted count",
        "missing": "experiment repeat fold split source metric reason trial",
    }
    for name, columns in expected.items():
        assert list(pd.read_csv(folder / f"{name}.csv").columns) == columns.split(), name


def test_sources_have_their_mean_rates_and_the_worst_is_marked(results: Any) -> None:
    results.add("a", folds=3)
    found = tables(results).per_source
    aucs: dict[str, list[float]] = {"text2img": [], "inpainting": []}
    for fold in range(3):
        rows = stored(results, "a", fold)
        for source, values in aucs.items():
            both = rows[(rows["source"] == source) | (rows["label"] == 0)]
            values.append(float(metrics.roc_auc_score(both["label"], both["score"])))
    for source, values in aucs.items():
        row = one(found, source=source, metric="auc")
        assert (row["mean"], row["std"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
        is_worst = np.mean(values) == min(np.mean(each) for each in aucs.values())
        assert row["is_worst"] == ("yes" if is_worst else "")
    variance = one(found, source="all", metric="source_auc_variance")
    expected = np.mean([np.var(pair, ddof=1) for pair in zip(*aucs.values(), strict=True)])
    assert variance["mean"] == pytest.approx(expected)


def test_an_incomplete_source_says_why(results: Any) -> None:
    results.add("a", folds=3, states={2: "failed"})
    found = tables(results).per_source
    assert (found["reason"] == "fold 2 failed: the loss is nan").all() and found["mean"].isna().all()


def test_the_gap_is_validation_minus_training_loss_of_the_best_epoch(results: Any) -> None:
    """history.csv by hand: in epoch 2 the training loss is 1/2 and the validation loss 0.5 + 1/2."""
    results.add("a", folds=2)
    found = tables(results)
    assert one(found.summary, metric="train_val_gap")["mean"] == pytest.approx(0.5)
    assert set(found.scores[found.scores["metric"] == "train_loss"]["value"]) == {0.5}
    (results.folder("a", 1) / "history.csv").unlink()
    found = tables(results)
    assert np.isnan(one(found.summary, metric="train_val_gap")["mean"])
    assert "no losses of the best epoch" in one(found.missing, metric="train_val_gap")["reason"]


def test_confusions_count_the_test_rows_of_each_fold(results: Any) -> None:
    results.add("a", folds=2, num_classes=5)
    found = tables(results).confusion
    for fold in range(2):
        rows = stored(results, "a", fold)
        matrix = found[found["fold"] == fold].pivot(index="actual", columns="predicted", values="count")
        expected = metrics.confusion_matrix(rows["label"], rows["predicted"], labels=range(5))
        np.testing.assert_array_equal(matrix.to_numpy(), expected)


def test_held_out_sources_are_compared_with_those_trained_on(results: Any) -> None:
    results.add("a", folds=3, train_sources=("wiki", "text2img"))
    results.add("b", folds=3)
    found = tables(results).holdout
    rows = pd.concat([stored(results, "a", fold) for fold in range(3)])
    (expected,) = holdout_deltas(rows, train_sources=["wiki", "text2img"], test_share=SHARE)
    (row,) = found.to_dict("records")
    assert (row["experiment"], row["source"], row["n"]) == ("a", "inpainting", 3)
    assert row["delta"] == pytest.approx(expected.delta.mean)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.delta.low, expected.delta.high))
    pd.testing.assert_frame_equal(tables(results).holdout, found)


def test_nothing_to_compare_a_held_out_source_with_is_a_reason(results: Any) -> None:
    results.add("a", folds=2, train_sources=("wiki", "insight"))
    (row,) = tables(results).holdout.to_dict("records")
    assert row["n"] == 0 and np.isnan(row["delta"]) and "no fake image" in row["reason"]


def test_holm_runs_over_all_declared_rows(results: Any) -> None:
    """Catches a correction within one question, or one that forgets what has not run yet."""
    for name, shift in (("a", 0.3), ("b", 0.8), ("c", 1.5)):
        results.add(name, shift=shift)
    results.add("d", states={0: "failed"})
    results.compare("a", "b", "auc", "accuracy")
    results.compare("a", "c", "auc")
    results.compare("a", "d", "auc")
    found = tables(results).comparisons
    p_values = [1.0 if np.isnan(p) else p for p in found["p_value"]]
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="holm")[1]
    assert list(found["p_holm"][:3]) == pytest.approx(list(expected[:3]), abs=1e-12)
    assert np.isnan(found["p_holm"].iloc[3]) and found["verdict"].iloc[3] == "incomplete"


@given(*[st.floats(0, 1)] * 3, st.integers(1, 20))
def test_the_verdict_follows_its_rule(p_holm: float, one_side: float, other: float, family: int) -> None:
    """Catches an equality that is claimed at 95 % in each of many comparisons."""
    total = max(1.0, one_side + other)
    sides = {"p_better": one_side / total, "p_worse": other / total}
    row = {**sides, "p_equivalent": 1 - sum(sides.values())}
    expected = "undecided"
    if row["p_equivalent"] > 1 - 0.05 / family:
        expected = "equivalent"
    for name in ("better", "worse"):
        if p_holm < 0.05 and row[f"p_{name}"] > 0.95:
            expected = name
    assert comparing.comparison_verdict(p_holm, family=family, **row) == expected


def test_a_significant_difference_within_the_rope_is_not_called_better(results: Any) -> None:
    """Catches a verdict that hangs on p alone: the difference is certain, and too small to matter."""
    results.add("a", folds=3)
    results.add("b", folds=3)
    for fold in range(3):
        path = results.folder("b", fold) / "predictions.parquet"
        rows = pd.read_parquet(path)
        rows.assign(score=rows["score"] * 0.999).to_parquet(path)
    results.compare("a", "b", "brier")
    (row,) = tables(results).comparisons.to_dict("records")
    assert 0 < abs(row["mean_diff"]) < 0.01 and row["verdict"] == "equivalent"
    results.comparisons[0]["rope"] = 0.0
    (row,) = tables(results).comparisons.to_dict("records")
    assert row["p_equivalent"] == 0.0 and row["verdict"] != "equivalent"


@pytest.mark.parametrize("metric", ["auc", "log_loss", "brier", "ece", "eer"])
def test_effects_say_the_sign_of_better(results: Any, metric: str) -> None:
    """Catches a lower error rate that is counted as a loss."""
    results.add("a", shift=0.3)
    results.add("b", shift=2.0)
    results.compare("a", "b", metric)
    found = tables(results)
    (row,), (effect,) = found.comparisons.to_dict("records"), found.effects.to_dict("records")
    is_lower = metric != "auc"
    assert effect["better_is"] == ("lower" if is_lower else "higher")
    assert effect["gain"] == pytest.approx(-row["mean_diff"] if is_lower else row["mean_diff"])
    assert effect["effect_size"] == pytest.approx(effect["gain"] / row["std_diff"])
    assert effect["folds_won"] + effect["folds_tied"] + effect["folds_lost"] == 5
    if metric in ("auc", "log_loss"):
        assert effect["gain"] > 0 and row["p_better"] > row["p_worse"]


def test_posterior_and_visible_difference_are_those_of_the_fold_scores(results: Any) -> None:
    results.add("a", shift=0.5)
    results.add("b", shift=1.0)
    results.compare("a", "b")
    found = tables(results)
    (row,) = found.comparisons.to_dict("records")
    aucs = [
        [
            metrics.roc_auc_score(rows["label"], rows["score"])
            for rows in (stored(results, name, k) for k in range(5))
        ]
        for name in ("a", "b")
    ]
    differences = np.subtract(aucs[1], aucs[0])
    (effect,) = found.effects.to_dict("records")
    error = max(differences.std(ddof=1) * np.sqrt(1 / 5 + SHARE), effect["error_floor"])
    posterior = stats.t(4, loc=differences.mean(), scale=error)
    assert row["p_worse"] == pytest.approx(posterior.cdf(-0.01), abs=1e-9)
    assert row["p_better"] == pytest.approx(posterior.sf(0.01), abs=1e-9)
    assert row["min_detectable"] == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert np.isnan(row["p_wilcoxon"])


def test_repeats_needed_and_their_hours(results: Any) -> None:
    """Each trial trained for 6 s on 4 threads: one more repeat of both is 10 trials."""
    results.add("a", shift=0.5)
    results.add("b", shift=0.9)
    for name in ("a", "b"):
        results.facts(name, threads=4)
    results.compare("a", "b", "log_loss")
    found = tables(results)
    (row,), (effect,) = found.comparisons.to_dict("records"), found.effects.to_dict("records")
    needed = statistics.repeats_needed(
        row["mean_diff"], row["std_diff"], folds=5, test_share=SHARE, floor=effect["error_floor"]
    )
    assert (effect["repeats"], effect["device"]) == (1, "cpu")
    if needed is None:
        assert "no number of repeats" in effect["reason"]
    else:
        assert effect["repeats_needed"] == needed
        assert effect["hours_needed"] == pytest.approx((needed - 1) * 240 / 3600)


def codes_of(groups: pd.Series) -> np.ndarray:
    return np.asarray(pd.factorize(groups)[0])


def test_delong_stands_beside_the_tests_when_it_is_asked_for(results: Any) -> None:
    for name, shift in (("a", 0.5), ("b", 1.0)):
        results.add(name, folds=3, shift=shift)
    results.compare("a", "b")
    results.compare("a", "b")
    results.comparisons[1]["delong"] = True
    effects = tables(results).effects
    sides = [[stored(results, name, fold) for fold in range(3)] for name in ("a", "b")]
    tests = [
        delong_test(
            x["label"].to_numpy(), x["score"].to_numpy(), y["score"].to_numpy(), groups=codes_of(x["group"])
        )
        for x, y in zip(*sides, strict=True)
    ]
    assert np.isnan(effects["p_delong"].iloc[0])
    assert effects["p_delong"].iloc[1] == pytest.approx(combined_p(tests))


def test_several_classes_have_rows_for_each_class(results: Any) -> None:
    results.add("a", folds=2, num_classes=5)
    found = tables(results)
    rows = stored(results, "a", 0)
    recall = metrics.recall_score(rows["label"], rows["predicted"], average=None, labels=range(5))
    for index in range(5):
        row = one(found.scores, fold=0, split="test", metric=f"recall[{index}]")
        assert row["value"] == pytest.approx(recall[index])
    summary = one(found.summary, metric="macro_f1")
    assert summary["boot_low"] < summary["mean"] < summary["boot_high"]
    assert found.per_source.empty


def test_metrics_without_a_bootstrap_have_empty_bounds(results: Any) -> None:
    """EER, ECE, average precision, tuned thresholds and single sources: stated in `resampled`."""
    results.add("a", folds=3)
    summary = tables(results).summary
    bounded = summary[summary["boot_low"].notna()]
    assert set(bounded["metric"]) == {
        "auc", "accuracy", "balanced_accuracy", "f1", "precision", "recall", "brier", "log_loss"
    }  # fmt: skip
    assert set(bounded["source"]) == {"all"}


@pytest.mark.slow
def test_repeats_needed_are_those_after_which_holm_calls_it_significant(results: Any) -> None:
    """Catches repeats that would leave the verdict undecided, since others were declared with it."""
    for name, good in (("a", 0.5), ("b", 0.85), ("c", 0.55), ("d", 3.0)):
        results.add(name)
        results.separate(name, "test", good)
    for other in ("b", "c", "d"):
        results.compare("a", other)
    found = tables(results)
    rows, effects = found.comparisons, found.effects
    is_clear = rows["p_holm"] < 0.05
    undecided = rows[~is_clear & effects["repeats_needed"].notna()]
    assert is_clear.any() and len(undecided)
    for place, row in undecided.iterrows():
        needed = int(effects.loc[place, "repeats_needed"])

        def corrected(repeats: int, row: Any = row, place: Any = place) -> float:
            error = row["std_diff"] * np.sqrt(1 / (5 * repeats) + SHARE)
            p_values = rows["p_value"].copy()
            error = max(error, effects.loc[place, "error_floor"])
            p_values[place] = 2 * stats.t.sf(abs(row["mean_diff"]) / error, 4)
            return float(statistics.holm(list(p_values))[list(rows.index).index(place)])

        assert corrected(needed) < 0.05 <= corrected(needed - 1)
