"""Robustness: AUCs under conditions, paired changes, one number of stated weights, and what is incomplete."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from orchestrator.analysis.robustness import (
    EvaluatedImages,
    PerturbedScores,
    Robustness,
    condition_weights,
    robustness,
)
from orchestrator.statistics.resampled import Groups

CONDITIONS = ("clean", "jpeg:90", "jpeg:50", "blur:1")
LABELS = np.repeat([0, 1], 60)
PLACES = [(0, 0), (0, 1), (0, 2)]
Scores = Mapping[str, Mapping[tuple[int, int], np.ndarray]]


def images(groups: np.ndarray | None = None) -> EvaluatedImages:
    codes = np.arange(len(LABELS)) if groups is None else groups
    return EvaluatedImages("ab" * 32, LABELS, Groups.of(codes, LABELS))


def scores(seed: int, spreads: Sequence[float], places: Sequence[tuple[int, int]] = PLACES) -> Scores:
    """Scores of each model: one draw of the images, noisier under each condition."""
    rng = np.random.default_rng(seed)
    shown = rng.normal(size=len(LABELS)) + 1.5 * LABELS
    return {
        condition: {
            place: 1.0 / (1.0 + np.exp(-(shown + spread * rng.normal(size=len(LABELS))))) for place in places
        }
        for condition, spread in zip(CONDITIONS, spreads, strict=True)
    }


def detector(name: str, given: Scores, *, expected: int = 3, threshold: float = 0.5) -> PerturbedScores:
    return PerturbedScores(name, expected, 3, given, dict.fromkeys(PLACES, threshold))


def found_of(*detectors: PerturbedScores, groups: np.ndarray | None = None) -> Robustness:
    return robustness(images(groups), detectors, CONDITIONS)


def test_means_and_changes_are_those_of_scikit_learn_and_none_of_no_change() -> None:
    """Catches folds in another order than at clean, a threshold of 0.5 for all, and levels of other rows."""
    given = scores(1, (0.1, 0.1, 4.0, 0.5))
    given = {**given, "jpeg:90": given["clean"]}
    (one,) = found_of(detector("a", given, threshold=0.7)).detectors
    for under in one.conditions:
        aucs = [roc_auc_score(LABELS, given[under.condition][place]) for place in PLACES]
        level = under.levels["auc"]
        assert level.interval.mean == pytest.approx(np.mean(aucs), abs=1e-6)
        assert level.interval.std == pytest.approx(np.std(aucs, ddof=1), abs=1e-6)
        assert 0.0 <= level.interval.low < level.interval.mean < level.interval.high <= 1.0
        balanced = [balanced_accuracy_score(LABELS, given[under.condition][place] >= 0.7) for place in PLACES]
        assert under.levels["balanced_accuracy"].interval.mean == pytest.approx(np.mean(balanced), abs=1e-6)
    clean, same, worse, _ = (under.levels["auc"] for under in one.conditions)
    assert clean.change is None
    assert same.change is not None and same.change.difference.mean == 0.0 and same.change.p_value == 1.0
    # No change in these models is no proof that there is none: the error has a floor.
    assert same.change.difference.high > 0.0
    assert worse.change is not None and worse.change.difference.high < -0.05 and worse.p_holm is not None
    assert worse.change.p_value < 0.05 and worse.p_holm == pytest.approx(3 * worse.change.p_value)


def test_changes_are_paired_by_image() -> None:
    """Catches two intervals laid side by side, which are much wider than that of the paired difference."""
    (one,) = found_of(detector("a", scores(2, (0.05, 0.06, 0.05, 0.3)))).detectors
    change = one.conditions[1].levels["auc"].change
    assert change is not None
    assert change.difference.error < 0.3 * one.conditions[0].levels["auc"].interval.error


def test_images_of_one_group_are_no_independent_ones() -> None:
    twice = {
        condition: {place: np.repeat(each.reshape(-1, 2)[:, 0], 2) for place, each in models.items()}
        for condition, models in scores(3, (0.1, 1.0, 2.0, 3.0)).items()
    }
    alone = found_of(detector("a", twice)).detectors[0].overall
    grouped = found_of(detector("a", twice), groups=np.arange(len(LABELS)) // 2).detectors[0].overall
    assert alone is not None and grouped is not None
    assert grouped.mean == alone.mean and grouped.error > 1.2 * alone.error


def test_the_number_weighs_clean_and_each_kind_alike() -> None:
    weights = condition_weights(CONDITIONS)
    assert weights == pytest.approx({"clean": 1 / 3, "jpeg:90": 1 / 6, "jpeg:50": 1 / 6, "blur:1": 1 / 3})
    given = scores(4, (0.1, 0.5, 1.0, 4.0))
    (one,) = found_of(detector("a", given)).detectors
    means = {c: np.mean([roc_auc_score(LABELS, given[c][place]) for place in PLACES]) for c in CONDITIONS}
    assert one.overall is not None
    assert one.overall.mean == pytest.approx(sum(weights[c] * means[c] for c in CONDITIONS), abs=1e-6)


def test_detectors_are_compared_by_fold_where_they_share_folds() -> None:
    fine, weak = scores(5, (0.1, 0.1, 0.2, 0.2)), scores(5, (0.1, 2.0, 3.0, 4.0))
    other = scores(5, (0.1, 0.1, 0.2, 0.2), [(0, 0)])
    found = found_of(
        detector("fine", fine), detector("weak", weak), PerturbedScores("one", 1, 1, other, {(0, 0): 0.5})
    )
    assert [(each.baseline, each.treatment, each.is_by_fold) for each in found.differences] == [
        ("fine", "weak", True), ("fine", "one", False), ("weak", "one", False),
    ]  # fmt: skip
    first = found.differences[0].test.difference
    overall = {each.name: each.overall for each in found.detectors}
    assert overall["weak"] is not None and overall["fine"] is not None
    assert first.mean == pytest.approx(overall["weak"].mean - overall["fine"].mean)
    assert first.high < 0.0 and found.differences[0].p_holm < 0.05
    same = found.differences[1]
    assert same.test.difference.low < 0.0 < same.test.difference.high and same.p_holm > 0.05


def test_what_is_incomplete_is_not_averaged() -> None:
    given = dict(scores(6, (0.1, 0.2, 0.3, 0.4)))
    given["jpeg:50"] = {place: given["jpeg:50"][place] for place in PLACES[:2]}
    found = found_of(detector("a", given), detector("b", scores(7, (0.1, 0.2, 0.3, 0.4))))
    one = found.detectors[0]
    assert one.overall is None and one.reason == "2 of 3 models have scores under jpeg:50"
    assert [bool(each.levels) for each in one.conditions] == [True, True, False, True]
    assert found.differences == () and found.detectors[1].overall is not None
    empty = found_of(detector("a", {}))
    assert empty.detectors[0].reason == "0 of 3 models have scores under clean"
    few = robustness(
        EvaluatedImages("ab" * 32, LABELS, Groups.of(LABELS, LABELS)), [detector("a", given)], CONDITIONS
    )
    assert few.detectors == () and "too few groups" in few.reason


def test_several_classes_have_the_same_numbers() -> None:
    rng, labels = np.random.default_rng(9), np.repeat([0, 1, 2], 30)
    given = {}
    for condition in ("clean", "blur:1"):
        raw = rng.random((90, 3)) + np.eye(3)[labels] * (1.0 if condition == "clean" else 0.3)
        given[condition] = {(0, 0): raw / raw.sum(axis=1, keepdims=True)}
    place = EvaluatedImages("cd" * 32, labels, Groups.of(np.arange(90), labels))
    found = robustness(place, [PerturbedScores("a", 1, 1, given, {})], ("clean", "blur:1"))
    for under in found.detectors[0].conditions:
        expected = roc_auc_score(labels, given[under.condition][0, 0], multi_class="ovr")
        assert under.levels["auc"].interval.mean == pytest.approx(expected, abs=1e-6)
        assert math.isnan(under.levels["auc"].interval.std)
