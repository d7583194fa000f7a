"""A phase file: the experiments, and the comparisons and decision declared before any of them ran.

`builds_on` names the phases whose decisions this one takes over (`earlier_decisions`). A phase may also have
templates, from which experiments are made when it is known for what: one for each source of fakes that the
data has, or one for each experiment that an earlier phase selected (`generated`). Its sweeps vary the
settings of one experiment (`sweep`, `swept`).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from orchestrator.config.json_text import read_object
from orchestrator.config.library import RESERVED, Library
from orchestrator.config.sweep import SHORT_FORM, Search, Sweep
from orchestrator.config.validation_errors import meant, problem_line
from orchestrator.store.differing_keys import DifferingKeys
from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.records import Comparison, Rule
from trainables.errors import InputError, Problems, nearest
from trainables.evaluation.metrics import ComparedMetric
from trainables.files import JsonObject
from trainables.recipe_part import Frozen

LONGEST_NAME = 80


class Template(Frozen):
    """An experiment that is made for each of several sources or models, named in braces.

    `values` are keys of an experiment file on top of the one that it `extends`. `against` names the baseline
    of a comparison that is declared with it, with its `differs`; where that is the experiment itself there is
    none.
    """

    name: str
    extends: str
    description: str = ""
    values: JsonObject = Field(default_factory=dict)
    against: str | None = None
    question: str = ""
    metrics: tuple[ComparedMetric, ...] = Field(("auc",), min_length=1)
    differs: DifferingKeys = ()


def _one_or_several(given: object) -> object:
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


class Phase(Frozen):
    """What a phase asks.

    Of two phases in `builds_on` that hand over the same key the one named later counts. Where one has not
    decided, the phase can't run, unless it `assumes` keys: these are then as the experiment files have them.
    `for_each_source` (with {source}) leaves one source of fakes out of training and tests on all;
    `for_each_selected` (with {model}, {experiment}, and {first} for the model that came first) stands on the
    selection of a phase in `builds_on`. The one sweep of a phase may stand in the file itself: its keys
    (`extends`, `grid` ...) beside those of the phase.
    """

    name: str
    title: str
    question: str = ""
    builds_on: Annotated[tuple[str, ...], BeforeValidator(_one_or_several)] = ()
    assumes: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    for_each_source: tuple[Template, ...] = ()
    for_each_selected: tuple[Template, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    decision: Rule | None = None

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if not (self.experiments or self.templates or self.sweeps):
            raise ValueError("experiments: a phase needs at least one")
        if self.for_each_selected and not self.builds_on:
            raise ValueError("for_each_selected: builds_on has to name the phase that selects")
        return self

    @property
    def templates(self) -> tuple[Template, ...]:
        """What experiments are made from."""
        return self.for_each_source + self.for_each_selected

    @property
    def searches(self) -> dict[int, Search]:
        """The searches of its sweeps, by their place among these."""
        return {place: each.search for place, each in enumerate(self.sweeps) if each.search is not None}


def load_phase(library: Library, name: str) -> Phase:
    """Load the file of a phase.

    Raises:
        InputError: there is no such phase, or its file is wrong.
    """
    path = library.phase(name)
    if name in RESERVED:
        raise InputError(f"{path}: {name} is a command; give the folder of this phase another name")
    values = {key: value for key, value in read_object(path).items() if key != "$schema"}
    values, is_short = _with_short_sweep(path, {"name": name, **values})
    try:
        phase = Phase.model_validate_json(json.dumps(values))
    except ValidationError as error:
        lines = [
            problem_line(each, {each.path: str(path)}, str(path), model=Sweep if short else Phase)
            for problem in meant(error.errors(), values)
            for short in [is_short and problem.path[:2] == ("sweeps", "0")]
            for each in [replace(problem, path=problem.path[2:]) if short else problem]
        ]
        raise Problems(lines) from error
    if phase.name != name:
        raise InputError(
            f"{path}: name is {phase.name!r}, but a phase is called as its folder; leave name out"
        )
    twice = [known for known, count in Counter(phase.experiments).items() if count > 1]
    if twice:
        raise InputError(f"{path}: experiments names {', '.join(twice)} more than once")
    _check_order(library, phase)
    return phase if phase.templates or phase.sweeps else completed(phase, str(path))


def _with_short_sweep(path: Path, values: JsonObject) -> tuple[JsonObject, bool]:
    """Put the keys of a sweep that stand beside those of the phase into its list, and tell whether any do."""
    short = {key: values[key] for key in SHORT_FORM if key in values}
    if not short:
        return values, False
    if "sweeps" in values:
        raise InputError(f'{path}: {next(iter(short))} stands beside "sweeps"; put it into that list')
    if "extends" not in short:
        raise InputError(
            f'{path}: {next(iter(short))} varies the settings of an experiment; name it with "extends"'
        )
    return {key: value for key, value in values.items() if key not in short} | {"sweeps": [short]}, True


def completed(
    phase: Phase,
    where: str,
    made: Sequence[str] = (),
    comparisons: Sequence[Comparison] = (),
    *,
    grows: bool = False,
) -> Phase:
    """Return a phase with the experiments that were made for it, every name in it checked.

    `where` is its file; `made` and `comparisons` are what came of its templates and sweeps. While it `grows`,
    a decision may have a single candidate: a search will propose more.

    Raises:
        InputError: a comparison or the decision names an experiment that the phase does not run.
    """
    everything = {
        "experiments": (*phase.experiments, *made),
        "comparisons": (*phase.comparisons, *comparisons),
        "for_each_source": (),
        "for_each_selected": (),
        "sweeps": (),
    }
    phase = phase.model_copy(update=everything)
    twice = [name for name, count in Counter(phase.experiments).items() if count > 1]
    if twice:
        raise InputError(
            f"{where}: {', '.join(twice)} is made, and there already; give its template or sweep another name"
        )
    for comparison in phase.comparisons:
        for side in (comparison.baseline, comparison.treatment):
            if side not in phase.experiments:
                raise InputError(
                    f"{where}: comparison {comparison.question!r} names {side!r}, which the phase does not "
                    f"run; {nearest(side, phase.experiments)}"
                )
    return phase if phase.decision is None else _with_candidates(where, phase, phase.decision, grows)


def _check_order(library: Library, phase: Phase) -> None:
    """Refuse a phase that builds on one that there is not, that decides nothing, or on itself in the end."""
    waiting = [(phase.name, earlier) for earlier in phase.builds_on]
    seen: set[str] = set()
    while waiting:
        later, earlier = waiting.pop()
        path, known = library.phase(later), library.phases()
        if earlier not in known:
            raise InputError(
                f"{path}: builds_on names {earlier!r}, which is no phase; {nearest(earlier, known)}"
            )
        if earlier == phase.name:
            raise InputError(f"{path}: builds_on leads from {phase.name} back to {phase.name}")
        values = read_object(library.phase(earlier))
        if values.get("decision") is None:
            raise InputError(
                f'{path}: builds_on names {earlier}, whose phase.json has no "decision" to hand over'
            )
        if earlier not in seen:
            seen.add(earlier)
            further = _one_or_several(values.get("builds_on", ()))
            waiting += [(earlier, str(name)) for name in further] if isinstance(further, tuple) else []


def _with_candidates(where: str, phase: Phase, rule: Rule, grows: bool) -> Phase:
    """Check the candidates of a decision; where none are named they are all experiments of the phase."""
    kind = "factors" if rule.factors else "among"
    found: list[str] = []
    for name in rule.names or phase.experiments:
        matching = [known for known in phase.experiments if fnmatchcase(known, name)]
        if not matching:
            raise InputError(
                f"{where}: decision.{kind} names {name!r}, which the phase does not run; "
                f"{nearest(name, phase.experiments)}"
            )
        found += matching
    if len(set(found)) < len(found):
        raise InputError(f"{where}: decision.{kind} names an experiment more than once")
    if len(found) < 2 and not grows:
        raise InputError(
            f"{where}: decision.{kind} names {found[0]} alone; a decision is between two or more"
        )
    if rule.factors:
        return phase
    return phase.model_copy(update={"decision": rule.model_copy(update={"among": tuple(found)})})


def phases_in_order(library: Library, names: Sequence[str]) -> list[str]:
    """Return the phases that are named and those that they build on, each after these."""
    ordered: list[str] = []

    def put(name: str) -> None:
        for earlier in load_phase(library, name).builds_on:
            put(earlier)
        if name not in ordered:
            ordered.append(name)

    for name in names:
        put(name)
    return ordered


def phase_of(names: tuple[str, ...]) -> Phase:
    """Return the phase of single experiments: named after them, with nothing to compare."""
    name = "+".join(names)
    if len(name) > LONGEST_NAME:
        name = f"{names[0]}-and-{len(names) - 1}-more-{fingerprint(names)[:SHORT]}"
    return Phase(name=name, title=", ".join(names), experiments=names)
