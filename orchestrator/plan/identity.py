"""Identity of a trial: canonical JSON, fingerprints, and the key made of its ingredients.

A key hashes what decides the numbers, and nothing else: the recipe (which holds no name, path or worker
count), repeat and fold, the rows with their contents and their part, and the version of each piece of code
that computes. The ingredients are hashed one by one and kept beside the key, so that two keys can be compared
and the difference named.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import JsonValue

from orchestrator.store.fingerprint import SHORT, fingerprint
from trainables import backbones, versions
from trainables.recipe import Recipe


def table_fingerprint(table: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the SHA-256 of the rows of a table in the columns `names`, whatever their order."""
    columns = [table[name].astype(str) for name in names]
    lines = sorted("\x1f".join(values) for values in zip(*columns, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def rows_fingerprint(table: pd.DataFrame) -> str:
    """Hash a trial's rows: content hash, label, source, group and part, whatever their order or path."""
    return table_fingerprint(table, ("sha256", "label", "source", "group", "part"))


def data_fingerprint(rows: pd.DataFrame) -> str:
    """Name a data set by its images' contents, labels, sources and groups, wherever it lies."""
    return table_fingerprint(rows, ("sha256", "label", "source", "group"))[:SHORT]


def recipe_ingredients(recipe: Recipe) -> dict[str, JsonValue]:
    """Return the recipe's values that decide numbers, each model by its one name."""
    values = recipe.identity() | {"backbone": backbones.canonical(recipe.backbone)}
    if recipe.stages is not None:
        values["stages"] = [stage.identity() for stage in recipe.training_stages]
    return values


def trial_ingredients(
    recipe: Recipe, *, repeat: int, fold: int, rows: str, bases: Sequence[str] = ()
) -> dict[str, JsonValue]:
    """Return everything that a trial's key is made of.

    `rows` is what `rows_fingerprint` gave, `bases` are the keys of the trials whose networks it combines.
    """
    ingredients: dict[str, JsonValue] = {
        "recipe": recipe_ingredients(recipe),
        "repeat": repeat,
        "fold": fold,
        "rows": rows,
        "versions": dict(versions.parts(recipe.backbone, face_crop=recipe.face_crop)),
    }
    return {**ingredients, "bases": list(bases)} if bases else ingredients


def trial_key(ingredients: Mapping[str, JsonValue]) -> str:
    """Return the key of a trial, 64 hexadecimal digits."""
    return fingerprint(ingredients)


def difference(mine: Mapping[str, JsonValue], other: Mapping[str, JsonValue], above: str = "") -> list[str]:
    """Name the ingredients that differ, "optimizer.lr: 0.001 here, 0.0001 there" each."""
    lines: list[str] = []
    for name in sorted({*mine, *other}):
        here, there = mine.get(name), other.get(name)
        if isinstance(here, Mapping) and isinstance(there, Mapping):
            lines += difference(here, there, f"{above}{name}.")
        elif here != there:
            lines.append(f"{above}{name}: {_short(here)} here, {_short(there)} there")
    return lines


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 20 else f"{text[:SHORT]}..."
