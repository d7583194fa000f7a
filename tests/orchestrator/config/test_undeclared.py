"""Differences of compared experiments that nobody declared, and those of the shipped phases."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import load_phase
from orchestrator.config.undeclared import undeclared_differences
from orchestrator.store.records import Comparison, Factor, Rule
from trainables.recipe import Recipe, RecipeKeys


def keys(**values: Any) -> RecipeKeys:
    return RecipeKeys.model_validate({"backbone": "resnet18", **values})


def started(tag: str, sha256: str, **values: Any) -> Recipe:
    resolved = {"layout": "sources", "precision": "float32", "memory_format": "contiguous"}
    weights = {"tag": tag, "sha256": sha256}
    return Recipe.model_validate({"pretrained": True, "weights": weights, **resolved, **values})


def found(one: RecipeKeys, other: RecipeKeys, *differs: str, factor: str | None = None) -> dict[str, Any]:
    asked = Comparison(question="?", baseline="a", treatment="b", differs=differs)
    rule = Rule(choose="auc", factors=(Factor(key=factor, pairs=(("a", "b"),)),)) if factor else None
    answers = undeclared_differences([asked], rule, {"a": one, "b": other})
    assert all((each.baseline, each.treatment) == ("a", "b") for each in answers)
    return {each.key: (each.baseline_value, each.treatment_value) for each in answers}


def test_weights_epochs_and_precision_are_named_whatever_is_asked() -> None:
    one = keys(epochs=15, precision="float32", image_size=64)
    other = keys(pretrained=True, epochs=8, precision="bf16", image_size=128)
    assert found(one, other) == {
        "pretrained": (False, True),
        "epochs": (15, 8),
        "precision": ("float32", "bf16"),
    }


def test_with_declared_keys_every_other_difference_is_named() -> None:
    one, other = keys(image_size=64), keys(image_size=128, dropout=0.5, pretrained=True)
    assert found(one, other, "image_size", "pretrained") == {"dropout": (0.0, 0.5)}
    assert found(one, other, factor="image_size") == {"pretrained": (False, True), "dropout": (0.0, 0.5)}
    assert found(one, one, "image_size") == {}


def test_weights_of_one_backbone_are_compared_by_what_they_are() -> None:
    """Catches two files of weights, or two tags, that pass for the same since both are pretrained."""
    one = started("resnet18.a1_in1k", "a" * 64, backbone="resnet18")
    other = started("resnet18.tv_in1k", "b" * 64, backbone="resnet18")
    assert found(one, other) == {
        "pretrained": (f"resnet18.a1_in1k (sha256 {'a' * 12})", f"resnet18.tv_in1k (sha256 {'b' * 12})")
    }
    deeper = started("resnet34.a1_in1k", "c" * 64, backbone="resnet34")
    assert found(one, deeper, "backbone") == {}


def test_a_kernel_machine_has_no_epochs_to_differ_in() -> None:
    assert found(keys(epochs=200), keys(backbone="svm_rbf", epochs=15)) == {}


def test_a_side_that_is_not_there_is_passed_over() -> None:
    asked = Comparison(question="?", baseline="a", treatment="b")
    assert undeclared_differences([asked], None, {"a": keys()}) == ()


def test_a_declared_key_has_to_be_one() -> None:
    with pytest.raises(ValueError, match=r"'image_sise' is no key of an experiment; nearest: image_size"):
        Comparison(question="?", baseline="a", treatment="b", differs=("image_sise",))


@pytest.mark.parametrize("phase", ["phase1", "phase2", "phase3"])
@pytest.mark.parametrize("preset", [None, "cpu", "smoke"])
def test_shipped_comparisons_differ_in_what_they_declare_alone(
    shipped: Path, phase: str, preset: str | None
) -> None:
    """Catches a file of phase 2 that does not follow phase 1's: its weights, its epochs, its precision."""
    library = Library((shipped,))
    asked = load_phase(library, phase)
    experiments = load_experiments(library, asked.experiments, preset=preset)
    recipes = {each.name: each.recipe_keys() for each in experiments}
    assert all(each.differs for each in asked.comparisons)
    assert undeclared_differences(asked.comparisons, asked.decision, recipes) == ()
