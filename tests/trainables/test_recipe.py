"""The schema of what decides a trial's numbers: frozen, closed, strict about types and ranges."""

import json
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from trainables.evaluation.metrics import SelectionMetric
from trainables.evaluation.scoring import compute_metrics
from trainables.recipe import (
    Loss,
    Optimizer,
    Recipe,
    RecipeKeys,
    Scheduler,
)
from trainables.recipe_part import RecipePart, refuse_undeclared

RESOLVED = {"layout": "sources", "precision": "float32", "memory_format": "contiguous"}


def refused(values: dict[str, Any]) -> list[tuple[str, ...]]:
    """The places that the schema complains about, in JSON as an experiment file has it."""
    with pytest.raises(ValidationError) as raised:
        RecipeKeys.model_validate_json(json.dumps(values))
    return [tuple(str(part) for part in error["loc"]) for error in raised.value.errors()]


def test_a_recipe_cannot_be_changed() -> None:
    recipe = Recipe.model_validate(RESOLVED)
    with pytest.raises(ValidationError, match="frozen"):
        recipe.epochs = 3
    with pytest.raises(ValidationError, match="frozen"):
        recipe.optimizer.lr = 3.0
    assert hash(recipe) == hash(Recipe.model_validate(RESOLVED))


@pytest.mark.parametrize(
    "values",
    [
        {"epoch": 3},
        {"optimizer": {"learning_rate": 0.1}},
        {"loss": {"gamma": 2.0}},
        {"scheduler": {"t_max": 3}},
    ],
)
def test_an_unknown_key_is_an_error_at_every_level(values: dict[str, Any]) -> None:
    assert len(refused(values)) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", True),
        ("epochs", 3.0),
        ("epochs", "3"),
        ("seed", False),
        ("subsample", True),
        ("dropout", "0.1"),
        ("pretrained", 1),
        ("pretrained", "true"),
        ("train_sources", "wiki"),
        ("backbone", None),
        ("batch_size", None),
    ],
)
def test_a_wrong_type_is_an_error_never_converted(key: str, value: object) -> None:
    """A bool is no number, and the text "3" is no 3."""
    assert refused({key: value})[0][0] == key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("image_size", 15),
        ("image_size", 1025),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("subsample", 0.0),
        ("subsample", 1.1),
        ("val_ratio", 0.0),
        ("val_ratio", 0.51),
        ("test_ratio", 1.0),
        ("cv_folds", 1),
        ("cv_repeats", 0),
        ("early_stopping_patience", 0),
        ("seed", -1),
        ("seed", 2**63),
        ("real_sources", [1]),
        ("backbone", ""),
        ("group_by", ""),
        ("select_by", "precision"),
        ("precision", "float16"),
        ("protocol", "loocv"),
        ("face_crop", "yes"),
        ("face_crop_margin", -0.1),
        ("face_rule", "smallest"),
        ("normalization", "fake_norm"),
        ("augment", True),
        ("cnn_preset", "huge"),
        ("optimizer", {"lr": 0.0}),
        ("optimizer", {"lr": 11.0}),
        ("optimizer", {"weight_decay": -1.0}),
        ("optimizer", {"momentum": 1.0}),
        ("optimizer", {"type": "lion"}),
        ("scheduler", {"T_max": 0}),
        ("loss", {"label_smoothing": 1.0}),
        ("loss", {"class_weights": [1.0, 0.0]}),
        ("loss", {"class_weights": "inverse"}),
    ],
)
def test_an_impossible_value_is_an_error_at_its_key(key: str, value: object) -> None:
    assert refused({key: value})[0][0] == key


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "key", ["dropout", "subsample", "val_ratio", "test_ratio", "optimizer.lr", "optimizer.weight_decay"]
)
def test_nan_and_infinity_are_no_settings(key: str, number: float) -> None:
    first, _, second = key.partition(".")
    with pytest.raises(ValidationError):
        RecipeKeys.model_validate({first: {second: number} if second else number})


def test_ends_of_the_ranges_and_whole_numbers_for_shares_are_valid() -> None:
    values = {
        "subsample": 1,
        "val_ratio": 0.5,
        "dropout": 0,
        "image_size": 16,
        "batch_size": 2,
        "cv_folds": 2,
        "early_stopping_patience": None,
        "seed": 2**63 - 1,
    }
    recipe = RecipeKeys.model_validate_json(json.dumps(values))
    assert recipe.subsample == 1.0 and recipe.early_stopping_patience is None


def test_simple_cnn_has_no_pretrained_weights_to_ask_for() -> None:
    assert refused({"pretrained": True}) == [()]
    assert RecipeKeys.model_validate({"pretrained": True, "backbone": "resnet18"}).pretrained


def test_a_recipe_leaves_nothing_open() -> None:
    for key in RESOLVED:
        with pytest.raises(ValidationError):
            Recipe.model_validate({**RESOLVED, key: "auto"})
    with pytest.raises(ValidationError):
        Recipe.model_validate({})


def test_json_and_back_is_the_same_recipe() -> None:
    recipe = Recipe(
        layout="csv",
        precision="bf16",
        memory_format="channels_last",
        train_sources=("wiki", "insight"),
        optimizer=Optimizer(type="sgd", lr=0.1 + 0.2),
        scheduler=Scheduler(T_max=3),
        loss=Loss(class_weights=(1.0, 2.5)),
    )
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize("metric", get_args(SelectionMetric))
def test_every_metric_to_select_by_is_one_that_is_computed(metric: str) -> None:
    assert compute_metrics(np.array([0, 1]), np.array([0.2, 0.7]))[metric] is not None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"scheduler": {"type": "warmup_cosine"}}, "warmup_epochs is needed"),
        ({"scheduler": {"warmup_epochs": 2}}, "belongs to warmup_cosine"),
        ({"scheduler": {"patience": 2}}, "patience belongs to reduce_on_plateau"),
        ({"epochs": 2, "scheduler": {"type": "warmup_cosine", "warmup_epochs": 2}}, "there are 2 epochs"),
        ({"loss": {"gamma": 1.0}}, "gamma belongs to focal"),
        ({"augment": {"random_resized_crop": [0.9, 0.5]}}, "least and the greatest share"),
        ({"augment": {"jpeg_quality": [90, 30]}}, "least and the greatest quality"),
        ({"mix": {}}, "alpha above 0"),
        ({"select_by": {"recall": 0.5}}, "weights sum to 0.5"),
        ({"protocol": "official", "cv_repeats": 2}, "one split"),
        ({"backbone": "three_cnn", "pretrained": True}, "no pretrained weights"),
        ({"backbone": "fingerprint_net", "image_size": 16}, "too small for fingerprint_net: at least 32"),
        ({"backbone": "three_cnn", "dropout": 0.5}, "dropouts of its own"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, Any], said: str) -> None:
    """Catches a setting that is silently ignored because another makes it meaningless."""
    with pytest.raises(ValidationError, match=said):
        RecipeKeys.model_validate_json(json.dumps(values))


def test_a_key_that_does_not_say_whether_it_tells_trials_apart_is_refused() -> None:
    """Catches a new key whose values all have the same trials."""

    class WithNewKey(RecipePart):
        new: int = 0

    with pytest.raises(TypeError, match=r"WithNewKey\.new does not say"):
        refuse_undeclared(Recipe, WithNewKey)
