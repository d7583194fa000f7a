"""What is wrong with a file, in the user's words: pydantic's errors in a line each, with the nearest key."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from trainables.errors import nearest


def _key_path(problem: Mapping[str, Any], given: Any) -> tuple[str, ...]:
    """The keys that lead to a problem, without the kinds of value that pydantic tried on the way.

    A part of the location is a key where what was given has it; a key that is missing comes last.
    """
    loc, inside = problem["loc"], given
    path: list[str] = []
    for place, part in enumerate(loc):
        if isinstance(inside, Mapping) and part in inside:
            inside = inside[part]
        elif isinstance(inside, list) and isinstance(part, int) and part < len(inside):
            inside = inside[part]
        elif problem["type"] != "missing" or place + 1 < len(loc):
            continue
        path.append(str(part))
    return tuple(path)


def meant(problems: Iterable[Mapping[str, Any]], given: Any) -> list[dict[str, Any]]:
    """One problem a key: where a value may be of several kinds, the one that it came nearest to.

    An object that is wrong inside was meant as an object, whatever else the key may be. `given` is what was
    validated, in plain JSON values.
    """
    first: dict[tuple[str, ...], dict[str, Any]] = {}
    for problem in problems:
        path = _key_path(problem, given)
        first.setdefault(path, {**problem, "loc": path})
    return [
        problem
        for path, problem in first.items()
        if not path or not any(other != path and other[: len(path)] == path for other in first)
    ]


def explain(
    problem: Mapping[str, Any],
    origins: Mapping[tuple[str, ...], str],
    fallback: str,
    *,
    model: Any,
    shorthands: Sequence[str] = (),
) -> str:
    """Say one of pydantic's errors in one line: file, key, what was given, the way out.

    Args:
        problem: what `meant` gave.
        origins: where the value of each key comes from.
        fallback: where a key comes from that is not in `origins`.
        model: what was validated; its keys are what a wrong one is compared with.
        shorthands: keys that are allowed beside the model's own.
    """
    path = problem["loc"]
    known = [path[:length] for length in range(len(path), 0, -1) if path[:length] in origins]
    where = known[0] if known else path[:1]
    origin = origins.get(where, fallback)
    given = problem["input"]
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        keys = _keys(model, path[:-1], shorthands)
        return f"{origin}: unknown key {'.'.join(path)!r}; {nearest(path[-1], keys)}"
    if not path:
        return f"{origin}: {message}"
    shown = json.dumps(given, default=str)
    expected = str(problem.get("ctx", {}).get("expected", ""))
    hint = ""
    if problem["type"] == "literal_error" and isinstance(given, str):
        choices = [choice.strip(" '") for choice in expected.replace(" or ", ",").split(",")]
        hint = f"; {nearest(given, choices)}"
    return f"{origin}: {'.'.join(where)} is {shown[:80]}: {message[:1].lower()}{message[1:]}{hint}"


def _keys(model: Any, path: Sequence[str], shorthands: Sequence[str]) -> list[str]:
    extra = shorthands if not path else ()
    for part in path:
        if part.isdecimal():
            # A place in a list.
            continue
        field = model.model_fields.get(part)
        model = _model_in(field.annotation) if field is not None else None
        if model is None:
            return []
    return [*model.model_fields, *extra]


def _model_in(annotation: Any) -> Any:
    """The first model that an annotation names, at any depth: Stage in tuple[Stage, ...] | None."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
