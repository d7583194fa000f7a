"""Sweeps of a phase file: an experiment with a grid of settings, or a search through a space of them.

A grid is every combination of the values that it names. A search proposes settings one round after the other
by the scores of those before them (`execution.searching`); its space is what it may propose. Keys are those
of an experiment file that decide numbers, inner ones with a dot (optimizer.type). Keys that deal the images
are refused: settings are compared on the same folds, and told apart by the same validation images.
"""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, Field, JsonValue, field_validator, model_validator

from orchestrator.config.experiment import SHORTHANDS
from trainables.errors import nearest
from trainables.evaluation.metrics import ComparedMetric
from trainables.recipe import RecipeKeys
from trainables.recipe_part import Frozen

# What decides which images are trained on, validated on and tested on.
DEALS_IMAGES = (
    "layout", "group_by", "real_sources", "follow_links", "train_sources", "eval_sources",
    "subsample", "protocol",
    "cv_folds", "cv_repeats", "val_ratio", "test_ratio", "holdout_final",
)  # fmt: skip
# Of a larger grid a comparison of every setting with the base is more than anyone reads.
MOST_COMPARED = 10
# Keys of a sweep that may stand beside those of its phase.
SHORT_FORM = ("extends", "grid", "search", "compare", "metrics")
Key = tuple[str, ...]
# Values by dotted key.
Setting = dict[str, JsonValue]


class Range(Frozen):
    """Numbers from `low` to `high`, on a logarithmic scale with `log`, or in steps of `step`."""

    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]
    log: bool = False
    step: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g} and high is {self.high:g}; low has to be less than high")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low:g}, and a logarithmic scale has numbers above 0 alone")
        if self.log and self.step is not None:
            raise ValueError("a logarithmic scale has no steps; leave log or step out")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(f"step is {self.step:g}, more than there is between low and high")
        return self


Space = dict[str, Range | tuple[JsonValue, ...]]


class Search(Frozen):
    """A search: how many settings are tried, how many of them at a time, and among what.

    `sampler`: tpe proposes near what scored well so far (Bergstra et al. 2011, tree-structured Parzen
    estimator, as Optuna has it; its first ten settings are random), random does not look at scores. A round
    of `parallel` settings is proposed at once, whatever the machine has, so that a search gives the same
    anywhere.
    """

    trials: Annotated[int, Field(ge=1)]
    space: Space = Field(min_length=1)
    sampler: Literal["tpe", "random"] = "tpe"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    parallel: Annotated[int, Field(ge=1)] = 4

    @field_validator("space")
    @classmethod
    def _known(cls, space: Space) -> Space:
        for key, values in space.items():
            refuse_swept("search.space", key)
            if isinstance(values, Range):
                _refuse_range(key, values)
            else:
                _refuse_values("search.space", key, values)
        return space

    @model_validator(mode="after")
    def _has_as_many(self) -> Self:
        lists = [values for values in self.space.values() if not isinstance(values, Range)]
        possible = math.prod(map(len, lists))
        if len(lists) == len(self.space) and self.trials > possible:
            raise ValueError(
                f"trials is {self.trials}, and its space has {possible} settings in all; use a grid, which "
                "tries each of them once, or fewer trials"
            )
        return self


class Sweep(Frozen):
    """An experiment that is `extends`-ed by every setting of a grid, or by those that a search proposes.

    Settings are named by the experiment, or by `name`, and by what differs. With `compare` the experiment
    runs too, and each setting is compared with it by `metrics`; this is so of grids of up to ten unless said
    otherwise. With a search it runs in any case.
    """

    extends: str
    name: str = ""
    grid: dict[str, tuple[JsonValue, ...]] | None = Field(None, min_length=1)
    search: Search | None = None
    compare: bool | None = None
    metrics: tuple[ComparedMetric, ...] = Field(("auc",), min_length=1)

    @field_validator("extends", "name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if name.endswith(".json") or not re.fullmatch(r"[\w.=+-]*", name, flags=re.ASCII):
            raise ValueError("give the name of an experiment: letters, digits, dots, hyphens, no .json")
        return name

    @field_validator("grid")
    @classmethod
    def _known(cls, grid: dict[str, tuple[JsonValue, ...]] | None) -> dict[str, tuple[JsonValue, ...]] | None:
        for key, values in (grid or {}).items():
            refuse_swept("grid", key)
            _refuse_values("grid", key, values)
        return grid

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.grid is None) == (self.search is None):
            problem = "both grid and search" if self.grid is not None else "neither grid nor search"
            raise ValueError(f"the sweep of {self.extends} has {problem}; give one of the two")
        paths: dict[Key, str] = {}
        for key in self.keys:
            for known, other in paths.items():
                if known[: len(key_path(key))] == key_path(key)[: len(known)]:
                    raise ValueError(f"{other} and {key} set the same value; keep one of the two")
            paths[key_path(key)] = key
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are swept, in their order."""
        return tuple(self.grid or (self.search.space if self.search is not None else ()))

    @property
    def called(self) -> str:
        """What the names of its settings begin with."""
        return self.name or self.extends

    @property
    def num_settings(self) -> int:
        """How many settings are tried in all."""
        if self.search is not None:
            return self.search.trials
        return math.prod(len(values) for values in (self.grid or {}).values())

    @property
    def is_compared(self) -> bool:
        """Whether each setting is compared with the experiment that it extends."""
        if self.compare is not None:
            return self.compare
        return self.grid is not None and self.num_settings <= MOST_COMPARED

    def combinations(self) -> Iterator[Setting]:
        """Yield the settings of a grid by key; the last key changes first. A search has none beforehand."""
        for values in itertools.product(*(self.grid or {}).values()) if self.grid else ():
            yield dict(zip(self.keys, values, strict=True))

    def corners(self) -> Iterator[Setting]:
        """Yield settings that show whether a search may propose what can't be: every end with every other.

        Where that is more than 256, each end of each key alone.
        """
        space = self.search.space if self.search is not None else {}
        ends = {
            key: tuple(whole(key, end) for end in (values.low, values.high))
            if isinstance(values, Range)
            else values
            for key, values in space.items()
        }
        if math.prod(map(len, ends.values())) <= 256:
            yield from (dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values()))
        else:
            yield from ({key: value} for key, values in ends.items() for value in values)


def key_path(key: str) -> Key:
    """Return where in an experiment a key is: lr is optimizer, lr."""
    return SHORTHANDS.get(key, tuple(key.split(".")))


def whole(key: str, number: float) -> float | int:
    """Return a number as a key takes it: a whole one where it takes no other."""
    return round(number) if _kinds(key) & {int, float} == {int} else number


def nested(values: Setting) -> dict[str, JsonValue]:
    """Return values by dotted key as an experiment file has them: an object in an object."""
    found: dict[str, JsonValue] = {}
    for key, value in values.items():
        inside = found
        *above, last = key_path(key)
        for part in above:
            deeper = inside.setdefault(part, {})
            assert isinstance(deeper, dict), "no key of a sweep lies inside another one"
            inside = deeper
        inside[last] = value
    return found


def refuse_swept(where: str, key: str) -> None:
    """Raise ValueError for a key that there is not, or that has to be the same for all settings."""
    first = key.partition(".")[0]
    if first == "seed":
        raise ValueError(
            f"{where}.seed: every seed deals other folds, so settings could not be compared fold by fold; "
            "set cv_repeats in the experiment for more than one seed"
        )
    if first in DEALS_IMAGES:
        raise ValueError(
            f"{where}.{key}: all settings have to be trained, validated and tested on the same images; leave "
            "the key out, and write an experiment for each value"
        )
    known = _every_key()
    if key not in known:
        raise ValueError(f"{where}: {key!r} is no key that decides numbers; {nearest(key, known)}")


def _refuse_values(where: str, key: str, values: Sequence[JsonValue]) -> None:
    if not values:
        raise ValueError(f"{where}.{key} is an empty list; give the values to try")
    seen: list[JsonValue] = []
    for value in values:
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in seen):
            raise ValueError(f"{where}.{key} has {value} twice; leave one out")
        seen.append(value)


def _refuse_range(key: str, values: Range) -> None:
    kinds = _kinds(key) & {int, float}
    if not kinds:
        raise ValueError(f"search.space.{key} takes no numbers; list the values to try")
    broken = [each for each in (values.low, values.high, values.step or 1) if each != round(each)]
    if kinds == {int} and broken:
        raise ValueError(f"search.space.{key} takes whole numbers, and {broken[0]:g} is none")


def _every_key() -> list[str]:
    inner = [
        f"{name}.{each}"
        for name, field in RecipeKeys.model_fields.items()
        if (part := _part_in(field.annotation)) is not None
        for each in part.model_fields
    ]
    return [*RecipeKeys.model_fields, *SHORTHANDS, *inner]


def _kinds(key: str) -> set[object]:
    """The plain types that a key takes."""
    annotation: object = None
    model: type[BaseModel] = RecipeKeys
    for part in key_path(key):
        annotation = model.model_fields[part].annotation
        model = _part_in(annotation) or model
    return _plain_types(annotation)


def _plain_types(annotation: object) -> set[object]:
    inner = get_args(annotation)
    if inner:
        return set().union(*map(_plain_types, inner))
    # What an annotation says beside the type is none.
    return {annotation} if isinstance(annotation, type) else set()


def _part_in(annotation: object) -> type[BaseModel] | None:
    """The part of a recipe that a key holds; None where it holds a plain value, or a list of parts."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if getattr(annotation, "__origin__", None) is tuple:
        return None
    return next(filter(None, map(_part_in, get_args(annotation))), None)
