"""Decisions on single keys: the right value for the right reason, on validation rows alone."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from orchestrator.analysis.collect import collect
from orchestrator.decisions.decide import read_candidates
from orchestrator.decisions.decision import decide
from orchestrator.decisions.factors import choose_values
from orchestrator.store.folder import Store
from orchestrator.wording.decision_text import decision_sentences
from trainables.errors import InputError

PAIRS = [["small_a", "large_a"], ["small_b", "large_b"]]


def four(results: Any, *, gain: float, **rule: Any) -> None:
    """Two backbones at two sizes; the larger is better by `gain` (logit) on validation rows."""
    for place, (name, size) in enumerate(
        (("small_a", 32), ("small_b", 32), ("large_a", 48), ("large_b", 48))
    ):
        results.add(name, folds=5, image_size=size, backbone=("simple_cnn", "resnet18")[place % 2])
        results.separate(name, "val", 0.4 + (gain if size == 48 else 0.0), noise=1.0 + place % 2)
    factors = [{"key": "image_size", "pairs": PAIRS}]
    results.decision = {"choose": "auc", "rope": 0.01, "factors": factors, **rule}


def decided(results: Any) -> dict[str, Any]:
    store = Store.look(results.write())
    tables = collect(store, results.phase)
    rule = tables.study.phase.decision
    assert rule is not None
    (factor,) = choose_values(read_candidates(tables, rule), rule).factors
    return factor.plain()


def val_scores(results: Any, name: str, metric: str = "auc") -> np.ndarray:
    scores = collect(Store.look(results.root), "phase1").scores
    mine = scores[
        (scores["experiment"] == name)
        & (scores["split"] == "val")
        & (scores["metric"] == metric)
        & (scores["source"] == "all")
    ]
    return np.asarray(mine.sort_values("fold")["value"])


def test_a_gain_over_all_pairs_is_taken_with_its_numbers(results: Any) -> None:
    four(results, gain=4.0)
    found = decided(results)
    assert (found["value"], found["decided_by"]) == (48, "gain")
    differences = np.mean(
        [val_scores(results, other) - val_scores(results, one) for one, other in PAIRS], axis=0
    )
    assert found["mean_diff"] == pytest.approx(differences.mean())
    assert found["std_diff"] == pytest.approx(differences.std(ddof=1))
    # Student's t around the mean; 10 validation images beside 90 that are learned from.
    scale = differences.std(ddof=1) * np.sqrt(1 / 5 + 10 / 90)
    better, worse = (stats.t(4, bound, scale) for bound in (0.01, -0.01))
    assert found["p_better"] == pytest.approx(better.cdf(differences.mean()))
    assert found["p_worse"] == pytest.approx(worse.sf(differences.mean()))
    assert [pair["mean_diff"] for pair in found["pairs"]] == pytest.approx(
        [(val_scores(results, other) - val_scores(results, one)).mean() for one, other in PAIRS]
    )


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.0, -4.0])
def test_what_does_not_help_is_not_done(results: Any, gain: float) -> None:
    four(results, gain=gain)
    found = decided(results)
    assert (found["value"], found["decided_by"]) == (32, "no gain")


def test_a_better_mean_that_may_be_noise_is_not_taken(results: Any) -> None:
    """Catches a best mean that wins, however much folds disagree about it."""
    four(results, gain=0.0)
    for name in ("large_a", "large_b"):
        results.separate(name, "val", 3.0, fold=0)
    found = decided(results)
    assert found["mean_diff"] > 0.01
    assert (found["value"], found["decided_by"]) == (32, "no gain")
    assert found["p_better"] <= 0.95


@pytest.mark.slow
def test_a_lower_loss_is_a_gain(results: Any) -> None:
    four(results, gain=4.0, choose="log_loss")
    found = decided(results)
    assert found["mean_diff"] < 0 and (found["value"], found["decided_by"]) == (48, "gain")


def test_test_rows_have_no_say(results: Any) -> None:
    four(results, gain=0.0)
    before = decided(results)
    for name in ("large_a", "large_b"):
        results.separate(name, "test", 5.0)
    assert decided(results) == before


@pytest.mark.slow
def test_one_value_on_both_sides_is_no_question(results: Any) -> None:
    """Catches a preset that makes both sides the same, and a decision that claims to have compared them."""
    four(results, gain=0.0)
    for experiment in results.experiments:
        experiment["recipe"]["image_size"] = 32
    found = decided(results)
    assert (found["value"], found["decided_by"]) == (32, "same value") and "p_better" not in found


@pytest.mark.slow
def test_pairs_of_other_values_are_refused(results: Any) -> None:
    four(results, gain=0.0)
    results.experiments[3]["recipe"]["image_size"] = 64
    with pytest.raises(InputError, match=r"no decision on image_size: large_a has 48 and large_b has 64"):
        decided(results)


def test_the_decision_hands_over_each_key_and_says_why(results: Any) -> None:
    four(results, gain=4.0)
    found = decide(Store.open(results.write()), "phase1")
    assert found.record.handed_over == {"image_size": 48}
    assert (found.record.chosen, found.record.runner_up) == (None, None)
    assert len(found.record.trials) == 20
    first, *_ = decision_sentences(found.record)
    assert first.startswith("phase1: image_size = 48 is taken instead of 32: AUC on validation rows +")
    assert "2 pairs in 5 folds" in first
    results.separate("large_a", "val", -3.0)
    results.separate("large_b", "val", -3.0)
    again = decide(Store.open(results.root), "phase1")
    assert again.record == found.record
    assert again.moved and "now choose image_size = 32" in again.now


@pytest.mark.slow
def test_a_decision_whose_keys_no_longer_fit_their_pairs_stays_and_is_said(results: Any) -> None:
    """Catches a page that can't be written because a rule can't be applied any more."""
    four(results, gain=4.0)
    store = Store.open(results.write())
    decide(store, "phase1")
    for experiment in results.experiments:
        if experiment["name"] == "large_b":
            experiment["recipe"]["image_size"] = 64
    results.write()
    results.separate("small_a", "val", 0.1)
    found = decide(store, "phase1")
    assert found.now == "the rule can't be applied any more"
    assert any("image_size" in line for line in found.moved)


@pytest.mark.slow
def test_pairs_with_other_folds_are_no_mean(results: Any) -> None:
    """Catches a crash where one pair has five folds and another one four."""
    four(results, gain=4.0)
    for name in ("small_b", "large_b"):
        place = next(each for each in results.experiments if each["name"] == name)
        place["trials"], place["recipe"]["cv_folds"] = place["trials"][:4], 4
    with pytest.raises(InputError, match="no decision on image_size: its pairs have other folds"):
        decided(results)


@pytest.mark.slow
def test_equal_gains_on_all_folds_are_no_certainty(results: Any) -> None:
    """Catches a gain from no spread, and five folds that are called a single split."""
    four(results, gain=4.0)
    for fold in range(5):
        for name, score in (("small_a", 0.6), ("small_b", 0.6), ("large_a", 0.8), ("large_b", 0.8)):
            results.halves(name, (score, score), fold=fold)
    store = Store.open(results.write())
    record = decide(store, "phase1").record
    (factor,) = record.factors
    assert (factor.value, factor.decided_by, factor.p_better, factor.n) == (32, "no gain", None, 5)
    assert "folds without any spread, which gives no probability" in decision_sentences(record)[0]
