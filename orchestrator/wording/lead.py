"""Message of a phase in a sentence: its choice with what the test folds say of it, and its answer."""

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.confirmation import Confirmation, confirmation
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import decided_value_text
from orchestrator.wording.sweep_text import tried_text
from orchestrator.wording.verdict import verdict

CONFIRMED: dict[Confirmation, str] = {
    "better": "the test folds confirm it",
    "worse": "the test folds speak against it",
    "equivalent": "on the test folds the two are practically equal",
    "undecided": "the test folds can't confirm it",
    "incomplete": "the test folds are incomplete",
}


def lead_sentence(tables: Tables, decision: DecisionRecord | None) -> str:
    """Say the choice, if there is one, and the answer of the tables, in one voice."""
    said = "" if decision is None else choice_sentence(tables, decision)
    return f"{said} {verdict(tables)}".lstrip()


def choice_sentence(tables: Tables, decision: DecisionRecord) -> str:
    """Say what was chosen on which scores, and whether the test folds confirm it; empty where nothing was."""
    if decision.factors:
        return _values_sentence(decision)
    found = confirmation(tables, decision)
    if found is None:
        return ""
    others = [name for name in decision.ties if name != decision.chosen]
    tied = f", in a tie with {few_named(others)}" if decision.is_tie and others else ""
    tried = tried_text(decision)
    return f"{decision.chosen} is taken{tried} on validation scores{tied}; {CONFIRMED[found]}."


def _values_sentence(decision: DecisionRecord) -> str:
    """Say which keys have a new value and which keep theirs."""
    values = [
        (f"{each.key} = {decided_value_text(each.value)}", each.decided_by) for each in decision.factors
    ]
    taken = [value for value, decided_by in values if decided_by == "gain"]
    kept = [value for value, decided_by in values if decided_by != "gain"]
    stay = f"{_joined(kept)} {'stay' if len(kept) > 1 else 'stays'}" if kept else ""
    if not taken:
        return f"On validation scores no value is changed: {stay}."
    said = f"{_joined(taken)} {'are' if len(taken) > 1 else 'is'} taken on validation scores"
    return f"{said}; {stay}." if kept else f"{said}."


def _joined(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
