"""What a winner gains over the baselines, and what it takes for it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import experiment_costs
from orchestrator.analysis.winner_gains import WinnerGains, winner_gains
from orchestrator.decisions.decision import decide
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.folder import Store
from orchestrator.wording.gain_text import balance_warning, gain_sentences, winner_sentence

TablesOf = Callable[[], tuple[Store, Tables]]


def gains(tables: Tables, decision: DecisionRecord | None = None, metric: str = "auc") -> WinnerGains | None:
    costs = experiment_costs(tables.experiments.values(), tables.overall, metric)
    return winner_gains(tables, decision, costs, metric=metric)


def test_gains_are_those_of_declared_comparisons_and_of_pairs(results: Any, tables_of: TablesOf) -> None:
    """Catches a second p-value for a declared question, a sign turned round, and a factor upside down."""
    for name, good in (("base", 0.2), ("other", 0.3), ("wins", 2.0), ("last", 0.1)):
        results.add(name)
        results.separate(name, "test", good, 0.5)
    results.compare("base", "wins")
    results.compare("base", "last")
    results.compare("other", "last")
    results.facts("wins", parameters=120, flops_per_image=500, training_seconds=18.0)
    results.facts("base", parameters=10, flops_per_image=100, training_seconds=6.0)
    results.facts("other", parameters=10, flops_per_image=None, device="cuda")
    tables = tables_of()[1]
    found = gains(tables)
    assert found is not None and (found.experiment, found.is_decided) == ("wins", False)
    base, other = found.over
    declared = tables.comparisons.iloc[0]
    assert (base.baseline, base.family, base.is_shown) == ("base", "declared", True)
    assert (base.gain, base.p_value) == pytest.approx((declared["mean_diff"], declared["p_value"]))
    assert (base.low, base.high) == pytest.approx((declared["ci_low"], declared["ci_high"]))
    assert base.p_holm == declared["p_holm"]
    assert (base.factors["parameters"], base.factors["flops"]) == (12.0, 5.0)
    assert base.factors["hours"] == pytest.approx(3.0) and math.isnan(base.factors["images_per_s"])
    pair = tables.pairs.set_index(["first", "second"]).loc[("other", "wins")]
    assert (other.family, other.p_holm) == ("all pairs", pair["p_holm"])
    assert other.gain == pytest.approx(pair["mean_diff"]) and other.gain > 0.1
    # FLOPs were not counted, and hours of a GPU are none of a processor.
    assert math.isnan(other.factors["flops"]) and math.isnan(other.factors["hours"])
    assert "no decision was taken" in winner_sentence(found)
    sentence = gain_sentences(found)[0]
    assert sentence.startswith("wins against base: gain +0.") and ", shown (p" in sentence
    assert sentence.endswith(
        "It has 12 times the parameters, 5 times the FLOPs per image, 3 times the hours of all trials."
    )


def test_of_a_loss_the_gain_has_the_sign_of_better(results: Any, tables_of: TablesOf) -> None:
    for name, good in (("base", 0.1), ("wins", 2.5)):
        results.add(name)
        results.separate(name, "test", good, 0.5)
    results.compare("base", "wins", "log_loss")
    found = gains(tables_of()[1], metric="log_loss")
    assert found is not None and found.experiment == "wins"
    (over,) = found.over
    assert 0.0 < over.low < over.gain < over.high and over.is_shown


def test_an_incomplete_baseline_gives_a_reason_and_a_winner_that_is_the_baseline_pays_nothing(
    results: Any, tables_of: TablesOf
) -> None:
    """Catches a gain over fewer folds, and a baseline that is set against itself."""
    results.add("base", folds=3, states={1: "failed"})
    results.add("wins", folds=3)
    results.compare("base", "wins")
    found = gains(tables_of()[1])
    assert found is not None
    (over,) = found.over
    assert (
        math.isnan(over.gain) and not over.is_shown and over.reason == "base: fold 1 failed: the loss is nan"
    )
    assert gain_sentences(found)[0].startswith("wins against base: no difference (base: fold 1 failed")
    results.comparisons.clear()
    results.compare("wins", "base")
    found = gains(tables_of()[1])
    assert found is not None and found.over == ()
    assert gain_sentences(found) == ["wins is itself the only baseline: nothing is paid for a gain over it."]
    results.comparisons.clear()
    assert gains(tables_of()[1]) is None


def test_two_folds_show_nothing(results: Any, tables_of: TablesOf) -> None:
    """Catches a p-value of one degree of freedom beside a comparison that has no verdict."""
    for name, good in (("base", -3.0), ("wins", 3.0)):
        results.add(name, folds=2)
        results.separate(name, "test", good, 0.05)
    results.compare("base", "wins")
    found = gains(tables_of()[1])
    assert found is not None
    (over,) = found.over
    assert over.gain > 0.9 and math.isnan(over.p_holm) and not over.is_shown
    assert "there is no test of it (two folds give no verdict" in gain_sentences(found)[0]


@pytest.mark.slow
def test_the_decision_names_the_winner_and_a_tied_one_that_is_better_balanced_is_said(
    results: Any, tables_of: TablesOf
) -> None:
    """Catches the best mean in the place of what was decided, and a balance that nobody mentions."""
    for name, good in (("base", 0.1), ("cheap", 1.0), ("even", 1.0)):
        results.add(name)
        results.separate(name, "val", 1.0)
        results.separate(name, "test", good, 0.2)
    results.rescore("cheap", "test", lambda rows: rows["score"] * (rows["source"] != "inpainting"))
    results.compare("base", "even")
    results.facts("even", parameters=1000)
    results.decide("cheap", "even")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    found = gains(tables, record)
    assert found is not None and (found.experiment, found.is_decided) == ("cheap", True)
    assert winner_sentence(found) == "cheap is what the decision took."
    (better,) = found.better_balanced
    assert better.experiment == "even" and better.difference > 0.5 and better.p_holm < 0.05
    warning = balance_warning(found)
    assert warning.startswith(
        "cheap is worse balanced over sources than even, with which it is tied: on the "
    )
    assert ", shown (p" in warning
    alone = dataclasses.replace(found, better_balanced=())
    assert balance_warning(alone) == ""
    selected = dataclasses.replace(found, num_selected=3, is_baseline=True)
    assert (
        winner_sentence(selected)
        == "cheap is the first of 3 that the decision took. It is itself a baseline."
    )
    turned = record.model_copy(update={"chosen": "even"})
    found = gains(tables, turned)
    assert found is not None and found.better_balanced == ()
    assert gains(tables, record.model_copy(update={"chosen": None})) is None
