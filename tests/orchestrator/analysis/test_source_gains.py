"""Gains of choices by source, whether they differ, and which source is easy: by hand and against scipy."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from orchestrator.analysis.choices import declared_choices
from orchestrator.analysis.source_gains import choice_gains, source_ease
from orchestrator.store.records import Comparison, Factor, PhaseRecord, Rule
from tests.orchestrator.gathered_by_hand import by_name, gathered

FOLDS = np.array([0.80, 0.82, 0.79, 0.81, 0.83])
GRID = np.array([0.09, 0.11, 0.10, 0.12, 0.08])
NOTHING = np.array([0.00, 0.01, -0.01, 0.01, -0.01])
SMALL = np.array([0.01, 0.00, 0.01, 0.00, 0.01])
PAIRS = (("small", "large"), ("small2", "large2"))


def phase(**keys: Any) -> PhaseRecord:
    return PhaseRecord(name="p", title="P", **keys)


def rule(*factors: Factor) -> Rule:
    return Rule(choose="auc", factors=factors)


def sizes(*sources: tuple[str, np.ndarray], suffix: str = "", **recipe: Any) -> list[Any]:
    before = {source: list(FOLDS) for source, _ in sources}
    after = {source: list(FOLDS + gain) for source, gain in sources}
    return [
        gathered(f"small{suffix}", before, image_size=16, **recipe),
        gathered(f"large{suffix}", after, image_size=32, **recipe),
    ]


THREE = (("text2img", GRID), ("inpainting", NOTHING), ("insight", SMALL))


def gains(experiments: list[Any], asked: PhaseRecord) -> Any:
    named = by_name(*experiments)
    recipes = {name: each.record.recipe for name, each in named.items()}
    return choice_gains(declared_choices(asked, recipes), named)


def p_of(values: np.ndarray) -> float:
    return float(2 * stats.t.sf(abs(values.mean()) / (values.std(ddof=1) * math.sqrt(0.45)), 4))


def test_a_source_that_gains_more_than_the_others_is_told_by_its_own_test() -> None:
    """Catches a comparison of two intervals, or one with the mean over all sources, its own included."""
    asked = phase(decision=rule(Factor(key="image_size", pairs=PAIRS[:1])))
    (found,) = gains(sizes(*THREE), asked)
    named = {each.source: each for each in found.sources}
    above = {
        "text2img": GRID - (NOTHING + SMALL) / 2,
        "inpainting": NOTHING - (GRID + SMALL) / 2,
        "insight": SMALL - (GRID + NOTHING) / 2,
    }
    for source, values in above.items():
        assert named[source].above_others.mean == pytest.approx(values.mean())
        assert named[source].above_others.p_value == pytest.approx(p_of(values))
    assert named["text2img"].gain.mean == pytest.approx(0.10)
    assert named["text2img"].after - named["text2img"].before == pytest.approx(0.10)
    assert named["text2img"].above_others.is_shown and named["text2img"].gain.is_shown
    assert not named["inpainting"].gain.is_shown
    smallest = min(p_of(values) for values in above.values())
    assert min(each.above_others.p_holm for each in found.sources) == pytest.approx(3 * smallest)
    assert found.gain.mean == pytest.approx((GRID + NOTHING + SMALL).mean() / 3)
    assert (found.choice.before, found.choice.after) == ((16,), (32,))


def test_pairs_are_averaged_fold_by_fold() -> None:
    other = np.array([0.03, 0.01, 0.02, 0.04, 0.05])
    second = sizes(("text2img", other), ("insight", other), suffix="2", dropout=0.2)
    experiments = [*sizes(("text2img", GRID), ("insight", SMALL)), *second]
    (found,) = gains(experiments, phase(decision=rule(Factor(key="image_size", pairs=PAIRS))))
    assert found.gain.p_value == pytest.approx(p_of(((GRID + SMALL) / 2 + other) / 2))
    # Of two sources the two differences are one, and one test is no family.
    ours = {each.source: each.above_others for each in found.sources}
    assert ours["text2img"].mean == pytest.approx(-ours["insight"].mean)
    assert ours["text2img"].p_holm == ours["text2img"].p_value == pytest.approx(p_of((GRID - SMALL) / 2))


def test_comparisons_are_choices_by_what_differs_and_by_its_values() -> None:
    """Catches a mean over two different treatments, and a preset that makes both sides the same."""
    experiments = [
        *sizes(("a", GRID), ("b", SMALL)),
        *sizes(("a", GRID), ("b", SMALL), suffix="2", dropout=0.2),
        gathered("larger", {"a": list(FOLDS), "b": list(FOLDS)}, image_size=64),
        gathered("same", {"a": list(FOLDS), "b": list(FOLDS)}, image_size=16),
    ]
    pairs = (*PAIRS, ("small", "larger"), ("small", "same"))
    asked = tuple(
        Comparison(question="?", baseline=one, treatment=other, differs=("image_size",))
        for one, other in pairs
    )
    unsaid = Comparison(question="?", baseline="small", treatment="large2")
    found = gains(experiments, phase(comparisons=(*asked, unsaid)))
    assert [(each.choice.after, each.choice.pairs) for each in found] == [
        ((32,), PAIRS),
        ((64,), (("small", "larger"),)),
    ]
    factor = rule(Factor(key="image_size", pairs=PAIRS[:1]))
    (declared,) = gains(experiments, phase(comparisons=asked, decision=factor))
    assert declared.choice.pairs == PAIRS[:1], "a factor stands for its key"


def test_an_incomplete_pair_leaves_the_choice_open() -> None:
    experiments = [
        gathered("small", {"a": list(FOLDS), "b": list(FOLDS)}, image_size=16),
        gathered("large", {"a": list(FOLDS[:3]), "b": list(FOLDS[:3])}, asked=5, image_size=32),
    ]
    (found,) = gains(experiments, phase(decision=rule(Factor(key="image_size", pairs=PAIRS[:1]))))
    assert math.isnan(found.gain.mean) and found.gain.reason == "large: 3 of 5 folds were asked for"
    assert all(math.isnan(each.gain.mean) and each.above_others.reason for each in found.sources)


def test_an_easy_source_lies_above_the_mean_of_the_others() -> None:
    easy = {"a": list(FOLDS + GRID), "b": list(FOLDS), "c": list(FOLDS + SMALL)}
    left_out = gathered("h", {"a": [0.5] * 5, "b": [0.5] * 5, "c": [0.5] * 5}, train_sources=["wiki", "b"])
    unfinished = gathered("u", {"a": [0.5] * 4, "b": [0.5] * 4, "c": [0.5] * 4}, asked=5)
    found = {each.source: each for each in source_ease([gathered("x", easy), left_out, unfinished])}
    assert found["a"].auc == pytest.approx(0.91) and found["a"].num_experiments == 1
    assert found["a"].above_others.mean == pytest.approx((GRID - SMALL / 2).mean())
    assert found["a"].above_others.is_shown and found["b"].above_others.mean < 0
    assert source_ease([gathered("x", {"a": list(FOLDS)})]) == ()


def test_trials_under_two_names_count_once_in_the_ease_of_a_source() -> None:
    """Catches a mean over experiments in which one of them has twice the weight."""
    low, high = ({"a": list(FOLDS + lead), "b": list(FOLDS)} for lead in (SMALL, GRID))
    ours = [gathered("x", low), gathered("y", high), gathered("z", high)]
    for each, folder in zip(ours, ("one", "other", "other"), strict=True):
        each.folders.update({place: Path(f"{folder}-{place[1]}") for place in each.trials})
    found = source_ease(ours)[0]
    assert found.num_experiments == 2 and found.auc == pytest.approx((FOLDS + (SMALL + GRID) / 2).mean())
