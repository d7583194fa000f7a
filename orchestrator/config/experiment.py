"""Experiment files: JSON on disk to validated experiments.

A library finds the files. Layers, low to high: shared.json < what `extends` names (recursively) < the file <
what decisions of earlier phases hand over < --preset < --set. A preset is presets/NAME.json, and on top of it
the presets/NAME.json beside the experiment, if there is one. Two things lie between --preset and --set: what
was decided under the same preset, since it was chosen among the preset's own values, and what tells a made
experiment (`Made`) from its siblings, since a preset would make them all one. Objects (optimizer, scheduler,
loss) are merged key by key; everything else is replaced. Each layer remembers where it came from, so that an
error names the file, the key, what was given and the nearest valid key or value. All problems of all files
are collected before any is reported.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from orchestrator.config.json_text import parse_json, read_object
from orchestrator.config.library import Library
from orchestrator.config.trial_resources import Resources
from orchestrator.config.validation_errors import meant, problem_line
from trainables import backbones
from trainables.errors import InputError, Problems
from trainables.evaluation.metrics import ThresholdMetric
from trainables.files import JsonObject
from trainables.recipe import Recipe, RecipeKeys
from trainables.starting_weights import is_weights_file

SHORTHANDS = {"lr": ("optimizer", "lr"), "weight_decay": ("optimizer", "weight_decay")}
# Of the AUC that file facts reach without a look at a face.
DEFAULT_THRESHOLD = 0.7
DEFAULT_MAX_UNUSABLE = 0.01
# One above the other by `extends`.
MOST_EXTENDED = 50


class Experiment(RecipeKeys):
    """One resolved experiment: the recipe's keys, and what can't change a trial's predictions."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    extends: str | None = None
    data_dir: str = "data"
    num_workers: Annotated[int, Field(ge=0, le=256)] = Field(
        4, description="threads that read images; there is at least one per core"
    )
    max_unusable: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        DEFAULT_MAX_UNUSABLE, description="share of files that may be unusable before a run is stopped"
    )
    shortcut_threshold: Annotated[float, Field(ge=0.5, le=1.0)] = Field(
        DEFAULT_THRESHOLD, description="AUC of file facts alone above which a run is stopped before it starts"
    )
    threshold_by: ThresholdMetric = Field(
        "balanced_accuracy",
        description="what the second threshold maximises on the inner validation part; the first is 0.5",
    )
    resources: Resources = Resources()
    bases: tuple[str, ...] = Field(
        (), description="the experiments whose trained networks an ensemble backbone combines, by name"
    )

    @model_validator(mode="after")
    def _has_bases(self) -> Self:
        entry = backbones.own(self.backbone)
        wanted = len(entry.bases) if entry is not None else 0
        if len(self.bases) != wanted and wanted:
            raise ValueError(
                f"bases: {self.backbone} combines {wanted} trained networks, {len(self.bases)} are named; "
                "name the experiments that train them"
            )
        if self.bases and not wanted:
            raise ValueError(f"bases: {self.backbone} combines no other networks; leave the key out")
        return self

    def recipe_keys(self) -> RecipeKeys:
        """Return what decides the numbers, as far as the file says it."""
        return RecipeKeys.model_validate({name: getattr(self, name) for name in RecipeKeys.model_fields})

    def recipe(self, **resolved: JsonValue) -> Recipe:
        """Return the recipe with what was found out: layout, group_by, precision, memory_format, micro_batch,
        and the weights that it starts from.
        """
        return Recipe.model_validate({**self.recipe_keys().model_dump(), **resolved})


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place; `origin` is how that place is called in a message."""

    origin: str
    values: JsonObject


@dataclass(frozen=True, slots=True)
class Made:
    """An experiment without a file of its own, made by a phase.

    `values` lie on top of the experiment that it `extends`. `folder` is that of the phase, whose presets it
    has, and `origin` is how the place of the values is called in a message.
    """

    name: str
    extends: str
    values: JsonObject
    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class _File:
    """An experiment's file as it was read."""

    path: Path
    values: JsonObject


def load_experiments(
    library: Library,
    names: Sequence[str | Made],
    *,
    handed_over: Sequence[Layer] = (),
    decided: Sequence[Layer] = (),
    preset: str | None = None,
    settings: Sequence[str] = (),
) -> tuple[Experiment, ...]:
    """Load experiments by name or path.

    Args:
        library: where their files, shared.json and presets/ are found.
        names: stems of files in `library`, paths to JSON files, or what a phase made.
        handed_over: layers on top of each file, below the preset.
        decided: layers above the preset.
        preset: the stem of a file in presets/.
        settings: "key=value" strings; keys may be dotted, values are JSON or else text.

    Raises:
        Problems: at least one file is wrong; the message has a line for each problem.
    """
    problems: list[str] = []
    experiments: list[Experiment] = []
    parts: list[list[Layer]] = []
    readers: tuple[Callable[[], list[Layer]], ...] = (
        lambda: _shared(library),
        lambda: _preset(preset, library.preset(preset) if preset is not None else None),
        lambda: _settings(settings),
    )
    for read in readers:
        try:
            parts.append(read())
        except InputError as error:
            parts.append([])
            problems += error.lines
    shared, below, above = parts
    for wanted in {name if isinstance(name, str) else name.name: name for name in names}.values():
        try:
            path, files, own = _files(library, wanted)
            beside = library.preset_beside(preset, path.parent) if preset is not None else None
            mine = _preset(preset, beside)
            layers = [*shared, *_layers(files, own), *handed_over, *below, *mine, *decided, *own, *above]
            experiments.append(_validate(path, layers))
        except InputError as error:
            problems += error.lines
    if problems:
        raise Problems(problems)
    return tuple(experiments)


def files_read(library: Library, names: Sequence[str | Made], *, preset: str | None) -> Iterator[Path]:
    """Yield the files whose values `load_experiments` merges for these names; some may come again.

    Raises:
        InputError: a file can't be read.
    """
    yield library.shared()
    if preset is not None:
        yield library.preset(preset)
    for wanted in names:
        path, files, _ = _files(library, wanted)
        yield from (file.path for file in files)
        beside = library.preset_beside(preset, path.parent) if preset is not None else None
        if beside is not None:
            yield beside


def _files(library: Library, wanted: str | Made) -> tuple[Path, list[_File], list[Layer]]:
    """Where an experiment is at home, its files, and what it has of its own above a preset."""
    if isinstance(wanted, str):
        path = library.experiment(wanted)
        return path, _chain(library, path, ()), []
    try:
        parent = library.experiment(wanted.extends)
    except InputError as error:
        raise InputError(f"{wanted.origin}: extends {wanted.extends!r}: {error}") from error
    own = [_layer(wanted.origin, wanted.values)]
    return wanted.folder / f"{wanted.name}.json", _chain(library, parent, ()), own


def _layers(files: Sequence[_File], own: Sequence[Layer] = ()) -> list[Layer]:
    """A layer for each file; of those that are extended, the keys that can be inherited.

    The last file is the experiment's, unless it is a made one with values of its `own`.
    """
    layers = [_layer(str(file.path), file.values, folder=file.path.parent) for file in files]
    num_inherited = len(layers) if own else len(layers) - 1
    inherited = [Layer(layer.origin, _inheritable(layer.values)) for layer in layers[:num_inherited]]
    return [*inherited, *layers[num_inherited:]]


def values_of_files(library: Library, name: str) -> JsonObject:
    """Return what shared.json and an experiment's file, with what that extends, say together; not validated.

    Raises:
        InputError: a file can't be read.
    """
    merged: JsonObject = {}
    for layer in [*_shared(library), *_layers(_chain(library, library.experiment(name), ()))]:
        _merge(merged, layer.values, layer.origin, {}, ())
    return merged


def json_schema() -> JsonObject:
    """Return the JSON Schema of an experiment file, for editors."""
    schema = Experiment.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Experiment"
    # `name` is the file's stem, so a file need not say it; `$schema` is the editor's own key.
    schema["required"] = [key for key in schema.get("required", []) if key != "name"]
    schema["properties"]["$schema"] = {"type": "string"}
    for key, (section, inner) in SHORTHANDS.items():
        schema["properties"][key] = {"type": "number", "description": f"short for {section}.{inner}"}
    return schema


def _shared(library: Library) -> list[Layer]:
    path = library.shared()
    return [_layer(str(path), read_object(path), folder=path.parent)]


def _preset(preset: str | None, path: Path | None) -> list[Layer]:
    """The layer of one of a preset's files, if there is one."""
    if path is None:
        return []
    return [_layer(f"--preset {preset} ({path})", _inheritable(read_object(path)), folder=path.parent)]


def _settings(settings: Sequence[str]) -> list[Layer]:
    layers = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise InputError(f"--set {setting}: give key=value, for example --set epochs=3")
        if key in ("name", "extends"):
            raise InputError(f"--set {setting}: {key} belongs to an experiment's file; give it there")
        *above, last = key.split(".")
        try:
            values = {last: parse_json(text)}
        except ValueError:
            values = {last: text}
        for part in reversed(above):
            values = {part: values}
        layers.append(_layer("--set", values))
    return layers


def _chain(library: Library, path: Path, seen: tuple[Path, ...]) -> list[_File]:
    """The file, after those that it extends."""
    here = path.resolve()
    if here in seen:
        circle = " -> ".join(file.name for file in (*seen[seen.index(here) :], here))
        raise InputError(f"{path}: extends goes round in a circle: {circle}")
    if len(seen) == MOST_EXTENDED:
        raise InputError(
            f"{seen[0]}: extends goes on for more than {MOST_EXTENDED} files; extend an earlier one"
        )
    values = read_object(path)
    name = values.get("name", path.stem)
    if name != path.stem:
        raise InputError(
            f"{path}: name is {name!r}, but the file's stem is its name; leave name out or rename the file"
        )
    extends = values.get("extends")
    if extends is None:
        return [_File(path, values)]
    if not isinstance(extends, str):
        raise InputError(f"{path}: extends: a name or a path is needed, not {extends!r}")
    beside = path.parent / extends
    try:
        parent = beside if beside.is_file() else library.extended(extends, path)
    except InputError as error:
        raise InputError(f"{path}: extends {extends!r}: {error}") from error
    return [*_chain(library, parent, (*seen, here)), _File(path, values)]


def _inheritable(values: JsonObject) -> JsonObject:
    return {
        key: value for key, value in values.items() if key not in ("name", "description", "tags", "extends")
    }


def _layer(origin: str, values: JsonObject, *, folder: Path | None = None) -> Layer:
    """Spell the shorthands out: lr -> optimizer.lr, and stages bring their epochs.

    `folder` is that of the file which the values are from: a file of weights is looked for there first.
    """
    plain = {key: value for key, value in values.items() if key != "$schema" and key not in SHORTHANDS}
    for key, (section, inner) in SHORTHANDS.items():
        if key in values:
            outer = plain.get(section, {})
            if not isinstance(outer, dict):
                continue
            if inner in outer and outer[inner] != values[key]:
                raise InputError(
                    f"{origin}: {key} is {values[key]!r} and {section}.{inner} is {outer[inner]!r}; keep one"
                )
            plain[section] = {**outer, inner: values[key]}
    if folder is not None and isinstance(weights := plain.get("pretrained"), str):
        beside = folder / Path(weights).expanduser()
        plain["pretrained"] = str(beside if beside.is_file() else weights)
    total = _sum_of_stages(plain.get("stages"))
    if total and plain.setdefault("epochs", total) != total:
        raise InputError(
            f"{origin}: epochs is {plain['epochs']!r}, but the stages sum to {total}; leave epochs out"
        )
    return Layer(origin, plain)


def _sum_of_stages(stages: object) -> int:
    """The epochs of all stages; 0 where they are none, or wrong in a way that validation will name."""
    if not isinstance(stages, list):
        return 0
    counts = [stage.get("epochs") for stage in stages if isinstance(stage, dict)]
    return sum(count for count in counts if type(count) is int and count > 0)


def _validate(path: Path, layers: Sequence[Layer]) -> Experiment:
    merged: JsonObject = {}
    origins: dict[tuple[str, ...], str] = {}
    for layer in layers:
        _merge(merged, layer.values, layer.origin, origins, ())
    merged["name"] = path.stem
    given = merged.get("pretrained")
    if isinstance(given, str) and is_weights_file(given):
        weights = Path(given).expanduser().absolute()
        if not weights.is_file():
            raise InputError(
                f"{origins[('pretrained',)]}: pretrained: there is no file {given} beside the experiment's "
                "file or in the current folder; give the path of a file of weights, or true or false"
            )
        merged["pretrained"] = str(weights)
    try:
        return Experiment.model_validate_json(json.dumps(merged))
    except ValidationError as error:
        lines = [
            problem_line(problem, origins, str(path), model=Experiment, shorthands=tuple(SHORTHANDS))
            for problem in meant(error.errors(), merged)
        ]
        raise Problems(lines) from error


def _merge(
    into: JsonObject,
    values: JsonObject,
    origin: str,
    origins: dict[tuple[str, ...], str],
    above: tuple[str, ...],
) -> None:
    for key, value in values.items():
        where = (*above, key)
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value, origin, origins, where)
            continue
        into[key] = json.loads(json.dumps(value))
        for leaf in _leaves(value, where):
            origins[leaf] = origin


def _leaves(value: object, where: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield where
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*where, key))
