"""Sentences about what is missing: trials that are not finished, and folds that were not asked for."""

from orchestrator.analysis.collect import Tables, num_expected
from orchestrator.store.folder import State

STATES = (State.FAILED, State.UNREADABLE, State.RUNNING, State.INTERRUPTED, State.MISSING, State.ELIMINATED)
MOST_NAMED, MOST_LISTED = 6, 50


def gap_sentences(tables: Tables) -> tuple[str, ...]:
    """Say what is missing; nothing where every planned trial is finished, on every fold of the protocol."""
    failures, lines = tables.failures, []
    asked = sum(len(experiment.trials) for experiment in tables.study.experiments)
    if len(failures):
        counts = failures["state"].value_counts()
        states = ", ".join(f"{counts[state]} {state}" for state in STATES if state in counts)
        lines.append(f"{len(failures)} of {asked} planned trials are not finished: {states}.")
    for experiment in tables.study.experiments:
        planned, expected = len(experiment.trials), num_expected(experiment)
        if planned < expected:
            lines.append(f"{experiment.name}: this run asked for {planned} of {expected} folds only.")
    if not lines:
        return ()
    if len(lines) > MOST_NAMED:
        lines = [*lines[:MOST_NAMED], f"And {len(lines) - MOST_NAMED} further experiments likewise."]
    lines.append("No score is averaged over an incomplete set of folds.")
    if len(failures) > MOST_LISTED:
        lines.append(
            f"Of the trials that are not finished the first {MOST_LISTED} are listed in section Gaps."
        )
    return tuple(lines)
