"""Balance over sources: the worst of them on each fold, and who is better there."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from orchestrator import statistics
from orchestrator.analysis.balance import worst_source_test
from orchestrator.analysis.collect import Tables
from orchestrator.store.folder import Store

TablesOf = Callable[[], tuple[Store, Tables]]
SHARE = 24 / 100


def aucs(results: Any, name: str, folds: int = 5) -> np.ndarray:
    """AUC of inpainting and of text2img on each fold, by scikit-learn: float [2, folds]."""
    found = np.empty((2, folds))
    for fold in range(folds):
        rows = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
        rows = rows[rows["split"] == "test"]
        for place, source in enumerate(("inpainting", "text2img")):
            both = rows[(rows["source"] == source) | (rows["label"] == 0)]
            found[place, fold] = metrics.roc_auc_score(both["label"], both["score"])
    return found


def place(results: Any, name: str, **above: int) -> None:
    """Let each source's fakes score above so many of the 12 real images, on fold 0 above one less."""

    def scores(rows: pd.DataFrame) -> np.ndarray:
        found = np.empty(len(rows))
        is_real = (rows["label"] == 0).to_numpy()
        found[is_real] = (np.arange(is_real.sum()) + 0.5) / 20
        for source, number in above.items():
            found[(rows["source"] == source).to_numpy()] = (number - int(rows["fold"].iloc[0] == 0)) / 20
        return found

    results.rescore(name, "test", scores)


def balance_of(tables: Tables) -> pd.DataFrame:
    return tables.balance.set_index("experiment")


def test_worst_and_spread_are_means_over_folds_of_the_sources_aucs(results: Any, tables_of: TablesOf) -> None:
    results.add("a")
    row = balance_of(tables_of()[1]).loc["a"]
    by_fold = aucs(results, "a")
    worst, spread = by_fold.min(axis=0), by_fold.std(axis=0, ddof=1)
    assert (row["worst"], row["worst_std"]) == pytest.approx((worst.mean(), worst.std(ddof=1)))
    assert row["spread"] == pytest.approx(spread.mean())
    # Thirty groups of the source, in five folds.
    expected = statistics.corrected_rate(worst, test_share=SHARE, folds=5, step=1 / 30)
    assert (row["worst_low"], row["worst_high"]) == pytest.approx((expected.low, expected.high))
    assert 0.0 < row["spread_low"] < row["spread"] < row["spread_high"] < 1.0
    counts = np.bincount(by_fold.argmin(axis=0), minlength=2)
    assert row["worst_source"] == ("inpainting", "text2img")[int(counts.argmax())]
    assert row["worst_folds"] == counts.max() and (row["sources"], row["n"]) == (2, 5)
    assert pd.isna(row["against"]) and np.isnan(row["difference"])


def test_who_is_better_on_the_worst_source_than_the_best_mean_is_tested(
    results: Any, tables_of: TablesOf
) -> None:
    """Catches a balance that is asserted without a test, and a leader compared with itself."""
    for name in ("uneven", "even", "poor"):
        results.add(name)
    place(results, "uneven", text2img=12, inpainting=5)
    place(results, "even", text2img=8, inpainting=8)
    place(results, "poor", text2img=6, inpainting=6)
    tables = tables_of()[1]
    found = balance_of(tables)
    means = {name: tables.overall[name, "auc"]["mean"] for name in found.index}
    assert max(means, key=lambda name: means[name]) == "uneven"
    assert pd.isna(found.loc["uneven", "against"])
    assert (found.loc[["even", "poor"], "against"] == "uneven").all()
    one, other = (aucs(results, name).min(axis=0) for name in ("uneven", "even"))
    test = statistics.corrected_paired_t_test(one, other, test_share=SHARE, folds=5, floor=0.5 / 30)
    row = found.loc["even"]
    assert (row["difference"], row["p_value"]) == pytest.approx((test.difference.mean, test.p_value))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((test.difference.low, test.difference.high))
    assert row["difference"] > 0.2 and row["p_value"] < row["p_holm"] < 0.05
    # The best mean was picked after it was seen: every pair could have been the one that is looked at.
    worst = {name: aucs(results, name).min(axis=0) for name in ("uneven", "even", "poor")}
    p_values = [
        statistics.corrected_paired_t_test(
            worst[one], worst[other], test_share=SHARE, folds=5, floor=0.5 / 30
        ).p_value
        for one, other in itertools.combinations(worst, 2)
    ]
    assert list(found.loc[["even", "poor"], "p_holm"]) == pytest.approx(statistics.holm(p_values)[:2])
    sides = [tables.experiments[name] for name in ("uneven", "even")]
    again = worst_source_test(sides[0], sides[1])
    assert again is not None and again.p_value == row["p_value"]


def test_an_incomplete_experiment_and_a_fold_without_a_source_have_no_balance(
    results: Any, tables_of: TablesOf
) -> None:
    """Catches a mean over fewer folds, and the worst of other sources on some of them."""
    for name in ("whole", "short", "lacking"):
        results.add(name, folds=3, states={1: "failed"} if name == "short" else {})
    for path in results.root.glob("trials/lacking-*f2-*/predictions.parquet"):
        rows = pd.read_parquet(path)
        rows[rows["source"] != "text2img"].to_parquet(path)
    tables = tables_of()[1]
    found = balance_of(tables)
    assert found["worst"].notna().to_dict() == {"whole": True, "short": False, "lacking": False}
    assert found.loc["short", "reason"] == "fold 1 failed: the loss is nan"
    assert found.loc["lacking", "reason"] == "text2img: 2 of 3 folds have it"
    assert found["difference"].isna().all()
    sides = [tables.experiments[name] for name in ("whole", "lacking")]
    assert worst_source_test(sides[0], sides[1]) is None


def test_of_one_source_there_is_no_worst(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=3)
    for path in results.root.glob("trials/*/predictions.parquet"):
        rows = pd.read_parquet(path)
        rows[rows["source"] != "text2img"].to_parquet(path)
    assert tables_of()[1].balance.empty


def test_two_folds_and_a_single_split_have_no_test(results: Any, tables_of: TablesOf) -> None:
    for name, shift in (("a", 1.0), ("b", 2.0)):
        results.add(name, folds=2, shift=shift)
    found = balance_of(tables_of()[1])
    assert found["worst"].notna().all() and found["p_value"].isna().all()
