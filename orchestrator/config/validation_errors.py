"""Explanations of what is wrong with a file: pydantic's errors in one line each, with the nearest key."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from trainables.errors import nearest


@dataclass(frozen=True, slots=True)
class FieldError:
    """One of pydantic's errors, at the key that a user wrote, or left out.

    `kind` is pydantic's word for it, and `expected` names the values of a key that has but some.
    """

    path: tuple[str, ...]
    kind: str
    message: str
    given: object
    expected: str = ""


def meant(errors: Iterable[ErrorDetails], given: object) -> list[FieldError]:
    """Return one problem a key: where a value may be of several kinds, the one that it came nearest to.

    An object that is wrong inside was meant as an object, whatever else the key may be. `given` is what was
    validated, in plain JSON values.
    """
    first: dict[tuple[str, ...], FieldError] = {}
    for error in errors:
        path = _key_path(error, given)
        message = error["msg"].removeprefix("Value error, ")
        expected = str(error.get("ctx", {}).get("expected", ""))
        first.setdefault(path, FieldError(path, error["type"], message, error["input"], expected))
    return [
        problem
        for path, problem in first.items()
        if not path or not any(other != path and other[: len(path)] == path for other in first)
    ]


def problem_line(
    problem: FieldError,
    origins: Mapping[tuple[str, ...], str],
    fallback: str,
    *,
    model: type[BaseModel],
    shorthands: Sequence[str] = (),
) -> str:
    """Say a problem in one line: file, key, what was given, the way out.

    Args:
        problem: what `meant` gave.
        origins: where the value of each key comes from.
        fallback: where a key comes from that is not in `origins`.
        model: what was validated; its keys are what a wrong one is compared with.
        shorthands: keys that are allowed beside the model's own.
    """
    path, message = problem.path, problem.message
    known = [path[:length] for length in range(len(path), 0, -1) if path[:length] in origins]
    where = known[0] if known else path[:1]
    origin = origins.get(where, fallback)
    if problem.kind == "extra_forbidden":
        keys = _keys(model, path[:-1], shorthands)
        return f"{origin}: unknown key {'.'.join(path)!r}; {nearest(path[-1], keys)}"
    if not path:
        return f"{origin}: {message}"
    if problem.kind == "missing":
        return f"{origin}: {'.'.join(path)} is missing"
    shown = json.dumps(problem.given, default=str)
    hint = ""
    if problem.kind == "literal_error" and isinstance(problem.given, str):
        choices = [choice.strip(" '") for choice in problem.expected.replace(" or ", ",").split(",")]
        hint = f"; {nearest(problem.given, choices)}"
    return f"{origin}: {'.'.join(where)} is {shown[:80]}: {message[:1].lower()}{message[1:]}{hint}"


def _key_path(error: ErrorDetails, given: object) -> tuple[str, ...]:
    """The keys that lead to an error, without the kinds of value that pydantic tried on the way.

    A part of the location is a key where what was given has it; a key that is missing comes last.
    """
    loc, inside = error["loc"], given
    path: list[str] = []
    for place, part in enumerate(loc):
        if isinstance(inside, Mapping) and part in inside:
            inside = inside[part]
        elif isinstance(inside, list) and isinstance(part, int) and part < len(inside):
            inside = inside[part]
        elif error["type"] != "missing" or place + 1 < len(loc):
            continue
        path.append(str(part))
    return tuple(path)


def _keys(model: type[BaseModel], path: Sequence[str], shorthands: Sequence[str]) -> list[str]:
    extra = shorthands if not path else ()
    is_entry = False
    for part in path:
        if part.isdecimal() or is_entry:
            # A place in a list, or a name of the user's own.
            is_entry = False
            continue
        field = model.model_fields.get(part)
        annotation = field.annotation if field is not None else None
        inner = _model_in(annotation)
        if inner is None:
            return []
        model, is_entry = inner, get_origin(annotation) is dict
    return [*model.model_fields, *extra]


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The first model that an annotation names, at any depth: Stage in tuple[Stage, ...] | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
