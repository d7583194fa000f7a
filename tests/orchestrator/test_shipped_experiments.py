"""The experiment files of this repository: they load, and they are what the study plan asks for."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.experiment import experiment_files, json_schema, load_experiments, read_object
from orchestrator.phase import load_phase, phase_names

# The study plan's numbers for phase 1, word for word; both experiments share them.
PHASE1 = {
    "dropout": 0.0, "image_size": 128, "epochs": 15, "batch_size": 32, "early_stopping_patience": 5,
    "subsample": 0.2, "face_crop": False, "augment": False, "seed": 42, "cv_folds": 5, "cv_repeats": 1,
}  # fmt: skip


def shipped_files() -> list[Path]:
    folder = Path(__file__).parents[2] / "experiments"
    return [folder / "shared.json", *(folder / "presets").glob("*.json"), *experiment_files(folder)]


def test_every_shipped_experiment_loads_with_every_preset(shipped: Path) -> None:
    names = [path.stem for path in experiment_files(shipped)]
    for preset in (None, *(path.stem for path in (shipped / "presets").glob("*.json"))):
        assert [found.name for found in load_experiments(shipped, names, preset=preset)] == names


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("p1_simplecnn_baseline", {"backbone": "simple_cnn", "cnn_preset": "medium", "pretrained": False}),
        ("p1_resnet18_baseline", {"backbone": "resnet18", "pretrained": True}),
    ],
)
def test_phase_1_is_what_the_study_plan_asks_for(shipped: Path, name: str, own: dict[str, Any]) -> None:
    (found,) = load_experiments(shipped, [name])
    values = found.model_dump()
    assert {key: values[key] for key in PHASE1 | own} == PHASE1 | own
    assert (found.optimizer.type, found.optimizer.lr, found.optimizer.weight_decay) == ("adamw", 1e-4, 1e-4)
    assert (found.scheduler.type, found.scheduler.T_max) == ("cosine_annealing", 15)


def test_the_two_of_phase_1_differ_in_the_model_alone(shipped: Path) -> None:
    """Catches a comparison of architectures that compares something else as well."""
    one, other = load_experiments(shipped, load_phase(shipped, "phase1").experiments)
    left, right = one.recipe_keys().model_dump(), other.recipe_keys().model_dump()
    assert {key for key in left if left[key] != right[key]} == {"backbone", "pretrained"}


def test_phase_1_declares_its_one_comparison(shipped: Path) -> None:
    (comparison,) = load_phase(shipped, "phase1").comparisons
    assert (comparison.baseline, comparison.treatment) == ("p1_simplecnn_baseline", "p1_resnet18_baseline")
    assert comparison.metrics == ("auc", "accuracy", "f1")


def test_phase_1_decides_between_its_two_baselines(shipped: Path) -> None:
    rule = load_phase(shipped, "phase1").decision
    assert rule is not None
    assert (rule.choose, rule.prefer, rule.rope) == ("auc", "cheaper", 0.01)
    assert rule.among == ("p1_simplecnn_baseline", "p1_resnet18_baseline")


def test_every_shipped_phase_loads_with_its_experiments(shipped: Path) -> None:
    for name in phase_names(shipped):
        phase = load_phase(shipped, name)
        loaded = load_experiments(shipped, phase.experiments)
        assert [each.name for each in loaded] == list(phase.experiments)
        assert loaded or phase.templates


def test_shared_holds_what_the_design_says(shipped: Path) -> None:
    values = read_object(shipped / "shared.json")
    assert {key: value for key, value in values.items() if key != "$schema"} == {
        "seed": 42,
        "val_ratio": 0.1,
        "test_ratio": 0.1,
        "batch_size": 32,
        "optimizer": {"type": "adamw", "lr": 1e-4, "weight_decay": 1e-4},
        "scheduler": {"type": "cosine_annealing", "T_max": 15},
        "epochs": 15,
        "early_stopping_patience": 5,
        "num_workers": 4,
        "cv_folds": 5,
        "data_dir": "data",
        "face_crop_margin": 0.6,
    }


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_the_schema_accepts_every_shipped_file(path: Path) -> None:
    """Catches an editor that marks correct files as wrong."""
    jsonschema.Draft202012Validator(json_schema()).validate(read_object(path))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epohcs": 3},
        {"epochs": 0},
        {"epochs": "3"},
        {"optimizer": {"type": "adamwx"}},
        {"optimizer": {"momentun": 0.5}},
        {"lr": "fast"},
        {"face_crop": "yes"},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(wrong)


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_file_is_up_to_date(shipped: Path) -> None:
    """Catches a schema.json that is older than the model: `make schema` writes it."""
    assert json.loads((shipped / "schema.json").read_text()) == json_schema()


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_the_schema_that_a_file_names_is_there(path: Path) -> None:
    named = read_object(path).get("$schema")
    assert named is None or (path.parent / named).is_file()
