"""Message of a phase in a sentence: its choice with what the test folds say of it, and its answer."""

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.confirmation import Confirmation, confirmation
from orchestrator.store.decision_file import DecisionRecord
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
    """Say what was chosen on which scores, and whether the test folds confirm it; empty where none was."""
    found = confirmation(tables, decision)
    if found is None:
        return ""
    others = [name for name in decision.ties if name != decision.chosen]
    tied = f", in a tie with {' and '.join(others)}" if decision.is_tie and others else ""
    return f"{decision.chosen} is taken on validation scores{tied}; {CONFIRMED[found]}."
