"""Sentences on a winner's test score: what choosing adds to it, and where a final number comes from."""

from orchestrator.store.decision_file import DecisionRecord, WinnerRecord
from orchestrator.wording.numbers import metric_name

# Of an excess that is not 0.000 in the number shown.
VISIBLE = 0.0005


def winner_sentences(record: DecisionRecord) -> list[str]:
    """Say what is corrected, by how much choosing raises the winner's score, and what a final number takes.

    Nothing where no estimate was made.
    """
    found = record.evidence.winner
    if found is None:
        return []
    metric = metric_name(record.evidence.metric)
    bootstrap = f"BBC-CV can't be made ({found.reason})"
    if found.bootstrap_corrected is not None:
        corrected = f"{found.bootstrap_corrected:.3f} (BBC-CV)"
        bootstrap = f"choosing on drawn groups of test images and scoring on the others {corrected}"
    return [
        "Inner validation images of one fold are test images of another, so the test score of the winner is "
        f"selected, too: {found.experiment} has {metric} {found.score:.3f}; choosing in each fold by its own "
        f"validation images gives {found.nested:.3f} (nested estimate), {bootstrap}. "
        f"{_raised(found, is_lower=record.evidence.better_is == 'lower')}",
        _advice(found, record.phase),
    ]


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
        return f"Choosing {verb} it by nothing that these estimates show."
    low, high = max(excess[0], 0.0), excess[-1]
    amount = f"{high:.3f}" if high - low < VISIBLE else f"{low:.3f} to {high:.3f}"
    return f"Choosing {verb} it by about {amount}."
