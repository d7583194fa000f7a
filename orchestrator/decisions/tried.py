"""Candidates of a decision that a sweep has made: how many there were, and which failed.

A search goes on when a setting fails, and so does the decision: what failed is no candidate, and is named and
counted as tried. A search that is not at its end decides nothing yet, since what it would still propose are
candidates too.
"""

from dataclasses import dataclass

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.tried import has_failed
from orchestrator.decisions.decide import NOT_YET
from orchestrator.store.decision_file import Outcome
from orchestrator.store.records import Rule
from trainables.errors import InputError


@dataclass(frozen=True, slots=True)
class TriedCandidates:
    """A rule among those that did not fail, how many candidates there were with them, and which failed."""

    rule: Rule
    num_tried: int
    failed: tuple[str, ...]

    def told_in(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose evidence says how many were tried."""
        told = {"num_tried": self.num_tried, "failed": self.failed}
        return outcome.model_copy(update={"evidence": outcome.evidence.model_copy(update=told)})


def tried_candidates(tables: Tables, rule: Rule) -> TriedCandidates | None:
    """Return who is left of the candidates of a phase with sweeps; None where no sweep has made any.

    Raises:
        InputError: a search has not proposed everything yet, or too few candidates are left.
    """
    sweeps, names = tables.study.sweeps, set(rule.among)
    if not any(names & set(each.experiments) for each in sweeps):
        return None
    for sweep in sweeps:
        if len(sweep.settings) < sweep.num_planned:
            raise InputError(
                f"{NOT_YET}the search from {sweep.base} has proposed {len(sweep.settings)} of "
                f"{sweep.num_planned} settings; run the phase to its end"
            )
    searched = {name for each in sweeps if each.is_search for name in each.experiments}
    failed = tuple(
        name
        for name in rule.among
        if name in searched and name in tables.experiments and has_failed(tables.experiments[name])
    )
    left = tuple(name for name in rule.among if name not in failed)
    if len(left) < 2:
        raise InputError(
            f"{NOT_YET}of {len(rule.among)} settings {len(failed)} have failed; see failures.csv"
        )
    if failed:
        rule = rule.model_copy(update={"among": left})
    return TriedCandidates(rule, len(left) + len(failed), failed)
