"""Sentences on a winner's test score: what choosing adds to it, and where a final number comes from."""

from orchestrator.store.decision_file import DecisionRecord, WinnerRecord
from orchestrator.wording.numbers import capital, decided_value_text, metric_name

# Of an excess that is not 0.000 in the number shown.
VISIBLE = 0.0005


def winner_sentences(record: DecisionRecord) -> list[str]:
    """Say what is corrected, by how much choosing raises the winner's score, and what a final number takes.

    Nothing where no estimate was made.
    """
    found = [
        (f"{factor.key} = {decided_value_text(factor.value)}", factor.winner)
        for factor in record.factors
        if factor.winner
    ]
    if record.evidence.winner is not None:
        found = [(record.evidence.winner.experiment, record.evidence.winner)]
    if not found:
        return []
    metric, is_lower = metric_name(record.evidence.metric), record.evidence.better_is == "lower"
    among = ""
    if record.eliminated:
        among = f" among the {len(record.evidence.candidates)} candidates that ran all folds"
    told = "; ".join(_estimates(name, winner, metric, is_lower=is_lower) for name, winner in found)
    return [
        "Inner validation images of one fold are test images of another, so the test score of the winner is "
        f"selected, too. Beside it stand what choosing in each fold by its own validation images gives "
        "(nested estimate), and what choosing on drawn groups of test images gives on the others (BBC-CV)"
        f"{among}: {told}.{_covered(record)}",
        _advice(found[0][1], record.phase),
    ]


def winner_line(record: DecisionRecord) -> str:
    """Say in short the test score of the chosen experiment and both estimates; empty where none was made."""
    found = record.evidence.winner
    if found is None or record.factors:
        return ""
    bootstrap = "" if found.bootstrap_corrected is None else f", BBC-CV {found.bootstrap_corrected:.3f}"
    return (
        f"{capital(metric_name(record.evidence.metric))} {found.score:.3f} on the test folds; without what "
        f"choosing adds: nested estimate {found.nested:.3f}{bootstrap}."
    )


def _covered(record: DecisionRecord) -> str:
    """Say how many candidates of sweeps the estimates choose among."""
    evidence = record.evidence
    if evidence.num_tried is None:
        return ""
    left = evidence.num_tried - len(evidence.failed)
    failed = f"; {len(evidence.failed)} more failed, and can't be part of it" if evidence.failed else ""
    return f" Both estimates choose among all {left} candidates{failed}."


def _estimates(name: str, found: WinnerRecord, metric: str, *, is_lower: bool) -> str:
    bootstrap = f"BBC-CV can't be made ({found.reason})"
    if found.bootstrap_corrected is not None:
        bootstrap = f"BBC-CV {found.bootstrap_corrected:.3f}"
    raised = _raised(found, is_lower=is_lower)
    return f"{name} has {metric} {found.score:.3f}, nested {found.nested:.3f}, {bootstrap}: {raised}"


def _advice(found: WinnerRecord, phase: str) -> str:
    """Where a number comes from that no choice has touched."""
    opens = f"python -m orchestrator final {phase}"
    if found.has_held_out:
        return f"A final number comes from the images that no fold holds: {opens} opens them, once."
    return (
        "For a final number, hold images out of all folds before a study (--set holdout_final=0.15), and "
        f"open them once at its end: {opens}."
    )


def _raised(found: WinnerRecord, *, is_lower: bool) -> str:
    """By how much choosing makes the winner's score better, by both estimates."""
    estimates = [each for each in (found.nested, found.bootstrap_corrected) if each is not None]
    excess = sorted((each - found.score) * (1 if is_lower else -1) for each in estimates)
    verb = "lowers" if is_lower else "raises"
    if excess[-1] < VISIBLE:
        return f"choosing {verb} it by nothing that these estimates show"
    low, high = max(excess[0], 0.0), excess[-1]
    amount = f"{high:.3f}" if high - low < VISIBLE else f"{low:.3f} to {high:.3f}"
    return f"choosing {verb} it by about {amount}"
