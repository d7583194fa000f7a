"""Building of networks from recipes, and what can be said of a network by its name.

`build_model` gives a model with `num_logits` outputs whose weights depend on the recipe and torch's random
state alone. `check_backbone` says before anything starts whether a name exists and its weights can be had.
"""

import difflib
import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import nn

from trainables.backbones import BACKBONES, KERNEL_MACHINES, own, timm_name
from trainables.errors import InputError
from trainables.hub import no_weights_text
from trainables.recipe import RecipeKeys


def num_logits(num_classes: int) -> int:
    """Return the outputs of a model: one for two classes, N for N."""
    return 1 if num_classes == 2 else num_classes


def build_model(
    recipe: RecipeKeys, *, num_classes: int, bases: Sequence[nn.Module] | None = None
) -> nn.Module:
    """Build the recipe's backbone; pretrained weights come from the hub's local cache or the hub.

    Args:
        recipe: what to build.
        num_classes: C.
        bases: the networks that an ensemble combines; None = new ones of the kinds that the registry names,
        which do for a measurement or a count.

    Raises:
        InputError: no such backbone, or its weights can't be had.
    """
    entry = own(recipe.backbone)
    if entry is None:
        check_timm_name(recipe.backbone, pretrained=recipe.pretrained)
    try:
        if entry is None:
            return _build_timm(recipe, num_logits(num_classes))
        # Each file of the registry has one function that builds what is in it.
        build = getattr(importlib.import_module(f"trainables.models.{entry.file}"), f"build_{entry.file}")
        arguments: list[object] = [recipe, num_logits(num_classes)]
        if entry.bases:
            arguments.append(
                bases
                or [build_model(_default_base(recipe, name), num_classes=num_classes) for name in entry.bases]
            )
        model: nn.Module = build(*arguments)
    except InputError:
        raise
    except Exception as error:
        if recipe.pretrained:
            reason = " ".join(str(error).split()).split(". ")[0][:160]
            raise InputError(no_weights_text(recipe.backbone, f"{type(error).__name__}: {reason}")) from error
        raise
    return model


def check_backbone(recipe: RecipeKeys, *, num_classes: int) -> None:
    """Raise InputError unless the backbone exists and its pretrained weights can be had."""
    if own(recipe.backbone) is None:
        check_timm_name(recipe.backbone, pretrained=recipe.pretrained)
    if recipe.pretrained:
        build_model(recipe, num_classes=num_classes)


def hub_repository(backbone: str) -> str:
    """Name where the hub keeps the pretrained weights of a backbone, "" where timm has them from elsewhere.

    Of a backbone of our own these are the weights of its trunk.
    """
    entry = own(backbone)
    config = timm.get_pretrained_cfg(timm_name(backbone) if entry is None else entry.trunk)
    return "" if config is None or config.hf_hub_id is None else str(config.hf_hub_id)


@dataclass(frozen=True, slots=True)
class BackboneFacts:
    """A backbone of the registry in numbers; `source` is where it was described.

    Parameters are counted with the logits that `num_classes` asks for; an ensemble's include its bases'. A
    kernel machine has None: it keeps images, not parameters.
    """

    name: str
    parameters: int | None
    trainable_parameters: int | None
    num_classes: int
    input_px: int
    source: str


@functools.cache
def backbone_facts() -> tuple[BackboneFacts, ...]:
    """Describe every backbone of the registry, in its order; counting takes seconds, and is done once."""
    facts = []
    for name, entry in BACKBONES.items():
        recipe = RecipeKeys(backbone=name, image_size=entry.input_px)
        # Shapes without memory: nothing is drawn, and the largest takes no longer than the smallest.
        with torch.device("meta"):
            parameters = list(build_model(recipe, num_classes=entry.num_classes).parameters())
        counts = (
            sum(each.numel() for each in parameters),
            sum(each.numel() for each in parameters if each.requires_grad),
        )
        facts.append(BackboneFacts(name, *counts, entry.num_classes, entry.input_px, entry.source))
    facts += [
        BackboneFacts(name, None, None, entry.num_classes, entry.input_px, entry.source)
        for name, entry in KERNEL_MACHINES.items()
    ]
    return tuple(facts)


def _build_timm(recipe: RecipeKeys, outputs: int) -> nn.Module:
    name = timm_name(recipe.backbone)
    options: dict[str, Any] = {"img_size": recipe.image_size} if _wants_image_size(name) else {}
    model: nn.Module = timm.create_model(
        name, pretrained=recipe.pretrained, num_classes=outputs, drop_rate=recipe.dropout, **options
    )
    return model


def _default_base(recipe: RecipeKeys, name: str) -> RecipeKeys:
    return RecipeKeys(backbone=name, image_size=recipe.image_size, normalization=recipe.normalization)


def check_timm_name(backbone: str, *, pretrained: bool) -> None:
    """Raise InputError unless timm has a model of this name and, if asked for, weights of it."""
    name = timm_name(backbone)
    known_tag = "." not in name or name in timm.list_models(pretrained=True)
    if not timm.is_model(name) or not known_tag:
        known = list(dict.fromkeys([*BACKBONES, *KERNEL_MACHINES, *timm.list_models()]))
        nearest = (
            ", ".join(difflib.get_close_matches(name, known, n=3, cutoff=0.5)) or "see timm.list_models()"
        )
        raise InputError(f"backbone {name!r} is neither one of `models` nor a timm model; nearest: {nearest}")
    if pretrained and not timm.is_model_pretrained(name):
        raise InputError(f"backbone {name!r} has no pretrained weights in timm; set pretrained to false")


def _wants_image_size(name: str) -> bool:
    """Tell whether a timm model is built for one image size, as transformers are."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config is not None and config.fixed_input_size)
