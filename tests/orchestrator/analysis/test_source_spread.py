"""Pairs of sources and their spread: against scikit-learn and numpy, fold by fold."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.source_spread import LeastBalanced, least_balanced
from orchestrator.store.folder import Store

FAKES = ["inpainting", "text2img"]


def tables(results: Any) -> Tables:
    return collect(Store.look(results.write()), results.phase)


def aucs(results: Any, name: str, *, folds: int = 3) -> Any:
    """AUC of each source of fakes in each fold, float [sources, folds]."""
    values = np.empty((len(FAKES), folds))
    for fold in range(folds):
        rows = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
        rows = rows[rows["split"] == "test"]
        for place, source in enumerate(FAKES):
            both = rows[rows["source"].isin(["wiki", source])]
            values[place, fold] = roc_auc_score(both["label"], both["score"])
    return values


def worsen(results: Any, name: str, source: str, by: float) -> None:
    """Take from the scores of a source's fakes."""

    def change(rows: pd.DataFrame) -> Any:
        return np.where(rows["source"] == source, rows["score"] * (1 - by), rows["score"])

    results.rescore(name, "test", change)


def weakest(found: Tables) -> LeastBalanced | None:
    return least_balanced(found.study, found.experiments, found.spreads)


def test_pairs_and_spread_are_those_of_each_fold(results: Any) -> None:
    results.add("a", folds=3)
    found = tables(results).pairwise_sources.set_index(["fake_source", "measure"])
    values = aucs(results, "a")
    for place, source in enumerate(FAKES):
        row = found.loc[source, "auc"]
        assert (row["mean"], row["std"]) == pytest.approx((values[place].mean(), values[place].std(ddof=1)))
        assert row["real_source"] == "wiki" and (row["n"], row["n_expected"]) == (3, 3)
    for measure, by_fold in (("std", values.std(axis=0, ddof=1)), ("range", np.ptp(values, axis=0))):
        row = found.loc["all", measure]
        assert row["mean"] == pytest.approx(by_fold.mean())
        assert 0 <= row["ci_low"] <= row["mean"] <= row["ci_high"] <= 1


def test_an_unfinished_experiment_has_no_spread_and_says_why(results: Any) -> None:
    results.add("a", folds=3, states={1: "failed"})
    found = tables(results).pairwise_sources
    assert found["mean"].isna().all() and (found["n"] == 2).all()
    assert found["reason"].str.endswith("fold 1 failed: the loss is nan").all()


def test_each_of_several_real_sources_has_its_pairs(results: Any) -> None:
    results.add("a", folds=2)
    for path in results.root.glob("trials/*/predictions.parquet"):
        table = pd.read_parquet(path)
        table.loc[(table["source"] == "wiki") & (table.index % 2 == 0), "source"] = "camera"
        table.to_parquet(path)
    results.experiments[0]["data"] = "/not/described"
    found = tables(results).pairwise_sources
    assert list(dict.fromkeys(found["real_source"])) == ["all", "camera", "wiki"]
    rows = pd.concat(
        [pd.read_parquet(results.folder("a", fold) / "predictions.parquet") for fold in range(2)]
    )
    rows = rows[(rows["split"] == "test") & rows["source"].isin(["camera", "text2img"])]
    expected = [roc_auc_score(part["label"], part["score"]) for _, part in rows.groupby("fold")]
    chosen = found[(found["real_source"] == "camera") & (found["fake_source"] == "text2img")]
    assert chosen["mean"].item() == pytest.approx(np.mean(expected))


def test_one_source_of_fakes_has_no_spread(results: Any) -> None:
    results.add("a", folds=2, eval_sources=("wiki", "text2img"))
    for path in results.root.glob("trials/*/predictions.parquet"):
        table = pd.read_parquet(path)
        table[table["source"] != "inpainting"].to_parquet(path)
    found = tables(results).pairwise_sources
    assert set(found["fake_source"]) == {"text2img", "all"}
    spread = found[found["measure"] == "std"].iloc[0]
    assert np.isnan(spread["mean"]) and spread["reason"] == "1 source of fakes; a spread needs two"


@pytest.mark.slow
def test_the_least_balanced_is_told_apart_only_from_those_on_the_same_rows(results: Any) -> None:
    for name, by in (("a", 0.0), ("b", 0.5), ("c", 0.9)):
        results.add(name, folds=3, shift=1.5)
        worsen(results, name, "text2img", by)
    results.add("held_out", folds=3, train_sources=("wiki", "inpainting"))
    worsen(results, "held_out", "text2img", 0.99)
    found = weakest(tables(results))
    assert found is not None and found.num_experiments == 3
    assert (found.first.experiment, found.second.experiment) == ("c", "b")
    spreads = {name: aucs(results, name, folds=3).std(axis=0, ddof=1) for name in ("a", "b", "c")}
    assert found.test.difference.mean == pytest.approx((spreads["c"] - spreads["b"]).mean())
    tests = []
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        difference = spreads[one] - spreads[other]
        error = max(difference.std(ddof=1) * (1 / 3 + 24 / 100) ** 0.5, 0.5 / 18)
        tests.append(2 * stats.t.sf(abs(difference.mean()) / error, 2))
    rank = sorted(tests).index(tests[2])
    stepped = max((3 - place) * p for place, p in enumerate(sorted(tests)) if place <= rank)
    assert found.test.p_value == pytest.approx(min(1.0, stepped))


def test_one_experiment_is_compared_with_no_other(results: Any) -> None:
    results.add("a", folds=3)
    assert weakest(tables(results)) is None
