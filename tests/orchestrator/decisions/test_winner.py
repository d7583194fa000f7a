"""What choosing adds to the winner's test score: in the decision's evidence, its file and its sentences."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.decisions.decision import decide
from orchestrator.store.decision_file import WinnerRecord, in_force
from orchestrator.store.folder import Store
from orchestrator.wording.decision_text import decision_sentences
from orchestrator.wording.winner_text import winner_line


@pytest.fixture
def three(results: Any) -> Any:
    """Three candidates whose folds disagree about the best of them."""
    for name, good in (("a", 0.5), ("b", 0.6), ("c", 0.4)):
        results.add(name)
        for fold in range(5):
            results.separate(name, "val", good + 1.2 * ((fold + ord(name)) % 3), fold=fold)
            results.separate(name, "test", good, noise=1.0 + 0.1 * ord(name), fold=fold)
    results.decide("a", "b", "c")
    results.write()
    return results


def winner_of(results: Any) -> WinnerRecord | None:
    return decide(Store.open(results.root), "phase1").record.evidence.winner


def scores_by_fold(results: Any, split: str) -> np.ndarray:
    """AUC float [3, 5], as `collect` writes it."""
    table = pd.read_csv(results.root / "collected" / "phase1" / "scores.csv")
    mine = table[(table["split"] == split) & (table["source"] == "all") & (table["metric"] == "auc")]
    return mine.pivot(index="experiment", columns="fold", values="value").to_numpy()


def test_the_evidence_holds_both_estimates(three: Any) -> None:
    """Catches a nested estimate that chooses by the mean over folds, or by the test rows."""
    found = winner_of(three)
    assert found is not None
    val, test = scores_by_fold(three, "val"), scores_by_fold(three, "test")
    by_hand = [np.mean(test[val[:, fold] == val[:, fold].max(), fold]) for fold in range(5)]
    assert len({int(val[:, fold].argmax()) for fold in range(5)}) > 1
    assert found.nested == pytest.approx(np.mean(by_hand), abs=1e-5)
    place = ["a", "b", "c"].index(found.experiment)
    assert found.score == pytest.approx(test[place].mean(), abs=1e-5)
    assert found.bootstrap_corrected is not None and found.draws == 500
    # Of 24 test images a fold the best of three is lucky, and only the luck is taken off.
    assert test.min() < found.bootstrap_corrected < test.mean(axis=1).max()


@pytest.mark.slow
def test_a_decision_without_it_is_read_and_says_what_it_said(three: Any) -> None:
    """Catches decision files of earlier versions that can't be opened any more."""
    store = Store.open(three.root)
    decide(store, "phase1")
    path = store.decision_file("phase1")
    content = json.loads(path.read_text())
    del content["evidence"]["winner"], content["digest"]
    path.write_text(json.dumps(content))
    record = in_force(store, "phase1")
    assert record is not None and record.evidence.winner is None
    assert not any("nested" in line for line in decision_sentences(record))


@pytest.mark.slow
def test_other_test_images_leave_the_nested_estimate_alone(three: Any) -> None:
    """Catches groups of one experiment drawn from the rows of another."""
    path = three.folder("b", 1) / "predictions.parquet"
    table = pd.read_parquet(path)
    table[~((table["split"] == "test") & (table.index % 7 == 0))].to_parquet(path)
    found = winner_of(three)
    assert found is not None and found.bootstrap_corrected is None
    assert found.reason == "the candidates were not tested on the same images"
    assert 0.0 < found.nested < 1.0


@pytest.mark.slow
def test_a_metric_without_draws_has_the_nested_estimate_alone(three: Any) -> None:
    three.decide("a", "b", "c", choose="eer")
    three.write()
    found = winner_of(three)
    assert found is not None and found.bootstrap_corrected is None
    assert "eer can't be computed for draws of groups" in found.reason


def test_a_single_split_has_nothing_to_correct(results: Any) -> None:
    """Catches a correction of what nothing has selected: no validation image is anybody's test image."""
    for name, good in (("a", 0.3), ("b", 2.0)):
        results.add(name, folds=1)
        results.separate(name, "val", good)
    results.decide("a", "b")
    results.write()
    assert winner_of(results) is None


@pytest.mark.slow
def test_the_sentences_say_what_is_corrected_and_where_a_final_number_comes_from(three: Any) -> None:
    record = decide(Store.open(three.root), "phase1").record
    found = WinnerRecord(experiment="b", score=0.912, nested=0.905, bootstrap_corrected=0.9, draws=500)

    def said(**changes: Any) -> str:
        winner = found.model_copy(update=changes)
        evidence = record.evidence.model_copy(update={"winner": winner})
        return " ".join(decision_sentences(record.model_copy(update={"evidence": evidence})))

    told = record.model_copy(update={"evidence": record.evidence.model_copy(update={"winner": found})})
    assert winner_line(told) == (
        "AUC 0.912 on the test folds; without what choosing adds: nested estimate 0.905, BBC-CV 0.900."
    )
    text = said()
    # Directly behind the choice and its reason.
    assert "Inner validation images" in decision_sentences(told)[2]
    assert "Inner validation images of one fold are test images of another" in text
    assert "b has AUC 0.912, nested 0.905, BBC-CV 0.900: choosing raises it by about 0.007 to 0.012." in text
    assert "(--set holdout_final=0.15)" in text and "python -m orchestrator final phase1." in text
    there = said(has_held_out=True)
    assert "the images that no fold holds: python -m orchestrator final phase1" in there
    assert "holdout_final" not in there
    assert "by about 0.012." in said(nested=0.9)
    assert "by nothing that these estimates show" in said(nested=0.913, bootstrap_corrected=0.9121)
    alone = said(bootstrap_corrected=None, reason="a test fold lacks a class")
    assert "BBC-CV can't be made (a test fold lacks a class)" in alone and "by about 0.007." in alone


@pytest.mark.slow
def test_of_a_key_the_candidates_are_its_values(results: Any) -> None:
    """Catches a decision key by key whose test score goes without what choosing adds to it."""
    names = ("small_a", "small_b", "large_a", "large_b")
    for place, name in enumerate(names):
        results.add(name, image_size=32 if place < 2 else 48, backbone=("simple_cnn", "resnet18")[place % 2])
        for fold in range(5):
            results.separate(name, "val", 0.5 + ((fold + place) % 2), fold=fold)
            results.separate(name, "test", 0.5 + 0.1 * place, noise=1.0 + place, fold=fold)
    pairs = [["small_a", "large_a"], ["small_b", "large_b"]]
    results.decision = {"choose": "auc", "rope": 0.01, "factors": [{"key": "image_size", "pairs": pairs}]}
    results.write()
    record = decide(Store.open(results.root), "phase1").record
    (factor,) = record.factors
    found = factor.winner
    assert found is not None and record.evidence.winner is None
    order = sorted(names)
    sides = [[order.index(name) for name in side] for side in (names[:2], names[2:])]
    val, test = (
        np.stack([scores_by_fold(results, split)[side].mean(axis=0) for side in sides])
        for split in ("val", "test")
    )
    best = [val[:, fold] == val[:, fold].max() for fold in range(5)]
    assert found.score == pytest.approx(test[int(factor.value == 48)].mean(), abs=1e-5)
    assert found.nested == pytest.approx(
        np.mean([test[best[fold], fold].mean() for fold in range(5)]), abs=1e-5
    )
    assert found.bootstrap_corrected is not None
    said = " ".join(decision_sentences(record))
    assert f"image_size = {factor.value} has AUC {found.score:.3f}, nested {found.nested:.3f}, BBC-CV" in said
