"""Target layers of Grad-CAM: every backbone of the registry has one, and so have timm's families."""

import pytest
import torch
from torch import nn

from trainables.backbones import BACKBONES, canonical
from trainables.errors import InputError
from trainables.explain.grad_cam import grad_cam
from trainables.explain.target_layers import target_layers
from trainables.models.building import backbone_facts, build_model
from trainables.recipe import RecipeKeys

LARGE = 10_000_000
SIZES = {each.name: each.parameters or 0 for each in backbone_facts()}
NAMES = list(dict.fromkeys(canonical(name) for name in BACKBONES))
# Wide at the full size of the image.
WIDE = ("skip_con_cnn", "ensemble_cnn")
REGISTRY = [
    pytest.param(name, marks=pytest.mark.slow if SIZES.get(name, 0) > LARGE or name in WIDE else ())
    for name in NAMES
]
# Family, image size, and what its target layer is.
TIMM = {
    "convnext_atto": (64, "stages.2", (4, 4), "channels_first"),
    "mobilenetv3_small_050": (128, "blocks", (4, 4), "channels_first"),
    "vit_tiny_patch16_224": (64, "blocks.11.norm1", (4, 4), "tokens"),
    "deit_tiny_distilled_patch16_224": (64, "blocks.11.norm1", (4, 4), "tokens"),
    "mixer_s32_224": (128, "norm", (4, 4), "tokens"),
    "beit_base_patch16_224": (64, "norm", (4, 4), "tokens"),
    "cait_xxs24_224": (64, "blocks.23.norm1", (4, 4), "tokens"),
    "swin_tiny_patch4_window7_224": (128, "norm", (4, 4), "channels_last"),
}
SLOW = (
    "deit_tiny_distilled_patch16_224",
    "mixer_s32_224",
    "beit_base_patch16_224",
    "cait_xxs24_224",
    "swin_tiny_patch4_window7_224",
)
FAMILIES = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TIMM]


def build(name: str, *, size_px: int, num_classes: int = 2) -> nn.Module:
    torch.manual_seed(0)
    recipe = RecipeKeys(backbone=name, image_size=size_px)
    model = build_model(recipe, num_classes=num_classes).eval().requires_grad_(False)
    for parameter in model.parameters():
        # Some families start with a classifier of zeros, which nothing speaks for.
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model


def maps_of(model: nn.Module, *, size_px: int, explained: int) -> torch.Tensor:
    x_BCHW = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))
    layers = target_layers(model, size_px=size_px)
    maps_BSS = grad_cam(model, layers, x_BCHW, torch.tensor([explained, explained]))
    assert maps_BSS.shape == (2, size_px, size_px)
    assert torch.isfinite(maps_BSS).all() and (maps_BSS >= 0).all()
    return maps_BSS


@pytest.mark.parametrize("name", REGISTRY)
def test_every_backbone_has_maps_for_both_classes(name: str) -> None:
    """Catches a gradient that is cut, as by a frozen part, and a layer without places."""
    size_px = 2 * (BACKBONES[name].min_px if name in BACKBONES else 32)
    model = build(name, size_px=size_px)
    assert all(min(layer.grid) > 1 for layer in target_layers(model, size_px=size_px))
    maps = torch.stack([maps_of(model, size_px=size_px, explained=number) for number in (0, 1)])
    # What speaks for one class speaks against the other: a place can't be above 0 in both.
    assert maps.any()
    assert maps.flatten(1).std(dim=1).max() > 0


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_of_timm_has_its_layer(name: str) -> None:
    size_px, layer_name, grid, layout = TIMM[name]
    model = build(name, size_px=size_px, num_classes=3)
    (layer,) = target_layers(model, size_px=size_px)
    assert (layer.name, layer.grid, layer.layout) == (layer_name, grid, layout)
    assert sum(bool(maps_of(model, size_px=size_px, explained=number).any()) for number in range(3)) >= 1


@pytest.mark.slow
def test_small_images_are_explained_where_there_still_are_places() -> None:
    """Catches a map of a single place, which is the same everywhere."""
    model = build("resnet18", size_px=32)
    names = {size: target_layers(model, size_px=size)[0].name for size in (32, 64, 128)}
    assert names == {32: "layer2", 64: "layer3", 128: "layer4"}


def test_an_ensemble_has_a_layer_of_each_network() -> None:
    model = build("ensemble_cnn", size_px=32)
    names = [layer.name for layer in target_layers(model, size_px=32)]
    assert names == ["bases.models.0.features", "bases.models.1.features"]


def test_tokens_are_put_back_where_they_were() -> None:
    model = build("vit_tiny_patch16_224", size_px=64)
    (layer,) = target_layers(model, size_px=64)
    made = torch.randn(2, 17, 5)
    maps = layer.as_maps(made)
    # Row 2, column 1 of the grid is token 9, behind the class token.
    assert torch.equal(maps[:, :, 2, 1], made[:, 1 + 9])
    assert torch.equal(layer.put_back(maps, made), made)


def test_a_network_without_places_is_refused() -> None:
    """The trunk of a dual_stream leaves one place of 32 pixels: its map would be the same everywhere."""
    with pytest.raises(InputError, match="can't explain a DualStream of 32 x 32 pixels: no layer"):
        target_layers(build("dual_stream", size_px=32), size_px=32)
