"""Counts of the work that a network does for one image, by kinds of operations that take different times.

    python -m trainables.models.counting < recipes.json > work.json

Both are JSON lists, in the same order; a recipe whose network can't be built gives null. Convolutions in
groups are apart from dense ones: they move more data than they compute. FLOPs are those of
`trainables.models.flops`.
"""

import json
import sys
from typing import Any

import torch
from torch import nn

from trainables.errors import InputError
from trainables.models.building import build_model
from trainables.models.flops import flops_per_image
from trainables.recipe import RecipeKeys
from trainables.work import Work


def count_work(recipe: RecipeKeys, *, num_classes: int = 2) -> Work:
    """Build a recipe's network without weights, and count its work for one image.

    Raises:
        InputError: there is no such backbone.
    """
    plain = recipe.model_copy(update={"pretrained": False})
    with torch.random.fork_rng():
        model = build_model(plain, num_classes=num_classes)
    elements, grouped, layers = 0, 0, 0

    def note(module: nn.Module, given: Any, made: Any) -> None:
        nonlocal elements, grouped, layers
        if next(module.children(), None) is not None or not isinstance(made, torch.Tensor):
            return
        elements, layers = elements + made.numel(), layers + 1
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            grouped += 2 * made.numel() * module.weight[0].numel()

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    flops = flops_per_image(model, torch.zeros(1, 3, recipe.image_size, recipe.image_size))
    for hook in hooks:
        hook.remove()
    return Work(
        flops=flops,
        grouped_flops=grouped,
        activations=elements,
        layers=layers,
        parameters=sum(each.numel() for each in model.parameters()),
        image_size=recipe.image_size,
    )


def _counted(recipe: RecipeKeys) -> dict[str, int] | None:
    try:
        return count_work(recipe).plain()
    except (InputError, RuntimeError):
        return None


if __name__ == "__main__":
    asked = [RecipeKeys.model_validate_json(json.dumps(each)) for each in json.loads(sys.stdin.read())]
    print(json.dumps([_counted(recipe) for recipe in asked]))
