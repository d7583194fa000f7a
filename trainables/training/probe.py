"""What must be known of a model before its trials are planned: can it be had, and what is fastest?

    python -m trainables.training.probe < questions.json > answers.json

Both are JSON lists, in the same order. A process of its own imports torch and leaves its memory when it ends.
"""

import json
import sys

import torch
from pydantic import JsonValue

from trainables.errors import InputError
from trainables.models.building import check_backbone
from trainables.recipe import MemoryFormat, RecipeKeys
from trainables.training.precision import measure


def probe_model(
    recipe: str,
    num_classes: int,
    device: str,
    check: bool,
    time: bool,
    memory_format: MemoryFormat | None = None,
) -> dict[str, JsonValue]:
    """Check a model, time it, or both; the user's mistake comes back as a "problem".

    Args:
        recipe: RecipeKeys as JSON.
        num_classes: C.
        device: "cpu" or "cuda".
        check: find out whether the backbone exists and its pretrained weights can be had.
        time: measure its speed; the answer is then what `Measurement.to_json` gives.
        memory_format: the layout to measure in, where it is settled already.
    """
    keys = RecipeKeys.model_validate_json(recipe)
    try:
        if check:
            check_backbone(keys, num_classes=num_classes)
        if not time:
            return {}
        place = torch.device(device)
        return measure(
            keys, num_classes=num_classes, device=place, threads=1, memory_format=memory_format
        ).to_json()
    except InputError as error:
        return {"problem": str(error)}


if __name__ == "__main__":
    print(json.dumps([probe_model(**question) for question in json.load(sys.stdin)]))
