"""Test score of what a decision chose, and the two estimates of what choosing adds to it.

Inner-validation images of one fold are test images of another, so the mean test score of what is best on
validation rows is selected, too, although no fold is chosen by its own test rows. `statistics.winner` has the
methods. Repeats test the same images again: BBC-CV is made for each of them and averaged. Of a key that is
decided by pairs the two candidates are its values, each with the mean over its experiments.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from orchestrator.analysis.fold_samples import fold_samples
from orchestrator.decisions.decide import Candidate
from orchestrator.statistics.winner import WINNER_DRAWS, bootstrap_corrected_mean, nested_mean
from orchestrator.store.decision_file import FactorRecord, Outcome, WinnerRecord
from orchestrator.store.predictions import DAMAGE
from orchestrator.store.records import Rule
from trainables.errors import InputError
from trainables.evaluation.metrics import LOWER_IS_BETTER

# More digits hang on how a library sums.
DECIMALS = 5


def with_winner(
    outcome: Outcome, candidates: Sequence[Candidate], rule: Rule, *, has_held_out: bool
) -> Outcome:
    """Return an outcome whose evidence says what choosing adds to the chosen one's test score.

    `has_held_out` tells whether the candidates hold images out for the end of the study.

    It is as it was where a fold has no test score, of a single split, whose validation rows are nobody's test
    rows, and of a single candidate, where all others left a race and lack folds. A key whose two values are
    the same was no choice.
    """
    if (
        len(candidates) == 1
        or len(candidates[0].trials) == 1
        or any(len(each.test) == 0 for each in candidates)
    ):
        return outcome
    if outcome.factors:
        by_name = {each.name: each for each in candidates}
        factors = tuple(_with_factor_winner(each, by_name, rule, has_held_out) for each in outcome.factors)
        return outcome.model_copy(update={"factors": factors})
    sides = [[each] for each in candidates]
    chosen = [each.name for each in candidates].index(str(outcome.chosen))
    record = _winner(sides, chosen, rule)
    record = record.model_copy(update={"experiment": outcome.chosen, "has_held_out": has_held_out})
    evidence = outcome.evidence.model_copy(update={"winner": record})
    return outcome.model_copy(update={"evidence": evidence})


def _with_factor_winner(
    factor: FactorRecord, candidates: Mapping[str, Candidate], rule: Rule, has_held_out: bool
) -> FactorRecord:
    if factor.baseline == factor.treatment:
        return factor
    sides = [
        [candidates[pair.baseline] for pair in factor.pairs],
        [candidates[pair.treatment] for pair in factor.pairs],
    ]
    record = _winner(sides, int(factor.value == factor.treatment), rule)
    return factor.model_copy(update={"winner": record.model_copy(update={"has_held_out": has_held_out})})


def _winner(sides: Sequence[Sequence[Candidate]], chosen: int, rule: Rule) -> WinnerRecord:
    """Estimate what choosing among `sides` adds; the score of a side is the mean over its experiments."""
    is_lower = rule.choose in LOWER_IS_BETTER
    deciding = np.stack([np.mean([each.val for each in side], axis=0) for side in sides])
    test = np.stack([np.mean([each.test for each in side], axis=0) for side in sides])
    found = WinnerRecord(
        score=_rounded(test[chosen].mean()),
        nested=_rounded(nested_mean(deciding, test, lower_is_better=is_lower)),
    )
    try:
        corrected = _bootstrap_corrected(sides, rule.choose, is_lower=is_lower)
    except InputError as error:
        return found.model_copy(update={"reason": str(error)})
    except DAMAGE:
        return found.model_copy(update={"reason": "the predictions of a trial can't be read"})
    if corrected is None:
        return found.model_copy(update={"reason": f"{rule.choose} can't be computed for draws of groups"})
    return found.model_copy(update={"bootstrap_corrected": _rounded(corrected), "draws": WINNER_DRAWS})


def _bootstrap_corrected(
    sides: Sequence[Sequence[Candidate]], metric: str, *, is_lower: bool
) -> float | None:
    every = [each for side in sides for each in side]
    members = np.repeat(np.arange(len(sides)), [len(side) for side in sides])
    places, found = sorted(every[0].trials), []
    for repeat in sorted({repeat for repeat, _ in places}):
        samples = fold_samples(
            [each.folders for each in every], [place for place in places if place[0] == repeat]
        )
        found.append(bootstrap_corrected_mean(samples, metric, lower_is_better=is_lower, members=members))
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
