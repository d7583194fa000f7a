"""Building of networks from recipes, and what can be said of a network by its name.

`build_model` gives a model with `num_logits` outputs whose weights depend on the recipe and torch's random
state alone. `check_backbone` says before anything starts whether a name exists and its weights can be had.
"""

import difflib
import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from trainables.backbones import BACKBONES, KERNEL_MACHINES, own, timm_name
from trainables.errors import LONGEST, InputError
from trainables.hub import no_weights_text
from trainables.models.pretrained import (
    FoundWeights,
    LoadedWeights,
    find_timm_weights,
    load_file_of_weights,
    timm_network,
)
from trainables.recipe import RecipeKeys
from trainables.starting_weights import StartingWeights, weights_of_file
from trainables.training.normalization import NORMALIZATIONS


def num_logits(num_classes: int) -> int:
    """Return the outputs of a model: one for two classes, N for N."""
    return 1 if num_classes == 2 else num_classes


def build_model(
    recipe: RecipeKeys,
    *,
    num_classes: int,
    bases: Sequence[nn.Module] | None = None,
    weights: StartingWeights | None = None,
) -> nn.Module:
    """Build the recipe's backbone; pretrained weights come from its file, the hub's local cache, or the hub.

    Args:
        recipe: what to build.
        num_classes: C.
        bases: the networks that an ensemble combines; None = new ones of the kinds that the registry names,
        which do for a measurement or a count.
        weights: what `pretrained` has to stand for, where that is known.

    Raises:
        InputError: no such backbone, or its weights can't be had, or they are no longer what they were.
    """
    if own(recipe.backbone) is None:
        check_timm_name(recipe.backbone, pretrained=recipe.pretrained is True)
    return _built(recipe, num_classes, found=_find(recipe, weights), bases=bases)[0]


@dataclass(frozen=True, slots=True)
class BackboneCheck:
    """A backbone that can be had: its starting weights, and what there is to say of them."""

    weights: StartingWeights | None = None
    notes: tuple[str, ...] = ()


def check_backbone(
    recipe: RecipeKeys, *, num_classes: int, weights: StartingWeights | None = None
) -> BackboneCheck:
    """Raise InputError unless the backbone exists and its pretrained weights can be had and fit.

    `weights` is what `pretrained` has to stand for, where that is known.
    """
    if own(recipe.backbone) is None:
        check_timm_name(recipe.backbone, pretrained=recipe.pretrained is True)
    if not recipe.pretrained:
        return BackboneCheck()
    found = _find(recipe, weights)
    model, loaded = _built(recipe, num_classes, found=found)
    notes = () if loaded is None else (f"{recipe.backbone}: {loaded.sentence()}",)
    return BackboneCheck(None if found is None else found.weights, (*notes, *_other_scale(recipe, model)))


def _find(recipe: RecipeKeys, known: StartingWeights | None) -> FoundWeights | None:
    """Find the file that `pretrained` stands for; None where it is false."""
    if not recipe.pretrained:
        return None
    if isinstance(recipe.pretrained, str):
        path = Path(recipe.pretrained)
        found = FoundWeights(path, weights_of_file(path))
    else:
        entry = own(recipe.backbone)
        name = entry.trunk if entry is not None else timm_name(recipe.backbone)
        pinned = known or StartingWeights(sha256="")
        try:
            found = find_timm_weights(pinned.tag or name, revision=pinned.revision)
        # The hub's client and the network have many ways to fail, and one way out.
        except Exception as error:
            raise InputError(no_weights_text(recipe.backbone, _in_short(error))) from error
    if known is not None and found.weights.sha256 != known.sha256:
        raise InputError(
            f"pretrained: {found.path} is not what it was when its trials were planned (sha256 "
            f"{found.weights.sha256[:12]} instead of {known.sha256[:12]}); put the file back, or run the "
            "command again, which plans new trials"
        )
    return found


def _built(
    recipe: RecipeKeys,
    num_classes: int,
    *,
    found: FoundWeights | None,
    bases: Sequence[nn.Module] | None = None,
) -> tuple[nn.Module, LoadedWeights | None]:
    entry, outputs = own(recipe.backbone), num_logits(num_classes)
    is_file = isinstance(recipe.pretrained, str)
    of_timm = None if is_file else found
    if entry is None:
        model = _timm(recipe, outputs, found=of_timm)
    else:
        # Each file of the registry has one function that builds what is in it.
        build = getattr(importlib.import_module(f"trainables.models.{entry.file}"), f"build_{entry.file}")
        arguments: list[object] = [recipe, outputs]
        if entry.trunk:
            arguments.append(_timm(recipe, 0, found=of_timm, trunk=entry.trunk))
        if entry.bases:
            arguments.append(
                bases
                or [build_model(_default_base(recipe, name), num_classes=num_classes) for name in entry.bases]
            )
        model = build(*arguments)
    if found is None or not is_file:
        return model, None
    return model, load_file_of_weights(model, found.path, backbone=recipe.backbone)


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


def _timm(recipe: RecipeKeys, outputs: int, *, found: FoundWeights | None, trunk: str = "") -> nn.Module:
    name, file = trunk or timm_name(recipe.backbone), None
    if found is not None and found.weights.tag:
        # With its tag: another default of timm's must not say how this file is read.
        name, file = found.weights.tag, found.path
    options: dict[str, Any] = {} if trunk else {"drop_rate": recipe.dropout}
    if _wants_image_size(name):
        options["img_size"] = recipe.image_size
    try:
        return timm_network(name, file=file, num_classes=outputs, **options)
    except Exception as error:
        if file is None:
            raise
        # A file of the cache that is damaged.
        raise InputError(no_weights_text(recipe.backbone, _in_short(error))) from error


def _default_base(recipe: RecipeKeys, name: str) -> RecipeKeys:
    return RecipeKeys(backbone=name, image_size=recipe.image_size, normalization=recipe.normalization)


def check_timm_name(backbone: str, *, pretrained: bool) -> None:
    """Raise InputError unless timm has a model of this name and, if asked for, weights of it."""
    name = timm_name(backbone)
    known_tag = "." not in name or name in timm.list_models(pretrained=True)
    if not timm.is_model(name) or not known_tag:
        known = list(dict.fromkeys([*BACKBONES, *KERNEL_MACHINES, *timm.list_models()]))
        near = difflib.get_close_matches(name[:LONGEST], known, n=3, cutoff=0.5)
        nearest = ", ".join(near) or "see timm.list_models()"
        raise InputError(f"backbone {name!r} is neither one of `models` nor a timm model; nearest: {nearest}")
    if pretrained and not timm.is_model_pretrained(name):
        raise InputError(f"backbone {name!r} has no pretrained weights in timm; set pretrained to false")


def _wants_image_size(name: str) -> bool:
    """Tell whether a timm model is built for one image size, as transformers are."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config is not None and config.fixed_input_size)


def _other_scale(recipe: RecipeKeys, model: nn.Module) -> list[str]:
    """Say where images are normalised otherwise than those that timm's weights were trained on."""
    settings = getattr(getattr(model, "trunk", model), "pretrained_cfg", {})
    mean, std = settings.get("mean"), settings.get("std")
    trained_on, ours = (mean, std), NORMALIZATIONS.get(recipe.normalization)
    if mean is None or std is None or ours is None or trained_on == ours:
        return []
    same = next((name for name, values in NORMALIZATIONS.items() if values == trained_on), None)
    way_out = f"; normalization: {same} is theirs" if same else ""
    shown = (", ".join(f"{value:g}" for value in values) for values in (mean, std))
    return [
        f"{recipe.backbone}: normalization is {recipe.normalization}, timm's weights of this model were "
        f"trained with mean {' and std '.join(shown)}{way_out}"
    ]


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()).split('. ')[0][:160]}"
