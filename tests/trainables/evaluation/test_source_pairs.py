"""Pairs of sources: against hand-counted pairs, and against scikit-learn for every union of sources."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from trainables.evaluation.curve import Curve
from trainables.evaluation.source_pairs import PairCount, auc_of_pairs, count_pairs

NAMES = ["camera", "wiki", "insight", "text2img"]


def test_pairs_are_those_that_can_be_counted_by_hand() -> None:
    """wiki 0.2 and 0.5; text2img 0.4, 0.5 and 0.9: in order are 1, 1 and 2 pairs, and one is a tie."""
    scores = np.array([0.2, 0.5, 0.4, 0.5, 0.9])
    labels, source = np.array([0, 0, 1, 1, 1]), np.array([1, 1, 3, 3, 3])
    (found,) = count_pairs(labels, Curve.of(labels, scores), source, NAMES)
    assert found == PairCount("wiki", "text2img", 2 * 4 + 1, 2, 3)
    assert auc_of_pairs([found]) == pytest.approx(4.5 / 6)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_any_union_of_sources_has_scikit_learns_auc(seed: int, levels: int) -> None:
    """Catches ties that count whole, and sums of AUCs in the place of sums of pairs."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, 4, size=40)
    labels = (source >= 2).astype(np.int64)
    scores = rng.integers(0, levels + 1, size=40) / levels
    pairs = count_pairs(labels, Curve.of(labels, scores), source, NAMES)
    for reals, fakes in (((0,), (2,)), ((0, 1), (3,)), ((1,), (2, 3)), ((0, 1), (2, 3))):
        chosen = [
            pair
            for pair in pairs
            if NAMES.index(pair.real_source) in reals and NAMES.index(pair.fake_source) in fakes
        ]
        rows = np.isin(source, reals + fakes)
        if len(set(labels[rows])) < 2:
            assert auc_of_pairs(chosen) is None
        else:
            assert auc_of_pairs(chosen) == pytest.approx(roc_auc_score(labels[rows], scores[rows]))


def test_a_source_may_hold_both_classes() -> None:
    labels, source = np.array([0, 1, 1]), np.array([0, 0, 2])
    found = count_pairs(labels, Curve.of(labels, np.array([0.5, 0.1, 0.9])), source, NAMES)
    assert found == [PairCount("camera", "camera", 0, 1, 1), PairCount("camera", "insight", 2, 1, 1)]


def test_one_class_has_no_pairs() -> None:
    labels = np.ones(3, dtype=np.int64)
    curve = Curve.of(labels, np.array([0.1, 0.2, 0.3]))
    assert count_pairs(labels, curve, np.array([2, 2, 3]), NAMES) == [] and auc_of_pairs([]) is None
