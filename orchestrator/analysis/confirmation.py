"""Confirmation of a choice that was taken on validation scores, by the test folds.

Test scores have no say in the choice. Asked afterwards, they confirm it, speak against it, find both sides
equal, or can't tell.
"""

from typing import Literal

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.comparing import compare_pair, verdict_of
from orchestrator.store.decision_file import DecisionRecord

Confirmation = Literal["better", "worse", "equivalent", "undecided", "incomplete"]
TURNED: dict[str, Confirmation] = {"better": "worse", "worse": "better"}


def confirmation(tables: Tables, decision: DecisionRecord) -> Confirmation | None:
    """Judge the chosen experiment against the runner-up on the test folds, by the metric of the decision.

    Where the phase declares this comparison its verdict is taken, which is corrected for all that were
    declared. None where no single experiment was chosen, or its trials are not at hand.
    """
    chosen, other = decision.chosen, decision.runner_up
    metric = decision.evidence.metric
    if chosen is None or other is None or decision.selected:
        return None
    declared = tables.comparisons[tables.comparisons["metric"] == metric]
    for baseline, treatment in ((other, chosen), (chosen, other)):
        rows = declared[(declared["baseline"] == baseline) & (declared["treatment"] == treatment)]
        if len(rows):
            verdict: Confirmation = rows.iloc[0]["verdict"]
            return verdict if treatment == chosen else TURNED.get(verdict, verdict)
    if chosen not in tables.experiments or other not in tables.experiments:
        return None
    sides = (tables.experiments[other], tables.experiments[chosen])
    row, _ = compare_pair(sides, metric, rope=decision.rule.rope)
    # A row has a verdict of its own where no test can give one: incomplete, or undecided.
    found: Confirmation = row.get("verdict") or verdict_of(row, row["p_value"])  # type: ignore[assignment]
    return found
