"""Backbones by name: shapes, weights that hang on the random state alone, and errors that say the way out."""

import time
from pathlib import Path

import pytest
import timm
import torch

from trainables.errors import InputError
from trainables.models.building import build_model, check_backbone, num_logits
from trainables.models.simple_cnn import PRESETS
from trainables.recipe import RecipeKeys


def recipe(**changes: object) -> RecipeKeys:
    return RecipeKeys.model_validate({"image_size": 32, **changes})


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("num_classes", "outputs"), [(2, 1), (5, 5)])
def test_simple_cnn_has_one_logit_for_two_classes_and_five_for_five(
    preset: str, num_classes: int, outputs: int
) -> None:
    model = build_model(recipe(cnn_preset=preset), num_classes=num_classes)
    with torch.inference_mode():
        logits = model.eval()(torch.zeros(2, 3, 32, 32))
    assert logits.shape == (2, outputs) and num_logits(num_classes) == outputs


def test_larger_presets_have_more_parameters_counted_by_hand() -> None:
    def count(preset: str) -> int:
        model = build_model(recipe(cnn_preset=preset), num_classes=2)
        return sum(parameter.numel() for parameter in model.parameters())

    # 3x3 convolutions without bias, two numbers a channel of batch normalisation, the linear layer.
    micro = 9 * (3 * 8 + 8 * 16 + 16 * 32) + 2 * (8 + 16 + 32) + 32 + 1
    assert count("micro") == micro
    assert count("micro") < count("small") < count("medium") < count("large")


@pytest.mark.parametrize("backbone", ["simple_cnn", "resnet18"])
def test_the_same_random_state_gives_the_same_weights_and_another_gives_others(backbone: str) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build_model(recipe(backbone=backbone), num_classes=2).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_dropout_is_at_work_in_training_alone() -> None:
    model = build_model(recipe(dropout=0.5, cnn_preset="micro"), num_classes=2)
    x_BCHW = torch.randn(4, 3, 32, 32)
    torch.manual_seed(0)
    with torch.inference_mode():
        assert torch.equal(model.eval()(x_BCHW), model(x_BCHW))
        assert not torch.equal(model.train()(x_BCHW), model(x_BCHW))


def test_a_timm_model_by_its_name_has_one_logit() -> None:
    check_backbone(recipe(backbone="resnet18"), num_classes=2)
    model = build_model(recipe(backbone="resnet18"), num_classes=2)
    with torch.inference_mode():
        assert model.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 1)


def test_a_transformer_takes_the_recipes_image_size() -> None:
    """Built for 224 pixels, it would refuse every batch."""
    model = build_model(recipe(backbone="vit_tiny_patch16_224", image_size=64), num_classes=2)
    with torch.inference_mode():
        assert model.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("resnet81", "resnet18"), ("simplecnn", "simple_cnn"), ("zzzzzzzz", "timm.list_models")],
)
def test_an_unknown_name_is_refused_with_the_nearest_names(name: str, nearest: str) -> None:
    for ask in (check_backbone, build_model):
        with pytest.raises(InputError, match=rf"backbone '{name}' is neither .*nearest: .*{nearest}"):
            ask(recipe(backbone=name), num_classes=2)


def test_the_nearest_names_come_once() -> None:
    with pytest.raises(InputError) as raised:
        check_backbone(recipe(backbone="resnet81"), num_classes=2)
    names = str(raised.value).partition("nearest: ")[2].split(", ")
    assert len(names) == len(set(names)) == 3


@pytest.mark.parametrize("pretrained", [False, True])
def test_an_unknown_tag_of_a_known_model_is_refused_before_anything_starts(pretrained: bool) -> None:
    with pytest.raises(InputError, match=r"resnet18\.imagenet99"):
        check_backbone(recipe(backbone="resnet18.imagenet99", pretrained=pretrained), num_classes=2)


def test_pretrained_is_refused_for_a_model_that_has_no_weights() -> None:
    name = next(name for name in timm.list_models() if not timm.is_model_pretrained(name))
    with pytest.raises(
        InputError, match=rf"'{name}' has no pretrained weights in timm; set pretrained to false"
    ):
        check_backbone(recipe(backbone=name, pretrained=True), num_classes=2)


def test_weights_that_cannot_be_had_are_refused_soon_and_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The hub's client reads its environment once, when it is imported; both are set for either order.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    start = time.monotonic()
    with pytest.raises(InputError, match="weights of resnet18 can't be had") as raised:
        check_backbone(recipe(backbone="resnet18", pretrained=True), num_classes=2)
    assert time.monotonic() - start < 20
    assert "--set pretrained=false" in str(raised.value) and "\n" not in str(raised.value)
