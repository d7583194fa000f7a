"""The published systems: what their texts say, value by value, and how they combine."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.ensembles import with_bases
from orchestrator.config.experiment import Experiment, load_experiments
from orchestrator.config.library import Library
from trainables.backbones import own

GEOMETRY = {"hflip_p": 0.5, "rotation_degrees": 15.0}
JITTER = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}


def plateau(patience: int, factor: float) -> dict[str, Any]:
    return {"type": "reduce_on_plateau", "mode": "max", "patience": patience, "factor": factor}


def adam(lr: float, weight_decay: float = 0.0) -> dict[str, Any]:
    return {"type": "adam", "lr": lr, "weight_decay": weight_decay}


# What a text says of a system, or names of it without a number. A part is given whole: the rest of it is off.
TEXTS: dict[str, dict[str, Any]] = {
    "unibuc_skipconcnn": {
        "image_size": 100, "batch_size": 8, "epochs": 200, "early_stopping_patience": 25,
        "optimizer": adam(5e-4, 1e-4), "scheduler": plateau(5, 0.5),
        "augment": GEOMETRY, "normalization": "imagenet",
    },
    "unibuc_threecnn": {
        "image_size": 100, "batch_size": 16, "epochs": 200, "early_stopping_patience": 15,
        "optimizer": adam(5e-4, 1e-4), "scheduler": plateau(15, 0.8),
        "augment": GEOMETRY, "normalization": "imagenet",
    },
    "unibuc_ensemblecnn": {
        "image_size": 100, "batch_size": 4, "epochs": 80, "early_stopping_patience": 5,
        "optimizer": adam(1e-4, 1e-4), "scheduler": plateau(5, 0.5),
        "augment": GEOMETRY, "normalization": "imagenet",
        "loss": {"type": "cross_entropy", "label_smoothing": 0.1},
        "bases": ("unibuc_skipconcnn", "unibuc_threecnn"),
    },
    "unibuc_deepfakenet": {
        "image_size": 128, "scheduler": {"type": "none"}, "augment": {**GEOMETRY, **JITTER},
        "optimizer": {"type": "sgd", "lr": 1e-3, "momentum": 0.0, "weight_decay": 0.0},
        "loss": {"type": "cross_entropy"},
    },
    "unibuc_deepfakenet2": {
        "image_size": 128, "batch_size": 32, "optimizer": adam(1e-4), "scheduler": plateau(2, 0.5),
        "normalization": "half", "augment": {**GEOMETRY, **JITTER, "blur_p": 0.2},
        "loss": {"type": "cross_entropy", "class_weights": (1.0, 1.0, 1.0, 1.0, 2.7)},
    },
    "unibuc_vgg16": {
        "optimizer": adam(1e-4), "scheduler": plateau(2, 0.5), "loss": {"type": "cross_entropy"},
        "mix": {"mixup": 1.0, "cutmix": 1.0}, "sampler": None,
    },
    "unibuc_deepfake_vgg_ensemble": {
        "bases": ("unibuc_deepfakenet2", "unibuc_vgg16"),
        "loss": {"type": "cross_entropy", "class_weights": (1.9, 1.0, 1.0, 1.0, 1.7)},
    },
    "ganfingerprint": {
        "image_size": 256, "normalization": "imagenet",
        "select_by": {"accuracy": 0.1, "precision": 0.05, "recall": 0.7, "f1": 0.1, "auc": 0.05},
        "scheduler": {"type": "warmup_cosine", "warmup_epochs": 2},
    },
    "dual_stream_v3": {
        "image_size": 224, "batch_size": 64, "select_by": "auc", "epochs": 30,
        "loss": {"type": "cross_entropy", "label_smoothing": 0.1, "class_weights": "balanced"},
        "scheduler": {"type": "warmup_cosine", "warmup_epochs": 2},
    },
}  # fmt: skip


@pytest.fixture
def system(shipped: Path) -> Any:
    def one(name: str) -> Experiment:
        return load_experiments(Library((shipped,)), [name])[0]

    return one


@pytest.mark.parametrize("name", TEXTS)
def test_a_system_is_what_its_text_says(system: Any, name: str) -> None:
    found = system(name)
    for key, wanted in TEXTS[name].items():
        value = getattr(found, key)
        if isinstance(wanted, dict):
            wanted = type(value).model_validate(wanted)
        if key == "scheduler":
            # The shared T_max is read by another kind of schedule.
            value = value.model_copy(update={"T_max": None})
        assert value == wanted, key


def test_weights_decay_only_where_a_text_has_it(system: Any) -> None:
    """Catches the 1e-4 of shared.json in a system whose text knows no weight decay."""
    decayed = {name for name in TEXTS if system(name).optimizer.weight_decay}
    assert decayed == {"unibuc_skipconcnn", "unibuc_threecnn", "unibuc_ensemblecnn", "ganfingerprint"}


def test_epochs_are_not_cut_where_a_text_has_no_number(system: Any) -> None:
    """Catches a limit for speed: a preset is for that. Early stopping ends what no longer gets better."""
    for name in ("unibuc_deepfakenet", "unibuc_deepfakenet2", "unibuc_vgg16", "unibuc_deepfake_vgg_ensemble"):
        assert (system(name).epochs, system(name).early_stopping_patience) == (200, 25)


def test_ganfingerprint_crops_at_random_and_knows_colours(system: Any) -> None:
    augment = system("ganfingerprint").augment
    low, high = augment.random_resized_crop
    assert 0.5 < low < high == 1.0 and augment.grayscale_p == 0.0
    for named in (
        "hflip_p",
        "brightness",
        "rotation_degrees",
        "jpeg_p",
        "noise_p",
        "blur_p",
        "erase_p",
        "quantise_p",
    ):
        assert getattr(augment, named) > 0, named


def test_the_first_stage_of_dual_stream_is_below_the_rate_that_its_text_calls_higher(system: Any) -> None:
    found = system("dual_stream_v3")
    assert [stage.epochs for stage in found.stages] == [15, 5, 5, 5]
    assert found.stages[0].trainable == "head" and found.stages[-1].trainable == "all"
    rates = [stage.lr for stage in found.stages]
    assert rates[0] < 5e-4 and rates == sorted(rates, reverse=True)
    # Nothing that blurs, compresses, resamples or covers what the residual filters look for.
    changed = {name for name, value in found.augment.model_dump().items() if value not in (0.0, None)}
    assert changed - {"jpeg_quality", "quantise_bits", "noise_std"} == {"hflip_p", "brightness", "contrast"}


@pytest.mark.parametrize("name", ["unibuc_ensemblecnn", "unibuc_deepfake_vgg_ensemble"])
def test_an_ensemble_can_be_combined_and_has_the_networks_that_its_backbone_names(
    shipped: Path, system: Any, name: str
) -> None:
    """Catches bases that see other images, and a count of parameters of other networks than are combined."""
    together = with_bases(Library((shipped,)), [system(name)])
    assert [each.name for each in together] == [*system(name).bases, name]
    entry = own(system(name).backbone)
    assert entry is not None and entry.bases == tuple(each.backbone for each in together[:-1])
