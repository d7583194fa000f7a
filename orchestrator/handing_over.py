"""What a phase takes over from the decisions of the phases that it builds on.

A decision hands over the values of the keys in which its candidates differed. They lie on top of the
experiment files and below --preset and --set. A key in which the experiments of this phase differ themselves
is this phase's question: it stays as the files say, whatever was decided before. Only values get into a
trial's identity, so a decision that is taken again with the same outcome runs nothing again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.decision_file import in_force
from orchestrator.experiment import Layer, Values, values_of_files
from orchestrator.phase import Phase
from orchestrator.store import Store
from trainables.errors import InputError

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What is taken over from the decision of one phase.

    `values` are keys of an experiment file. `own` names, with dots, the keys that were decided and are the
    question of this phase.
    """

    phase: str
    version: int
    chosen: str
    values: Values
    own: tuple[str, ...]

    @property
    def origin(self) -> str:
        """How the place of these values is called in a message."""
        return f"decision of {self.phase} (version {self.version})"

    def layer(self, *, without: Sequence[str] = ()) -> Layer:
        """Return the values as a layer of an experiment, some keys left out."""
        return Layer(self.origin, {key: value for key, value in self.values.items() if key not in without})

    def sentence(self) -> str:
        """Say what was taken over, and what was not."""
        taken = ", ".join(f"{key} = {_text(value)}" for key, value in _dotted(self.values)) or "nothing"
        own = f"; its own question: {', '.join(self.own)}" if self.own else ""
        return f"From the {self.origin}, {self.chosen}: {taken}{own}"

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "HandedOver":
        """Return what `to_json` wrote down."""
        return cls(**{**record, "own": tuple(record["own"])})

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "own": list(self.own)}


def take_over(folder: Path, phase: Phase, store: Store) -> tuple[HandedOver, ...]:
    """Read the decisions that a phase builds on.

    Args:
        folder: the experiments folder.
        phase: a phase of that folder.
        store: the results that hold the decisions.

    Raises:
        InputError: a decision has not been taken, or its file is damaged.
    """
    if not phase.builds_on:
        return ()
    records = {earlier: in_force(store, earlier) for earlier in phase.builds_on}
    missing = [earlier for earlier, record in records.items() if record is None]
    if missing:
        raise InputError(
            f"{phase.name} builds on the decision of {' and of '.join(missing)}, which {store.root} does not "
            f"hold; run `python -m orchestrator {missing[0]}` first, with the same --results"
        )
    varied = varied_keys([values_of_files(folder, name) for name in phase.experiments])
    return tuple(_take(earlier, record, varied) for earlier, record in records.items() if record is not None)


def varied_keys(experiments: Sequence[Values]) -> frozenset[Key]:
    """Return the innermost keys whose values differ between experiments, or that only some of them give."""
    leaves = [{key: repr(value) for key, value in _leaves(values)} for values in experiments]
    every = {key for each in leaves for key in each}
    return frozenset(key for key in every if len({each.get(key) for each in leaves}) > 1)


def _take(earlier: str, record: Mapping[str, Any], varied: frozenset[Key]) -> HandedOver:
    own: list[str] = []
    values = _without(record["handed_over"], varied, (), own)
    return HandedOver(earlier, int(record["version"]), str(record["chosen"]), values, tuple(own))


def _without(values: Mapping[str, Any], varied: frozenset[Key], above: Key, own: list[str]) -> Values:
    """Leave out what is varied; where one experiment has an object and another a plain value, all of it."""
    kept: Values = {}
    for name, value in values.items():
        key = (*above, name)
        if key in varied or (
            not isinstance(value, Mapping) and any(each[: len(key)] == key for each in varied)
        ):
            own.append(".".join(key))
        elif isinstance(value, Mapping):
            inner = _without(value, varied, key, own)
            if inner:
                kept[name] = inner
        else:
            kept[name] = value
    return kept


def _leaves(values: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _dotted(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in _leaves(values):
        yield ".".join(key), value


def _text(value: object) -> str:
    return "none" if value is None else str(value)
