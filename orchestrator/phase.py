"""A phase file: the experiments, and the comparisons that were declared before any of them ran."""

import json
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from orchestrator.experiment import read_object
from orchestrator.identity import SHORT, fingerprint
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


class Phase(Frozen):
    """What a phase asks."""

    name: str
    title: str
    question: str = ""
    experiments: tuple[str, ...] = Field(min_length=1)
    comparisons: tuple[Comparison, ...] = ()


def load_phase(folder: Path, name: str) -> Phase:
    """Load experiments/<name>/phase.json.

    Raises:
        InputError: there is no such phase, or its file is wrong.
    """
    path = folder / name / "phase.json"
    if not path.is_file():
        known = ", ".join(phase_names(folder)) or "none"
        raise InputError(f"no {path}; the phases below {folder} are: {known}")
    values = {key: value for key, value in read_object(path).items() if key != "$schema"}
    try:
        phase = Phase.model_validate_json(json.dumps({"name": name, **values}))
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, problem['loc']))} is "
            f"{json.dumps(problem['input'], default=str)[:80]}: {problem['msg']}"
            for problem in error.errors()
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
                    f"{path}: comparison {comparison.question!r} names {side!r}, which the phase does not run"
                )
    return phase


def phase_names(folder: Path) -> list[str]:
    """Return the names of the phases below `folder`."""
    return sorted(path.parent.name for path in folder.glob("*/phase.json"))


def phase_of(names: tuple[str, ...]) -> Phase:
    """Return the phase of single experiments: named after them, with nothing to compare."""
    name = "+".join(names)
    if len(name) > LONGEST_NAME:
        name = f"{names[0]}-and-{len(names) - 1}-more-{fingerprint(names)[:SHORT]}"
    return Phase(name=name, title=", ".join(names), experiments=names)
