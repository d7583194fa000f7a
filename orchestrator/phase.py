"""A phase file: the experiments, and the comparisons and decision declared before any of them ran.

`builds_on` names the phases whose decisions this one takes over (`handing_over`).
"""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from orchestrator.experiment import read_object
from orchestrator.identity import SHORT, fingerprint
from orchestrator.problems import explain, meant, nearest
from orchestrator.store import is_plain
from trainables.errors import InputError
from trainables.recipe import Frozen

Metric = Literal[
    "auc", "accuracy", "balanced_accuracy", "f1", "precision", "recall", "average_precision", "log_loss",
    "eer", "brier", "ece", "macro_f1", "auc_ovr",
]  # fmt: skip
LONGEST_NAME = 80


class Comparison(Frozen):
    """A question that two experiments answer: is `treatment` better than `baseline` by `metrics`?

    Differences up to `rope` are practically none. `delong` asks for DeLong's test of the AUC beside the tests
    over folds.
    """

    question: str
    baseline: str
    treatment: str
    metrics: tuple[Metric, ...] = Field(("auc",), min_length=1)
    rope: float = Field(0.01, ge=0.0, lt=1.0, allow_inf_nan=False)
    delong: bool = False


class Rule(Frozen):
    """How a phase decides, on inner-validation scores: the best of `among` by the metric `choose`.

    Candidates whose mean lies within `rope` of the best one's are tied with it, and the tie goes to the one
    that `prefer` names. `among` is every experiment of the phase where it is left out.
    """

    choose: Metric
    among: tuple[str, ...] = ()
    prefer: Literal["cheaper"] = "cheaper"
    rope: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.01


def _one_or_several(given: object) -> object:
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


class Phase(Frozen):
    """What a phase asks.

    Of two phases in `builds_on` that hand over the same key the one named later counts.
    """

    name: str
    title: str
    question: str = ""
    builds_on: Annotated[tuple[str, ...], BeforeValidator(_one_or_several)] = ()
    experiments: tuple[str, ...] = Field(min_length=1)
    comparisons: tuple[Comparison, ...] = ()
    decision: Rule | None = None


def load_phase(folder: Path, name: str) -> Phase:
    """Load experiments/<name>/phase.json.

    Raises:
        InputError: there is no such phase, or its file is wrong.
    """
    path = folder / name / "phase.json"
    if not is_plain(name) or not path.is_file():
        known = ", ".join(phase_names(folder)) or "none"
        raise InputError(f"no {path}; the phases below {folder} are: {known}")
    values = {key: value for key, value in read_object(path).items() if key != "$schema"}
    try:
        phase = Phase.model_validate_json(json.dumps({"name": name, **values}))
    except ValidationError as error:
        lines = [
            explain(problem, {problem["loc"]: str(path)}, str(path), model=Phase)
            for problem in meant(error.errors())
        ]
        raise InputError("\n".join(lines)) from error
    if phase.name != name:
        raise InputError(
            f"{path}: name is {phase.name!r}, but a phase is called as its folder; leave name out"
        )
    twice = [known for known, count in Counter(phase.experiments).items() if count > 1]
    if twice:
        raise InputError(f"{path}: experiments names {', '.join(twice)} more than once")
    for comparison in phase.comparisons:
        for side in (comparison.baseline, comparison.treatment):
            if side not in phase.experiments:
                raise InputError(
                    f"{path}: comparison {comparison.question!r} names {side!r}, which the phase does not "
                    f"run; {nearest(side, phase.experiments)}"
                )
    _check_order(folder, phase)
    return phase if phase.decision is None else _with_candidates(path, phase, phase.decision)


def _check_order(folder: Path, phase: Phase) -> None:
    """Refuse a phase that builds on one that there is not, that decides nothing, or on itself in the end."""
    waiting = [(phase.name, earlier) for earlier in phase.builds_on]
    seen: set[str] = set()
    while waiting:
        later, earlier = waiting.pop()
        path = folder / later / "phase.json"
        known = phase_names(folder)
        if earlier not in known:
            raise InputError(
                f"{path}: builds_on names {earlier!r}, which is no phase; {nearest(earlier, known)}"
            )
        if earlier == phase.name:
            raise InputError(f"{path}: builds_on leads from {phase.name} back to {phase.name}")
        values = read_object(folder / earlier / "phase.json")
        if values.get("decision") is None:
            raise InputError(
                f'{path}: builds_on names {earlier}, whose phase.json has no "decision" to hand over'
            )
        if earlier not in seen:
            seen.add(earlier)
            further = _one_or_several(values.get("builds_on", ()))
            waiting += [(earlier, str(name)) for name in further] if isinstance(further, tuple) else []


def _with_candidates(path: Path, phase: Phase, rule: Rule) -> Phase:
    """Check the candidates of a decision; where none are named they are all experiments of the phase."""
    among = rule.among or phase.experiments
    for name in among:
        if name not in phase.experiments:
            raise InputError(
                f"{path}: decision.among names {name!r}, which the phase does not run; "
                f"{nearest(name, phase.experiments)}"
            )
    if len(set(among)) < len(among):
        raise InputError(f"{path}: decision.among names an experiment more than once")
    if len(among) < 2:
        raise InputError(f"{path}: decision.among names {among[0]} alone; a decision is between two or more")
    return phase.model_copy(update={"decision": rule.model_copy(update={"among": among})})


def phase_names(folder: Path) -> list[str]:
    """Return the names of the phases below `folder`."""
    return sorted(path.parent.name for path in folder.glob("*/phase.json"))


def phase_of(names: tuple[str, ...]) -> Phase:
    """Return the phase of single experiments: named after them, with nothing to compare."""
    name = "+".join(names)
    if len(name) > LONGEST_NAME:
        name = f"{names[0]}-and-{len(names) - 1}-more-{fingerprint(names)[:SHORT]}"
    return Phase(name=name, title=", ".join(names), experiments=names)
