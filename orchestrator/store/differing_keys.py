"""Keys of an experiment that a comparison declares as meant to differ; each is one that there is."""

from typing import Annotated

from pydantic import AfterValidator

from trainables.errors import nearest
from trainables.recipe import RecipeKeys


def _known_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        if key not in RecipeKeys.model_fields:
            near = nearest(key, RecipeKeys.model_fields)
            raise ValueError(f"differs: {key!r} is no key of an experiment; {near}")
    return keys


DifferingKeys = Annotated[tuple[str, ...], AfterValidator(_known_keys)]
