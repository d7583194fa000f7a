"""Settings of an experiment as the keys that a question may vary, each with all that comes with it.

The model is one setting, whatever it starts from, and so is a face crop with its margin: these keys exist
together. What is measured on the machine (precision, memory format) and the seed are no settings to ask
about, and neither is where the images lie.
"""

import json
from dataclasses import dataclass

from pydantic import JsonValue

from orchestrator.store.records import ExperimentRecord, RecipeRecord
from trainables.recipe_part import RecipePart

# Keys that belong to another one.
PARTS = {
    "pretrained": "backbone",
    "weights": "backbone",
    "cnn_preset": "backbone",
    "face_crop_margin": "face_crop",
    "face_rule": "face_crop",
}
# They decide which rows are trained on and tested, which is what a question about data asks.
ROWS = ("train_sources", "eval_sources", "subsample")
MEASURED = ("precision", "memory_format", "micro_batch")


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of a key, and `identity`, which tells it from another one with all that belongs to it."""

    key: str
    value: JsonValue
    identity: str


def setting_value(recipe: RecipeRecord, key: str) -> JsonValue:
    """Return the value of a key as JSON has it, a group of settings without those at their default."""
    value = getattr(recipe, key)
    if isinstance(value, RecipePart):
        inner: JsonValue = value.model_dump(mode="json", exclude_defaults=True)
        return inner
    plain: JsonValue = recipe.model_dump(mode="json", include={key})[key]
    return plain


def experiment_settings(record: ExperimentRecord) -> dict[str, Setting]:
    """Return the settings of an experiment by key, in the order of the keys."""
    plain = record.recipe.model_dump(mode="json")
    counted = {**record.recipe.identity(), **{key: plain[key] for key in ROWS}}
    together: dict[str, dict[str, JsonValue]] = {}
    for key, value in counted.items():
        if key not in MEASURED:
            together.setdefault(PARTS.get(key, key), {})[key] = value
    return {
        key: Setting(key, setting_value(record.recipe, key), json.dumps(parts, sort_keys=True))
        for key, parts in together.items()
    }
