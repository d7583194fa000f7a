"""Layers whose features Grad-CAM looks at, one rule for each kind of network, and their features as maps.

Grad-CAM explains the last features that still have places: the deepest, hence nearest to the decision, from
which nothing but a pooling and the classifier follow (Selvaraju et al., 2017, section 3).

    a network of our own    the `cam_layer` of its class. simple_cnn, skip_con_cnn, three_cnn, deepfake_net:
                            the last maps, before the pooling. fingerprint_net: the map behind fusion and
                            attention, where image and spectrum have met. dual_stream: the trunk's last
                            maps; the noise stream has no places left where it joins.
    an ensemble             the layer of each of its networks, since its head sees their logits alone;
                            `grad_cam` says how their maps are put together.
    timm's                  what `forward_features` gives, timm's one border between features and
                            classifier: the last maps of a ResNet, ConvNeXt, VGG, EfficientNet or
                            MobileNet, the last tokens of a Swin or Mixer.
    ... with a class token  where nothing else reaches the classifier (ViT, DeiT): `norm1` of the last
                            block. Behind its attention the tokens of places have no say in the score.
    ... and a small image   where fewer than MIN_SIDE places a side are left, timm's deepest stage that has
                            as many: a map of one place says nothing (a ResNet at 32 pixels ends in one).

Tokens become a grid in the order of rows, class tokens left out; what has its channels last is turned.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.errors import InputError
from trainables.models.ensembles import Ensemble

MIN_SIDE = 4
# Class tokens that a timm model may have without saying so.
MOST_CLASS_TOKENS = 2


@dataclass(frozen=True, slots=True)
class TargetLayer:
    """A module of a network by its name, and how its output becomes maps [B, C, H, W].

    `grid` is H, W; `class_tokens` are in front of the tokens of places.
    """

    name: str
    layout: Literal["channels_first", "channels_last", "tokens"]
    grid: tuple[int, int]
    class_tokens: int = 0

    def as_maps(self, made: Tensor) -> Tensor:
        """Turn the module's output into maps [B, C, H, W]."""
        if self.layout == "channels_first":
            return made
        if self.layout == "channels_last":
            return made.permute(0, 3, 1, 2)
        return made[:, self.class_tokens :].transpose(1, 2).reshape(len(made), -1, *self.grid)

    def put_back(self, maps_BCHW: Tensor, made: Tensor) -> Tensor:
        """Return `made` with its places taken from maps."""
        if self.layout == "channels_first":
            return maps_BCHW
        if self.layout == "channels_last":
            return maps_BCHW.permute(0, 2, 3, 1)
        return torch.cat([made[:, : self.class_tokens], maps_BCHW.flatten(2).transpose(1, 2)], dim=1)


def target_layers(model: nn.Module, *, size_px: int) -> tuple[TargetLayer, ...]:
    """Return the layers that Grad-CAM looks at: one, or one of each network of an ensemble.

    Args:
        model: in evaluation mode.
        size_px: side of its images; the grid follows from it.

    Raises:
        InputError: no layer of it has places, or none that has a say in the score.
    """
    if isinstance(model, Ensemble):
        return tuple(
            TargetLayer(f"bases.models.{number}.{found.name}", found.layout, found.grid, found.class_tokens)
            for number, base in enumerate(model.bases.models)
            for found in target_layers(base, size_px=size_px)
        )
    device = next(model.parameters()).device
    x_1CHW = torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(0)).to(device)
    named = getattr(model, "cam_layer", None)
    name = named if isinstance(named, str) else _last_features(model, x_1CHW)
    layer, has_a_say = _looked_at(model, name, x_1CHW)
    if not has_a_say and (block := _last_block(model)):
        layer, has_a_say = _looked_at(model, f"{block}.norm1", x_1CHW)
    if layer is None or not has_a_say:
        raise _no_places(model)
    return (layer if min(layer.grid) >= MIN_SIDE else _finer(model, layer, x_1CHW),)


def _finer(model: nn.Module, layer: TargetLayer, x_1CHW: Tensor) -> TargetLayer:
    """The deepest of timm's stages with MIN_SIDE places a side; `layer` where there is none."""
    for stage in reversed(list(getattr(model, "feature_info", None) or [])):
        found, _ = _looked_at(model, stage["module"], x_1CHW)
        if found is not None and min(found.grid) >= MIN_SIDE:
            return found
    return layer


def _last_features(model: nn.Module, x_1CHW: Tensor) -> str:
    """The module whose output is what timm's `forward_features` gives; the outermost of several."""
    made: list[tuple[str, object]] = []
    handles = [
        module.register_forward_hook(lambda _, given, output, name=name: made.append((name, output)))
        for name, module in model.named_modules()
        if name
    ]
    try:
        with torch.inference_mode():
            features = model.forward_features(x_1CHW)  # type: ignore[operator]
    finally:
        for handle in handles:
            handle.remove()
    names = [name for name, output in made if output is features]
    if not names:
        raise _no_places(model)
    return names[-1]


def _looked_at(model: nn.Module, name: str, x_1CHW: Tensor) -> tuple[TargetLayer | None, bool]:
    """Describe the output of a module, and tell whether its places have a say in the logits.

    None where it has no places.
    """
    kept: list[Tensor] = []

    def keep(module: nn.Module, given: object, output: object) -> Tensor | None:
        if not isinstance(output, Tensor):
            return None
        kept.append(output.detach().requires_grad_())
        # A copy, as what follows may work in place.
        return kept[-1].clone()

    handle = model.get_submodule(name).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = model(x_1CHW)
    finally:
        handle.remove()
    layer = _described(name, kept[-1], model) if kept else None
    if layer is None or not layer.class_tokens:
        return layer, True
    (gradient,) = torch.autograd.grad(logits.sum(), kept[-1])
    return layer, bool(layer.as_maps(gradient).any())


def _described(name: str, made: Tensor, model: nn.Module) -> TargetLayer | None:
    if made.ndim == 4:
        channels = getattr(model, "num_features", None)
        last = getattr(model, "output_fmt", "") == "NHWC" or (
            made.shape[1] != channels and made.shape[3] == channels
        )
        if last:
            return TargetLayer(name, "channels_last", (made.shape[1], made.shape[2]))
        return TargetLayer(name, "channels_first", (made.shape[2], made.shape[3]))
    declared = getattr(model, "num_prefix_tokens", None)
    if made.ndim == 3:
        for class_tokens in range(MOST_CLASS_TOKENS + 1) if declared is None else (declared,):
            places = made.shape[1] - class_tokens
            side = math.isqrt(max(places, 0))
            if side and side * side == places:
                return TargetLayer(name, "tokens", (side, side), class_tokens)
    return None


def _last_block(model: nn.Module) -> str:
    """The name of a transformer's last block, "" where it has none with a first norm."""
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, Sequence | nn.Sequential | nn.ModuleList) or not len(blocks):
        return ""
    return f"blocks.{len(blocks) - 1}" if isinstance(getattr(blocks[-1], "norm1", None), nn.Module) else ""


def _no_places(model: nn.Module) -> InputError:
    kind = type(model).__name__
    return InputError(
        f"Grad-CAM can't explain a {kind}: no layer has features with places that its score hangs on; "
        "explain a network of another family"
    )
