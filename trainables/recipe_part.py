"""Parts of a recipe, whose keys say with their type whether they are part of a trial's identity."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue


class Frozen(BaseModel):
    """Immutable, strict about types, and closed: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


@dataclass(frozen=True, slots=True)
class Identity:
    """Says of a key whether it is part of a trial's identity: `counts` is given its part, and its value."""

    counts: Callable[[Any, Any], bool]


COUNTS = Identity(lambda part, value: True)
# What it does is in the fingerprint of the trial's rows: two ways of saying the same rows are the same trial.
BY_ROWS = Identity(lambda part, value: False)
# Where something came from, beside a key that says what it is.
RECORDED = Identity(lambda part, value: False)
# What is not used is no part of it, and keys that came later leave the identity of earlier trials alone.
IF_SET = Identity(lambda part, value: value is not None)


class RecipePart(Frozen):
    """A part of a recipe, or all of it."""

    def identity(self) -> dict[str, JsonValue]:
        """Return the values that are part of a trial's identity, as JSON has them."""
        plain, found = self.model_dump(mode="json"), {}
        for name, declared in identities(type(self)):
            value = getattr(self, name)
            if declared is not None and declared.counts(self, value):
                found[name] = value.identity() if isinstance(value, RecipePart) else plain[name]
        return found


def identities(part: type[RecipePart]) -> Iterator[tuple[str, Identity | None]]:
    """Yield each key of a part, and what it declares; None where it declares nothing."""
    for name, field in part.model_fields.items():
        yield name, next((each for each in field.metadata if isinstance(each, Identity)), None)


def refuse_undeclared(*parts: type[RecipePart]) -> None:
    """Raise TypeError where a key does not say whether it is part of a trial's identity."""
    for part in parts:
        for name, declared in identities(part):
            if declared is None:
                raise TypeError(
                    f"{part.__name__}.{name} does not say whether it is part of a trial's identity"
                )
