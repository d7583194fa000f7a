"""Sentences on earlier decisions that changed since a phase was last run, and on what that changes."""

from pydantic import JsonValue

from orchestrator.plan.changed import ChangedDecision, ChangedSince, ChangedValue
from orchestrator.wording.numbers import decided_value_text

# What is not handed over is as the experiment files have it.
FILES = "as its files have it"


def changed_sentences(changed: ChangedSince | None, *, phase: str, results: str) -> list[str]:
    """Say which decisions changed since a phase was last run, and how much of it runs again.

    Args:
        changed: what a plan found; None = nothing.
        phase: the phase that is run.
        results: the folder of results, for what stays there.
    """
    if changed is None:
        return []
    what = "; ".join(_decision(each, phase) for each in changed.decisions)
    number = changed.num_experiments
    if not number:
        return [f"{what}: no experiment changes by that, and nothing runs again for it."]
    changes = f"{number} experiments change" if number > 1 else "1 experiment changes"
    trials = f"{changed.num_kept} of their {changed.num_trials} trials can be kept"
    return [f"{what}: {changes}, {trials}; results of before stay in {results}."]


def _decision(found: ChangedDecision, phase: str) -> str:
    values = ", ".join(map(_value, found.values))
    since = f"The decision of {found.phase} changed since {phase} was last run"
    return f"{since}: {values} (version {found.version})"


def _value(found: ChangedValue) -> str:
    before = _text(found.before) if found.has_before else FILES
    now = _text(found.now) if found.has_now else FILES
    return f"{found.key} was {before}, is {now}"


def _text(value: JsonValue) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else decided_value_text(value)
