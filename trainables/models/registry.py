"""Backbones by name: our own in one plain dict, everything else is timm's.

`build_model` gives a model with `num_logits` outputs whose weights depend on the recipe and torch's random
state alone. `check_backbone` says before anything starts whether a name exists and its weights can be had.
Adding a backbone is one file and one line in BACKBONES.
"""

import difflib
from collections.abc import Callable
from typing import Any

import timm
from torch import nn

from trainables.errors import InputError
from trainables.models import simple_cnn
from trainables.recipe import RecipeKeys

Builder = Callable[[RecipeKeys, int], nn.Module]


def _build_simple_cnn(recipe: RecipeKeys, num_logits: int) -> nn.Module:
    widths = simple_cnn.PRESETS[recipe.cnn_preset]
    return simple_cnn.SimpleCNN(num_logits=num_logits, widths=widths, dropout=recipe.dropout)


BACKBONES: dict[str, Builder] = {"simple_cnn": _build_simple_cnn}


def num_logits(num_classes: int) -> int:
    """Return the outputs of a model: one for two classes, N for N."""
    return 1 if num_classes == 2 else num_classes


def build_model(recipe: RecipeKeys, *, num_classes: int) -> nn.Module:
    """Build the recipe's backbone; pretrained weights come from the hub's local cache or the hub.

    Raises:
        InputError: no such backbone, or its weights can't be had.
    """
    builder = BACKBONES.get(recipe.backbone)
    if builder is not None:
        return builder(recipe, num_logits(num_classes))
    _check_timm_name(recipe.backbone, pretrained=recipe.pretrained)
    options: dict[str, Any] = {"img_size": recipe.image_size} if _wants_image_size(recipe.backbone) else {}
    try:
        model: nn.Module = timm.create_model(
            recipe.backbone,
            pretrained=recipe.pretrained,
            num_classes=num_logits(num_classes),
            drop_rate=recipe.dropout,
            **options,
        )
    except Exception as error:
        if recipe.pretrained:
            raise InputError(_no_weights(recipe.backbone, error)) from error
        raise
    return model


def check_backbone(recipe: RecipeKeys, *, num_classes: int) -> None:
    """Raise InputError unless the backbone exists and its pretrained weights can be had."""
    if recipe.backbone in BACKBONES:
        return
    _check_timm_name(recipe.backbone, pretrained=recipe.pretrained)
    if recipe.pretrained:
        build_model(recipe, num_classes=num_classes)


def _check_timm_name(name: str, *, pretrained: bool) -> None:
    known_tag = "." not in name or name in timm.list_models(pretrained=True)
    if not timm.is_model(name) or not known_tag:
        known = [*BACKBONES, *timm.list_models()]
        nearest = (
            ", ".join(difflib.get_close_matches(name, known, n=3, cutoff=0.5)) or "see timm.list_models()"
        )
        raise InputError(f"backbone {name!r} is neither simple_cnn nor a timm model; nearest: {nearest}")
    if pretrained and not timm.is_model_pretrained(name):
        raise InputError(f"backbone {name!r} has no pretrained weights in timm; set pretrained to false")


def _wants_image_size(name: str) -> bool:
    """Tell whether a timm model is built for one image size, as transformers are."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config is not None and config.fixed_input_size)


def _no_weights(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()).split(". ")[0][:160]
    return (
        f"the pretrained weights of {name} can't be had ({type(error).__name__}: {reason}); "
        "run once with a network, or train from scratch with --set pretrained=false or --preset cpu"
    )
