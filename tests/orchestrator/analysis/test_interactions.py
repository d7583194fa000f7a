"""Interactions: by hand and against scipy, and found by recipes whatever experiments are called."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.interactions import Interaction, find_interactions
from tests.orchestrator.gathered_by_hand import by_name, gathered

BASE = np.array([0.70, 0.74, 0.71, 0.69, 0.73])
# What the crop gains alone, augmentation alone, and both together more than the sum, by fold.
CROP, AUGMENT = np.array([0.02, 0.01, 0.03, 0.02, 0.02]), np.array([0.01, 0.03, 0.01, 0.02, 0.03])
MORE = np.array([0.02, 0.04, 0.03, 0.05, 0.01])
ON = {"hflip_p": 0.5}


def four(name: str, more: np.ndarray = MORE, **recipe: Any) -> list[Gathered]:
    cells = (
        ("w", BASE, {}),
        ("x", BASE + CROP, {"face_crop": True}),
        ("y", BASE + AUGMENT, {"augment": ON}),
        ("z", BASE + CROP + AUGMENT + more, {"face_crop": True, "augment": ON}),
    )
    return [gathered(f"{name}{mark}", list(aucs), **recipe, **keys) for mark, aucs, keys in cells]


def found_in(*experiments: Gathered, metric: str = "auc") -> dict[tuple[str, str], Interaction]:
    return {(each.first, each.second): each for each in find_interactions(by_name(*experiments), metric)}


def expected_p(values: Sequence[float]) -> float:
    error = np.std(values, ddof=1) * math.sqrt(1 / 5 + 0.25)
    return float(2 * stats.t.sf(abs(np.mean(values)) / error, len(values) - 1))


def test_the_difference_of_differences_is_paired_by_fold() -> None:
    """Catches an unpaired test, in which the folds' own spread drowns what both gains share."""
    (found,) = found_in(*four("p")).values()
    assert (found.first, found.second) == ("face_crop", "augment")
    assert (found.first_values, found.second_values) == ((False, True), (False, ON))
    assert found.gain_without.mean == pytest.approx(CROP.mean())
    assert found.gain_with.mean == pytest.approx(CROP.mean() + 0.03)
    assert found.interaction.mean == pytest.approx(0.03)
    assert found.interaction.p_value == pytest.approx(expected_p(MORE)) == found.interaction.p_holm
    (quartet,) = found.quartets
    assert (quartet.neither, quartet.first, quartet.second, quartet.both) == ("pw", "px", "py", "pz")
    assert quartet.surroundings == ()


def test_models_are_averaged_fold_by_fold_and_given_each() -> None:
    other = np.array([-0.02, 0.00, 0.01, -0.01, 0.02])
    sides = [*four("s"), *four("r", other, backbone="resnet18", pretrained=True)]
    every = found_in(*sides)
    found = every["face_crop", "augment"]
    assert found.interaction.mean == pytest.approx(0.015)
    assert found.interaction.p_value == pytest.approx(expected_p((MORE + other) / 2))
    assert [quartet.surroundings[0].value for quartet in found.quartets] == ["simple_cnn", "resnet18"]
    assert [quartet.interaction.mean for quartet in found.quartets] == pytest.approx([0.03, 0.0])
    assert found.quartets[0].interaction.p_value == pytest.approx(expected_p(MORE))
    # A model is one setting with the weights it starts from: its interactions are asked too.
    assert set(every) == {("face_crop", "augment"), ("face_crop", "backbone"), ("augment", "backbone")}
    assert len(every["face_crop", "backbone"].quartets) == 2
    # Three interactions and six quartets: two families.
    smallest = min(each.interaction.p_value for each in every.values())
    assert min(each.interaction.p_holm for each in every.values()) == pytest.approx(3 * smallest)


def test_a_lower_loss_is_a_gain() -> None:
    sides = four("p")
    for each in sides:
        each.values["all", "log_loss"] = each.values["all", "auc"]
    found = found_in(*sides, metric="log_loss")["face_crop", "augment"]
    assert found.interaction.mean == pytest.approx(-0.03)
    assert found.gain_without.mean == pytest.approx(-CROP.mean())


def test_what_differs_in_more_than_two_keys_makes_no_quartet() -> None:
    sides = four("p")
    other = gathered("pz", list(BASE), face_crop=True, augment=ON, image_size=64)
    assert found_in(*sides[:3], other) == {}
    assert found_in(*sides[:3]) == {}, "a corner is missing"


def test_a_second_name_for_the_same_recipe_changes_nothing() -> None:
    sides = four("p")
    twin = gathered("another_name", list(BASE))
    (found,) = found_in(*sides, twin).values()
    assert len(found.quartets) == 1 and found.quartets[0].neither == "pw"


def test_the_margin_of_a_crop_belongs_to_the_crop() -> None:
    """Catches experiments without a crop that match none with one, since only these have a margin."""
    (found,) = found_in(*four("p", face_crop_margin=0.3)).values()
    assert (found.first, found.second) == ("face_crop", "augment")


def test_a_grid_has_one_corner_and_seeds_are_averaged() -> None:
    sides = [
        gathered(f"n{size}{on}{seed}", list(BASE + 0.01 * on), image_size=size, face_crop=bool(on), seed=seed)
        for seed in (1, 2)
        for size in (32, 48, 64)
        for on in (0, 1)
    ]
    found = find_interactions(by_name(*sides), "auc")
    assert [(each.first_values, len(each.quartets)) for each in found] == [((32, 48), 2), ((32, 64), 2)]
    assert found[0].quartets[1].surroundings[0].value == 2


def test_an_incomplete_corner_leaves_no_mean_but_a_reason() -> None:
    sides = four("p")
    sides[3] = gathered("pz", list(BASE[:4]), asked=5, face_crop=True, augment=ON)
    (found,) = found_in(*sides).values()
    assert math.isnan(found.interaction.mean)
    assert found.interaction.reason == "pz: 4 of 5 folds were asked for"
    assert found.gain_without.mean == pytest.approx(CROP.mean()), "the other two corners are complete"
