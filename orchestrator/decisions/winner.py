"""Test score of the experiment that a decision chose, and the two estimates of what choosing adds to it.

Inner-validation images of one fold are test images of another, so the mean test score of what is best on
validation rows is selected, too, although no fold is chosen by its own test rows. `statistics.winner` has the
methods. Repeats test the same images again: BBC-CV is made for each of them and averaged.
"""

from collections.abc import Sequence

import numpy as np

from orchestrator.analysis.fold_samples import fold_samples
from orchestrator.decisions.decide import Candidate
from orchestrator.statistics.winner import WINNER_DRAWS, bootstrap_corrected_mean, nested_mean
from orchestrator.store.decision_file import Outcome, WinnerRecord
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

    It is as it was where no experiment is chosen, where a fold has no test score, and of a single split,
    whose validation rows are nobody's test rows.
    """
    if outcome.chosen is None or len(candidates[0].trials) == 1:
        return outcome
    if any(len(each.test) == 0 for each in candidates):
        return outcome
    record = _winner(outcome.chosen, candidates, rule).model_copy(update={"has_held_out": has_held_out})
    evidence = outcome.evidence.model_copy(update={"winner": record})
    return outcome.model_copy(update={"evidence": evidence})


def _winner(chosen: str, candidates: Sequence[Candidate], rule: Rule) -> WinnerRecord:
    is_lower = rule.choose in LOWER_IS_BETTER
    deciding = np.stack([each.val for each in candidates])
    test = np.stack([each.test for each in candidates])
    names = [each.name for each in candidates]
    found = WinnerRecord(
        experiment=chosen,
        score=_rounded(test[names.index(chosen)].mean()),
        nested=_rounded(nested_mean(deciding, test, lower_is_better=is_lower)),
    )
    try:
        corrected = _bootstrap_corrected(candidates, rule.choose, is_lower=is_lower)
    except InputError as error:
        return found.model_copy(update={"reason": str(error)})
    except DAMAGE:
        return found.model_copy(update={"reason": "the predictions of a trial can't be read"})
    if corrected is None:
        return found.model_copy(update={"reason": f"{rule.choose} can't be computed for draws of groups"})
    return found.model_copy(update={"bootstrap_corrected": _rounded(corrected), "draws": WINNER_DRAWS})


def _bootstrap_corrected(candidates: Sequence[Candidate], metric: str, *, is_lower: bool) -> float | None:
    places = sorted(candidates[0].trials)
    folders = [each.folders for each in candidates]
    found = []
    for repeat in sorted({repeat for repeat, _ in places}):
        samples = fold_samples(folders, [place for place in places if place[0] == repeat])
        found.append(bootstrap_corrected_mean(samples, metric, lower_is_better=is_lower))
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
