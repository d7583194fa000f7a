"""Decisions on single keys: each by the pairs of experiments that differ in it, on inner-validation scores.

Of a fold the differences (treatment - baseline) of all pairs of a key are averaged first, so that a fold
counts once however many backbones were tried; the mean over folds has the corrected interval and the Bayesian
correlated t-test of every other comparison. The treatment's value is taken only where it is more than `rope`
better with a probability above SURE. In every other case the baseline's value stays: what is not shown to
help is not done.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orchestrator.analysis.comparing import SURE, oriented
from orchestrator.analysis.trial_scores import independent_folds
from orchestrator.decisions.decide import Candidate, mean_score
from orchestrator.statistics import corrected_interval, posterior_of
from orchestrator.store.decision_file import (
    CandidateRecord,
    EvidenceRecord,
    FactorPair,
    FactorRecord,
    Outcome,
)
from orchestrator.store.records import Factor, Rule
from trainables.errors import InputError
from trainables.evaluation.metrics import LOWER_IS_BETTER
from trainables.files import without_infinities


def choose_values(candidates: Sequence[Candidate], rule: Rule) -> Outcome:
    """Decide every factor of a rule.

    Returns:
        chosen and runner_up (nobody), factors: of each key the values of both sides, the value that is taken,
        decided_by (gain | no gain | same value), the numbers that it rests on, and its pairs; evidence.

    Raises:
        InputError: the pairs of a key do not all have the same two values, or the same folds.
    """
    by_name = {candidate.name: candidate for candidate in candidates}
    return Outcome(
        chosen=None,
        runner_up=None,
        factors=tuple(_decide(factor, by_name, rule) for factor in rule.factors),
        evidence=EvidenceRecord(
            taken_on=candidates[0].taken_on,
            metric=rule.choose,
            better_is="lower" if rule.choose in LOWER_IS_BETTER else "higher",
            sure=SURE,
            candidates=tuple(
                CandidateRecord(experiment=each.name, validation=mean_score(each.val, each, rule.choose))
                for each in candidates
            ),
        ),
    )


def _decide(factor: Factor, candidates: Mapping[str, Candidate], rule: Rule) -> FactorRecord:
    pairs = [(candidates[baseline], candidates[treatment]) for baseline, treatment in factor.pairs]
    baseline, treatment = (_value(factor.key, [pair[side] for pair in pairs]) for side in (0, 1))
    undecided = FactorRecord(
        key=factor.key,
        baseline=baseline,
        treatment=treatment,
        value=baseline,
        pairs=tuple(_pair(*pair) for pair in pairs),
        decided_by="same value",
    )
    if baseline == treatment:
        return undecided
    if any(one.trials.keys() != pairs[0][0].trials.keys() for one, _ in pairs):
        raise InputError(
            f"no decision on {factor.key}: its pairs have other folds or repeats; give all of them the same "
            "protocol, cv_folds and cv_repeats"
        )
    # Rounded, so that what cancels out is 0 and not its last bit.
    differences = np.mean([other.val - one.val for one, other in pairs], axis=0).round(12)
    share = float(np.mean([each.val_share for pair in pairs for each in pair]))
    interval = corrected_interval(differences, test_share=share, folds=independent_folds(pairs[0][0].trials))
    posterior = posterior_of(interval, rope=rule.rope)
    chances = oriented(posterior, rule.choose in LOWER_IS_BETTER)
    numbers = {
        "mean_diff": interval.mean,
        "std_diff": interval.std,
        "ci_low": interval.low,
        "ci_high": interval.high,
        **chances,
    }
    is_gain = chances["p_better"] > SURE
    decided = {
        "value": treatment if is_gain else baseline,
        "decided_by": "gain" if is_gain else "no gain",
        "n": interval.n,
    }
    return undecided.model_copy(update=decided | without_infinities(numbers))


def _value(key: str, side: Sequence[Candidate]) -> Any:
    """The one value of a key that a side has in all pairs."""
    first = side[0].recipe.get(key)
    for other in side[1:]:
        if other.recipe.get(key) != first:
            raise InputError(
                f"no decision on {key}: {side[0].name} has {first} and {other.name} has "
                f"{other.recipe.get(key)}; its pairs need the same two values"
            )
    return first


def _pair(baseline: Candidate, treatment: Candidate) -> FactorPair:
    difference = float(np.mean(treatment.val - baseline.val))
    return FactorPair(baseline=baseline.name, treatment=treatment.name, mean_diff=difference)
