"""The ingredients of a trial's key: everything that decides its numbers, and nothing else."""

import dataclasses
import json
import math
import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config.experiment import Experiment
from orchestrator.config.trial_resources import Resources
from orchestrator.plan.identity import difference, rows_fingerprint, trial_ingredients, trial_key
from orchestrator.store.fingerprint import canonical_json, fingerprint
from trainables import backbones, versions
from trainables.recipe import (
    Augment,
    Loss,
    Mix,
    Optimizer,
    Recipe,
    RecipeKeys,
    Scheduler,
    SelectWeights,
    Stage,
)

RESOLVED = {"layout": "sources", "group_by": "basename", "precision": "float32"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same value with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@settings(max_examples=30)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_keys_is_no_part_of_a_fingerprint(value: Any, rng: random.Random) -> None:
    other = shuffled(value, rng)
    assert canonical_json(value) == canonical_json(other)
    assert fingerprint(value) == fingerprint(other)


@settings(max_examples=30)
@given(VALUES)
def test_canonical_json_is_json_that_says_the_same(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@settings(max_examples=30)
@given(VALUES, VALUES)
def test_other_values_have_other_fingerprints(one: Any, other: Any) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (canonical_json(one) == canonical_json(other))


def test_nan_has_no_fingerprint() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint({"lr": math.nan})


def experiment(**values: Any) -> Experiment:
    return Experiment.model_validate({"name": "a", **values})


def key(recipe: Recipe | None = None, *, repeat: int = 0, fold: int = 0, rows: str = "r" * 64) -> str:
    recipe = recipe or experiment().recipe(**RESOLVED, memory_format="contiguous")
    return trial_key(trial_ingredients(recipe, repeat=repeat, fold=fold, rows=rows))


def key_of(**values: Any) -> str:
    resolved = {**RESOLVED, **{name: values.pop(name) for name in RESOLVED if name in values}}
    memory_format = values.pop("memory_format", "contiguous")
    return key(experiment(**values).recipe(**resolved, memory_format=memory_format))


@pytest.mark.parametrize(
    "values",
    [
        {"name": "b"},
        {"description": "other words"},
        {"tags": ("x", "y")},
        {"extends": "parent"},
        {"data_dir": "/elsewhere"},
        {"num_workers": 17},
        {"max_unusable": 0.5},
        {"resources": Resources(cpus=3, gpus=0.5)},
        {"threshold_by": "f1"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_can_t_change_a_number_can_t_change_the_key(values: dict[str, Any]) -> None:
    """Catches finished trials that run again because a file was renamed or more cores are there."""
    assert key_of(**values) == key_of()


# How each key of the recipe is changed here; None = its value is decided by the rows' own fingerprint.
CHANGES: dict[str, dict[str, Any] | None] = {
    "layout": None,
    "group_by": None,
    "real_sources": None,
    "follow_links": None,
    "train_sources": None,
    "eval_sources": None,
    "subsample": None,
    "test_ratio": None,
    "holdout_final": None,
    "protocol": {"protocol": "holdout"},
    "cv_folds": None,
    "cv_repeats": None,
    "val_ratio": None,
    "face_crop": {"face_crop": True},
    "augment": {"augment": Augment(hflip_p=0.5)},
    "sampler": {"sampler": "weighted"},
    "mix": {"mix": Mix(mixup=0.2)},
    "face_crop_margin": {"face_crop": True, "face_crop_margin": 0.1},
    "face_rule": {"face_crop": True, "face_rule": "central"},
    "image_size": {"image_size": 96},
    "normalization": {"normalization": "half"},
    "backbone": {"backbone": "resnet18"},
    "pretrained": {"backbone": "resnet18", "pretrained": True},
    "cnn_preset": {"cnn_preset": "small"},
    "dropout": {"dropout": 0.1},
    "epochs": {"epochs": 14},
    "stages": {"stages": (Stage(epochs=15, trainable="head"),)},
    "batch_size": {"batch_size": 16},
    "optimizer": {"optimizer": Optimizer(lr=2e-4)},
    "scheduler": {"scheduler": Scheduler(T_max=7)},
    "early_stopping_patience": {"early_stopping_patience": None},
    "loss": {"loss": Loss(label_smoothing=0.1)},
    "precision": {"precision": "bf16"},
    "select_by": {"select_by": "f1"},
    "seed": {"seed": 43},
}


def test_every_key_of_the_recipe_is_looked_at_here() -> None:
    """Catches a new key of the recipe that nobody decided to hash or not."""
    assert set(CHANGES) == set(RecipeKeys.model_fields)


@pytest.mark.parametrize("name", [name for name, change in CHANGES.items() if change])
def test_each_key_that_decides_numbers_changes_the_key(name: str) -> None:
    change = CHANGES[name]
    assert change is not None
    base: dict[str, Any] = {"backbone": "resnet18"} if name == "pretrained" else {}
    if name in ("face_crop_margin", "face_rule"):
        base = {"face_crop": True}
    assert key_of(**change) != key_of(**base)


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": Optimizer(type="sgd")},
        {"optimizer": Optimizer(weight_decay=0.0)},
        {"optimizer": Optimizer(type="sgd", momentum=0.5)},
        {"scheduler": Scheduler(type="none")},
        {"scheduler": Scheduler(type="reduce_on_plateau")},
        {"scheduler": Scheduler(type="reduce_on_plateau", mode="min", patience=1, factor=0.1)},
        {"scheduler": Scheduler(type="warmup_cosine", warmup_epochs=2)},
        {"loss": Loss(type="focal")},
        {"loss": Loss(type="focal", gamma=1.0)},
        {"select_by": SelectWeights(recall=1.0)},
        {"loss": Loss(class_weights="balanced")},
        {"loss": Loss(class_weights=(1.0, 2.0))},
        {"memory_format": "channels_last"},
    ],
)
def test_inner_keys_that_decide_numbers_change_the_key(values: dict[str, Any]) -> None:
    assert key_of(**values) not in {key_of(), key_of(optimizer=Optimizer(type="sgd", momentum=0.25))}


@pytest.mark.parametrize(
    "values",
    [
        {"layout": "splits"},
        {"group_by": "none"},
        {"real_sources": ("real",)},
        {"follow_links": True},
        {"train_sources": ("wiki",)},
        {"eval_sources": ("wiki",)},
        {"subsample": 0.5},
        {"test_ratio": 0.2},
        {"holdout_final": 0.15},
        {"cv_repeats": 3},
        {"face_crop_margin": 0.1},
        {"face_rule": "central"},
        {"backbone": "resnet18", "cnn_preset": "small"},
    ],
    ids=lambda values: list(values)[-1],
)
def test_two_ways_to_the_same_rows_are_one_trial(values: dict[str, Any]) -> None:
    """Catches a trial that runs again though model, settings and rows are the same (more repeats, say)."""
    base = {name: value for name, value in values.items() if name == "backbone"}
    assert key_of(**values) == key_of(**base)


def test_repeat_fold_and_rows_change_the_key() -> None:
    keys = {key(), key(repeat=1), key(fold=1), key(rows="s" * 64), key(repeat=1, fold=1)}
    assert len(keys) == 5


@pytest.mark.parametrize("part", ["FOLDS", "PIXELS", "TRAINING"])
def test_a_new_version_of_a_part_changes_every_key(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Catches results of older code that pass for those of newer code."""
    before = key_of(), key_of(backbone="resnet18")
    monkeypatch.setattr(versions, part, 99)
    assert all(
        one != other for one, other in zip(before, (key_of(), key_of(backbone="resnet18")), strict=True)
    )


def test_a_new_version_of_the_detector_changes_the_keys_of_face_crops_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches every trial that runs again because a detector that it never used is newer."""
    before = key_of(), key_of(face_crop=True)
    monkeypatch.setattr(versions, "FACES", 99)
    assert key_of() == before[0] and key_of(face_crop=True) != before[1]


def test_a_new_version_of_a_backbone_changes_its_own_keys_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(), key_of(backbone="resnet18")
    newer = dataclasses.replace(backbones.BACKBONES["simple_cnn"], version=99)
    monkeypatch.setitem(backbones.BACKBONES, "simple_cnn", newer)
    assert key_of() != before[0] and key_of(backbone="resnet18") == before[1]
    monkeypatch.setattr(backbones, "TIMM_VERSION", 99)
    assert key_of(backbone="resnet18") != before[1]


def test_two_names_of_a_backbone_share_trials() -> None:
    assert key_of(backbone="vgg16") == key_of(backbone="vgg16_bn") != key_of(backbone="resnet18")


def test_a_known_key() -> None:
    """Pins one key: when it changes, every trial that anybody has finished runs again.

    If that is meant, raise a number in trainables/versions.py, say so in the CHANGELOG, and pin the new key.
    """
    recipe = experiment().recipe(**RESOLVED, memory_format="contiguous")
    assert key(recipe, repeat=1, fold=2) == PINNED


PINNED = "9c509dac85708bb5da18b53076ccec3bcd6dc07720528949389b63f11566df13"

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "sha256": st.text("0123456789abcdef", min_size=4, max_size=4),
            "label": st.integers(0, 4),
            "source": st.sampled_from(["wiki", "insight"]),
            "group": st.sampled_from(["g1", "g2", "g3"]),
            "part": st.sampled_from(["train", "val", "test"]),
            "path": st.text("abc/", min_size=1),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(ROWS, st.randoms(use_true_random=False))
def test_rows_are_the_same_in_any_order_and_under_any_path(
    rows: list[dict[str, Any]], rng: random.Random
) -> None:
    """Catches a moved or renamed data folder that makes every trial run again."""
    other = [{**row, "path": f"moved/{position}"} for position, row in enumerate(rows)]
    rng.shuffle(other)
    assert rows_fingerprint(pd.DataFrame(rows)) == rows_fingerprint(
        pd.DataFrame(other, index=range(5, 5 + len(rows)))
    )


@settings(max_examples=40)
@given(ROWS, st.data())
def test_another_value_of_any_row_makes_other_rows(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Catches an ingredient of a row (content, label, source, group, part) that is left out."""
    column = data.draw(st.sampled_from(["sha256", "label", "source", "group", "part"]))
    position = data.draw(st.integers(0, len(rows) - 1))
    changed = [dict(row) for row in rows]
    changed[position][column] = 7 if column == "label" else "other"
    assert rows_fingerprint(pd.DataFrame(rows)) != rows_fingerprint(pd.DataFrame(changed))


def test_a_row_more_makes_other_rows() -> None:
    row = {"sha256": "ab", "label": 0, "source": "wiki", "group": "g", "part": "train"}
    assert rows_fingerprint(pd.DataFrame([row])) != rows_fingerprint(pd.DataFrame([row, row]))


def test_the_difference_names_what_differs() -> None:
    recipe = experiment().recipe(**RESOLVED, memory_format="contiguous")
    other = experiment(optimizer=Optimizer(lr=1e-3), seed=7).recipe(**RESOLVED, memory_format="contiguous")
    one = trial_ingredients(recipe, repeat=0, fold=0, rows="a" * 64)
    two = trial_ingredients(other, repeat=0, fold=0, rows="b" * 64)
    assert difference(one, one) == []
    lines = difference(one, two)
    assert [line.split(": ")[0] for line in lines] == ["recipe.optimizer.lr", "recipe.seed", "rows"]
    assert lines[0] == "recipe.optimizer.lr: 0.0001 here, 0.001 there"
    assert lines[2] == "rows: aaaaaaaaaaaa... here, bbbbbbbbbbbb... there"


def test_the_difference_names_what_one_side_lacks() -> None:
    assert difference({"a": {"b": 1}}, {"a": {}}) == ["a.b: 1 here, nothing there"]


def test_stages_that_come_to_the_same_epochs_are_the_same_trial() -> None:
    """2 + 1 stages over 6 epochs are 4 + 2: only what is trained counts, not how it was said."""
    said = [tuple(Stage(epochs=count) for count in counts) for counts in ((2, 1), (4, 2), (3, 3))]
    keys = [key_of(stages=stages, epochs=6) for stages in said]
    assert keys[0] == keys[1] != keys[2]


def test_a_base_and_its_place_are_part_of_an_ensemble_and_of_nothing_else() -> None:
    recipe = experiment().recipe(**RESOLVED, memory_format="contiguous")
    keys = [
        trial_key(trial_ingredients(recipe, repeat=0, fold=0, rows="r" * 64, bases=bases))
        for bases in ((), ("a", "b"), ("b", "a"), ("a", "c"))
    ]
    assert len(set(keys)) == 4 and keys[0] == key(recipe)


def test_a_batch_in_parts_is_another_trial_and_a_whole_one_is_what_it_was() -> None:
    recipe = experiment().recipe(**RESOLVED, memory_format="contiguous")
    assert key(recipe.model_copy(update={"micro_batch": 8})) != key(recipe)
    assert "micro_batch" not in trial_ingredients(recipe, repeat=0, fold=0, rows="")["recipe"]
