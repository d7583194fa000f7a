"""Values that a phase takes over from the decisions of the phases that it builds on.

A decision hands over keys of an experiment file, and, where it selected several experiments, their names. The
keys lie on top of the experiment files and below --preset and --set; what was decided under the preset of
this run lies above it, since it was chosen among values that the preset had set. A key in which the
experiments of this phase differ themselves is this phase's question: it stays as the files say, whatever was
decided before. Only values get into a trial's identity, so a decision that is taken again with the same
outcome runs nothing again.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from orchestrator.config.experiment import Layer, values_of_files
from orchestrator.config.generated import DataFacts
from orchestrator.config.library import Library
from orchestrator.config.phase import Phase
from orchestrator.config.sweep import key_path
from orchestrator.store.decision_file import DecisionRecord, in_force
from orchestrator.store.folder import Store
from orchestrator.store.records import HandedOver
from trainables.errors import InputError
from trainables.files import JsonObject
from trainables.recipe import RecipeKeys

Key = tuple[str, ...]
NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
HELD_OUT = ("train_sources", "eval_sources")


def layer(taken: HandedOver, *, without: Sequence[str] = ()) -> Layer:
    """Return what was taken over as a layer of an experiment, some keys left out."""
    return Layer(taken.origin, {key: value for key, value in taken.values.items() if key not in without})


def sentence(taken: HandedOver, recipes: Sequence[JsonObject]) -> str:
    """Say what was taken over, what was not, and what --preset or --set put in its place.

    `recipes` are those of the experiments that took it over.
    """
    values = ", ".join(f"{key} = {_text(value)}" for key, value in dotted_values(taken.values))
    own = f"; its own question: {', '.join(taken.own)}" if taken.own else ""
    replaced = [
        f"{key} = {_text(found)}"
        for key, value in dotted_values(taken.values)
        for found in _others(key, value, recipes)
    ]
    instead = f"; --preset or --set puts in its place: {', '.join(replaced)}" if replaced else ""
    if taken.is_assumed:
        return f"{taken.phase} has not decided anything here, so this is assumed: {values}{own}{instead}"
    selected = f"{', '.join(taken.selected)} selected; " if taken.selected else ""
    chosen = f", {taken.chosen}" if taken.chosen and not taken.selected else ""
    return f"From the {taken.origin}{chosen}: {selected}{values or 'no setting'}{own}{instead}"


def take_over(
    library: Library, phase: Phase, store: Store, *, expected: Mapping[str, Sequence[str]] = NOTHING
) -> tuple[HandedOver, ...]:
    """Read the decisions that a phase builds on.

    Args:
        library: where the files are found.
        phase: a phase of `library`, its templates included.
        store: the results that hold the decisions.
        expected: for a plan alone, phases whose decision is still to come, and what each may select.

    Raises:
        InputError: a decision has not been taken and nothing is assumed in its place, or its file is damaged
            or was edited.
    """
    if not phase.builds_on:
        return ()
    records = {earlier: in_force(store, earlier) for earlier in phase.builds_on}
    missing = [earlier for earlier, record in records.items() if record is None and earlier not in expected]
    if missing and not phase.assumes:
        raise InputError(
            f"{phase.name} builds on the decision of {' and of '.join(missing)}, which {store.root} does not "
            f"hold; run `python -m orchestrator {missing[0]}` first, with the same --results"
        )
    unselected = [
        earlier for earlier, record in records.items() if record is not None and not record.selected
    ]
    if phase.for_each_selected and len(unselected) == len(phase.builds_on):
        raise InputError(
            f"{phase.name} makes its experiments from a selection, but the decision of "
            f'{" and of ".join(unselected)} selects none; give its phase.json a "top" above 1, '
            "and decide again"
        )
    varied = _varied(library, phase)
    return tuple(
        _take(earlier, record, varied)
        if record is not None
        else _assume(library, phase, earlier, selected=expected.get(earlier, ()))
        for earlier, record in records.items()
    )


def layers(
    taken: Sequence[HandedOver], preset: str | None, *, without: Sequence[str] = ()
) -> tuple[list[Layer], list[Layer]]:
    """Return the layers of what was taken over: those below the preset of a run, and those above it."""
    below: list[Layer] = []
    above: list[Layer] = []
    for each in taken:
        if not each.is_assumed:
            is_above = preset is not None and each.preset == preset
            (above if is_above else below).append(layer(each, without=without))
    return below, above


def preset_notes(taken: Sequence[HandedOver], preset: str | None) -> tuple[str, ...]:
    """Say which decisions were taken under another preset than that of this run: its values are theirs."""
    here = f"has --preset {preset}" if preset is not None else "has no preset"
    return tuple(
        f"The {each.origin} was taken under --preset {each.preset}, and this run {here}: what it hands over "
        f"was chosen among values of that preset; run {each.phase} in the same way, in another folder of "
        "--results, to be sure"
        for each in taken
        if each.preset is not None and each.preset != preset
    )


def data_notes(taken: Sequence[HandedOver], data: Sequence[DataFacts]) -> tuple[str, ...]:
    """Say which decisions were taken on other images than those of this run."""
    here = {each.fingerprint for each in data}
    roots = ", ".join(dict.fromkeys(each.root for each in data))
    return tuple(
        f"The {each.origin} was taken on other data than {roots}: what it hands over may not be best here; "
        f"run {each.phase} on this data, in another folder of --results, to be sure"
        for each in taken
        if each.data and not here & set(each.data)
    )


def varied_keys(experiments: Sequence[JsonObject]) -> frozenset[Key]:
    """Return the innermost keys whose values differ between experiments, or that only some of them give."""
    leaves = [{key: repr(value) for key, value in _leaves(values)} for values in experiments]
    every = {key for each in leaves for key in each}
    return frozenset(key for key in every if len({each.get(key) for each in leaves}) > 1)


def _varied(library: Library, phase: Phase) -> frozenset[Key]:
    """The keys that are a phase's own question: files or templates differ in them, or sweeps vary them."""
    files = varied_keys([values_of_files(library, name) for name in phase.experiments])
    templates = varied_keys([template.values for template in phase.templates])
    held_out = frozenset((name,) for name in HELD_OUT) if phase.for_each_source else frozenset()
    swept = frozenset(key_path(key) for sweep in phase.sweeps for key in sweep.keys)
    return files | templates | held_out | swept


def _take(earlier: str, record: DecisionRecord, varied: frozenset[Key]) -> HandedOver:
    own: list[str] = []
    values = _without(record.handed_over, varied, (), own)
    return HandedOver(
        phase=earlier,
        version=record.version,
        chosen=record.chosen or "",
        values=values,
        own=tuple(own),
        selected=record.selected,
        preset=record.preset,
        data=record.data,
    )


def _assume(library: Library, phase: Phase, earlier: str, *, selected: Sequence[str]) -> HandedOver:
    files = values_of_files(library, phase.experiments[0]) if phase.experiments else {}
    usual = RecipeKeys.model_fields
    values = {key: files.get(key, usual[key].default if key in usual else None) for key in phase.assumes}
    return HandedOver(phase=earlier, version=0, chosen="", values=values, own=(), selected=tuple(selected))


def _without(values: JsonObject, varied: frozenset[Key], above: Key, own: list[str]) -> JsonObject:
    """Leave out what is varied; where one experiment has an object and another a plain value, all of it."""
    kept: JsonObject = {}
    for name, value in values.items():
        key = (*above, name)
        if key in varied or (not isinstance(value, dict) and any(each[: len(key)] == key for each in varied)):
            own.append(".".join(key))
        elif isinstance(value, dict):
            inner = _without(value, varied, key, own)
            if inner:
                kept[name] = inner
        else:
            kept[name] = value
    return kept


def _leaves(values: JsonObject, above: Key = ()) -> Iterator[tuple[Key, object]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def dotted_values(values: JsonObject) -> Iterator[tuple[str, Any]]:
    """Yield the innermost values of an object by dotted key: optimizer.lr."""
    for key, value in _leaves(values):
        yield ".".join(key), value


def _others(key: str, value: object, recipes: Sequence[JsonObject]) -> list[object]:
    """What the recipes have in the place of a value, each other value once."""
    found: list[object] = []
    for recipe in recipes:
        inside: object = recipe
        for part in key.split("."):
            inside = inside.get(part) if isinstance(inside, dict) else None
        if inside != value and inside not in found:
            found.append(inside)
    return found


def _text(value: object) -> str:
    return "none" if value is None else str(value)
