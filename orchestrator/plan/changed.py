"""Changes of earlier decisions since a phase was last run: which values, and what they change of its trials.

A decision hands over values, and values alone are part of a trial's key. So whatever a new version of it
changes, only trials with other keys run; what ran before stays in results/ and is found again where a
decision goes back. This module finds out how many that are, before any of them starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from orchestrator.config.earlier_decisions import dotted_values
from orchestrator.plan.plan import PlannedExperiment, StudyPlan
from orchestrator.store.folder import State
from orchestrator.store.records import ExperimentRecord, HandedOver, RecipeRecord
from trainables.recipe import RecipeKeys

# Measured for each model, so not known of one that no run has looked at.
MEASURED = ("precision",)


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A key with its value at the last run and now; each as far as it was handed over."""

    key: str
    before: JsonValue
    now: JsonValue
    has_before: bool = True
    has_now: bool = True


@dataclass(frozen=True, slots=True)
class ChangedDecision:
    """A decision that hands over other values than at the last run of the phase that takes them."""

    phase: str
    version: int
    values: tuple[ChangedValue, ...]


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """What changed of a phase since it was last run, by decisions of others.

    `num_experiments` have other trials than then; of their `num_trials`, `num_kept` are finished already.
    """

    decisions: tuple[ChangedDecision, ...]
    num_experiments: int
    num_trials: int
    num_kept: int


def changed_since(study: StudyPlan) -> ChangedSince | None:
    """Compare a plan with the last run of its phase; None where decisions hand over what they did then."""
    known = study.store.known_study(study.phase.name)
    if known is None:
        return None
    before = {each.phase: each for each in known.handed_over}
    decisions = tuple(
        ChangedDecision(now.phase, now.version, values)
        for now in study.handed_over
        if now.phase in before and (values := _changed_values(before[now.phase], now))
    )
    if not decisions:
        return None
    records = {each.name: each for each in known.experiments}
    changed = {
        each.experiment.name
        for each in study.experiments
        if not _is_as_before(study, each, records.get(each.experiment.name))
    }
    trials = [trial for trial in study.trials if trial.experiment in changed]
    kept = sum(trial.state == State.DONE for trial in trials)
    return ChangedSince(decisions, len(changed), len(trials), kept)


def _changed_values(before: HandedOver, now: HandedOver) -> tuple[ChangedValue, ...]:
    old, new = _handed(before), _handed(now)
    return tuple(
        ChangedValue(key, old.get(key), new.get(key), has_before=key in old, has_now=key in new)
        for key in dict.fromkeys([*old, *new])
        if (key in old, old.get(key)) != (key in new, new.get(key))
    )


def _handed(taken: HandedOver) -> Mapping[str, JsonValue]:
    """What is taken over: values by dotted key, and which experiments were selected."""
    values: dict[str, JsonValue] = dict(dotted_values(taken.values))
    return values | ({"selected": list(taken.selected)} if taken.selected else {})


def _is_as_before(study: StudyPlan, planned: PlannedExperiment, record: ExperimentRecord | None) -> bool:
    """Whether an experiment has the trials of the last run; where its keys are not known yet, its recipe."""
    if record is None:
        return False
    keys = {(trial.repeat, trial.fold): trial.key for trial in record.trials}
    for trial in study.trials:
        if trial.experiment != planned.experiment.name:
            continue
        if not trial.key:
            return _values(planned.experiment) == _values(record.recipe)
        if keys.get((trial.repeat, trial.fold)) != trial.key:
            return False
    return True


def _values(recipe: RecipeKeys | RecipeRecord) -> dict[str, JsonValue]:
    names = {name for name in RecipeKeys.model_fields if name not in MEASURED}
    return recipe.model_dump(mode="json", include=names)
