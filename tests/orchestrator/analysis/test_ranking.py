"""Every pair of comparable experiments, and their ranking with what the tests leave open of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.comparing import compare_pair
from orchestrator.store.folder import Store
from orchestrator.wording.ranking_text import ranking_sentences

TablesOf = Callable[[], tuple[Store, Tables]]
SHARE = 24 / 100
EVERY = ("inpainting", "text2img", "wiki")


def ranked(tables: Tables) -> pd.DataFrame:
    return tables.ranking.set_index("experiment")


def test_comparable_experiments_are_all_compared_and_ranked(results: Any, tables_of: TablesOf) -> None:
    """Catches a rank for what is incomplete or was tested on other rows."""
    for number in range(6):
        results.add(f"m{number}", folds=3, shift=0.3 * number)
    results.add("unfinished", folds=3, states={0: "failed"})
    results.add("elsewhere", folds=3, fold_file="ba9876543210.csv")
    found = tables_of()[1]
    assert len(found.pairs) == 15
    assert set(found.ranking["experiment"]) == {f"m{number}" for number in range(6)}
    assert found.ranking["mean"].is_monotonic_decreasing and found.ranking["experiment"].iloc[-1] == "m0"
    assert list(found.ranking["rank"]) == [1, 2, 3, 4, 5, 6]
    assert (found.ranking["basis"] == "3 folds of one data set, which are not independent").all()
    pair = found.pairs.set_index(["first", "second"]).loc[("m1", "m4")]
    # Without draws the floor is a half of one of 18 groups of a class.
    t = pair["mean_diff"] / max(pair["std_diff"] * np.sqrt(1 / 3 + SHARE), 1 / 36)
    assert pair["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), 2))
    assert pair["mean_diff"] - pair["ci_low"] == pytest.approx(stats.t.ppf(0.975, 2) * pair["mean_diff"] / t)


def test_what_never_saw_a_source_is_no_rival_of_what_saw_all(results: Any, tables_of: TablesOf) -> None:
    """Catches a hold-out among those that may be the best, and one that the phase compares left out."""
    for number in range(3):
        results.add(f"m{number}", folds=3, shift=0.3 * number)
    for name in ("hold_out", "compared"):
        results.add(name, folds=3, train_sources=("wiki", "text2img"), eval_sources=EVERY)
    results.compare("m0", "compared")
    found = tables_of()[1]
    assert set(found.ranking["experiment"]) == {"m0", "m1", "m2", "compared"} and len(found.pairs) == 6
    reasons = found.pareto.set_index(["measure", "experiment"])["reason"]
    assert reasons["hours", "hold_out"] == "trained without inpainting"
    assert found.balance.set_index("experiment")["against"].isna()["hold_out"]
    said = ranking_sentences(found)
    assert said[-1] == "Not ranked, since trained without a source that it is tested on: hold_out."


def test_hold_outs_alone_are_compared_with_each_other(results: Any, tables_of: TablesOf) -> None:
    for number in range(3):
        trained = ("wiki", "text2img")
        results.add(f"m{number}", folds=3, shift=number, train_sources=trained, eval_sources=EVERY)
    assert len(tables_of()[1].ranking) == 3


@pytest.mark.slow
def test_a_declared_pair_has_the_test_of_its_comparison(results: Any, tables_of: TablesOf) -> None:
    """Catches two p-values for one question on a page: the draws of test images are a floor of both."""
    for name, good in (("a", 0.6), ("b", 0.9), ("c", 1.2)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b")
    results.compare("a", "c")
    found = tables_of()[1]
    pairs = found.pairs.set_index(["first", "second"])
    for row in found.comparisons.to_dict("records"):
        pair = pairs.loc[(row["baseline"], row["treatment"])]
        for name in ("mean_diff", "ci_low", "ci_high", "p_value"):
            assert pair[name] == pytest.approx(row[name], rel=1e-4), name
    assert found.effects["error_from"].eq("test groups").any()


def test_candidates_of_a_decision_have_the_floor_of_a_comparison(results: Any, tables_of: TablesOf) -> None:
    """Catches the floor of half a group below pairs that nobody declared, as those of a sweep."""
    for name, good in (("a", 0.6), ("b", 0.9), ("c", 1.2)):
        results.add(name, folds=3)
        results.separate(name, "test", good)
    results.decide("a", "b", "c")
    found = tables_of()[1]
    pair = found.pairs.set_index(["first", "second"]).loc[("a", "b")]
    row, _ = compare_pair((found.experiments["a"], found.experiments["b"]), "auc", rope=0.0)
    assert found.experiments["a"].deviations and pair["p_value"] == pytest.approx(row["p_value"], rel=1e-4)


@pytest.mark.slow
def test_ranks_have_the_range_that_the_tests_leave_open(results: Any, tables_of: TablesOf) -> None:
    """Catches a range from tests that are not corrected, and one turned upside down."""
    for name, good, noise in (("low", -3.0, 0.05), ("a", 1.0, 1.0), ("b", 1.1, 1.0), ("c", 0.9, 1.0)):
        results.add(name)
        results.separate(name, "test", good, noise)
    tables = tables_of()[1]
    found = ranked(tables)
    assert list(found.index[:3]) == ["b", "a", "c"]
    assert found["rank_low"].to_dict() == {"b": 1, "a": 1, "c": 1, "low": 4}
    assert found["rank_high"].to_dict() == {"b": 3, "a": 3, "c": 3, "low": 4}
    assert found["may_be_best"].to_dict() == {"b": "yes", "a": "yes", "c": "yes", "low": ""}
    assert found.loc["b", "to_best"] == 0.0 and np.isnan(found.loc["b", "p_holm"])
    assert found.loc["low", "to_best_high"] < -0.5 and found.loc["low", "p_holm"] < 0.05
    pairs = tables.pairs.set_index(["first", "second"])
    assert found.loc["a", "to_best"] == pytest.approx(-pairs.loc[("a", "b"), "mean_diff"])
    assert found.loc["a", "to_best_low"] == pytest.approx(-pairs.loc[("a", "b"), "ci_high"])
    assert found.loc["a", "p_holm"] == pairs.loc[("a", "b"), "p_holm"]
    assert found.loc["a", "ci_low"] == tables.overall["a", "auc"]["ci_low"]


def test_equals_share_a_rank(results: Any, tables_of: TablesOf) -> None:
    for name in ("a", "b", "c"):
        results.add(name, folds=3)
    found = ranked(tables_of()[1])
    assert list(found["rank"]) == [1, 1, 1] and list(found["rank_high"]) == [3, 3, 3]
    assert list(found["to_best"]) == [0, 0, 0] and list(found.index) == ["a", "b", "c"]


def test_a_loss_is_ranked_from_the_lowest_on(results: Any, tables_of: TablesOf) -> None:
    """Catches a metric that the page is not about, and one that is better when lower."""
    for name, good in (("a", 0.1), ("b", 2.5), ("c", 0.2)):
        results.add(name)
        results.separate(name, "test", good, 0.5)
    results.compare("a", "b", "log_loss")
    found = tables_of()[1].ranking
    assert set(found["metric"]) == {"log_loss"} and list(found["experiment"]) == ["b", "c", "a"]
    assert list(found["rank_low"]) == [1, 2, 3] and found["to_best"].iloc[2] > 0
    assert found["mean_rank"].is_monotonic_increasing


def test_two_folds_tell_no_pair_apart(results: Any, tables_of: TablesOf) -> None:
    """Catches a matrix of pairs with dots where a comparison of the same two has no verdict."""
    for number in range(3):
        results.add(f"m{number}", folds=2, shift=4.0 * number)
    found = tables_of()[1]
    assert len(found.ranking) == 3 and len(found.pairs) == 3
    assert found.pairs["p_value"].isna().all() and found.pairs["p_holm"].isna().all()
    assert (found.ranking["rank_low"] == 1).all() and (found.ranking["rank_high"] == 3).all()


@pytest.mark.parametrize(("count", "folds"), [(0, 2), (1, 3), (2, 3), (3, 1)])
def test_two_experiments_or_a_single_split_have_no_ranking(
    results: Any, tables_of: TablesOf, count: int, folds: int
) -> None:
    for number in range(count):
        results.add(f"m{number}", folds=folds)
    results.add("unfinished", folds=3, states={0: "failed"})
    found = tables_of()[1]
    assert found.pairs.empty and found.ranking.empty
