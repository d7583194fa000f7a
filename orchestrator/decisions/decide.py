"""Choice between experiments on inner-validation scores: the rule of a phase, applied.

Test scores are not used for selection (Cawley & Talbot 2010, "On over-fitting in model selection"): they are
put beside the choice and never read by it. The best mean over folds of the metric wins. A candidate whose
mean lies within +-rope of the best one's is tied with it, and a tie goes to the cheapest of the tied; the
evidence says how probable it is that the two are equal, which few folds seldom prove.

Cost is training seconds x what they were spent on: CPU threads, or one GPU. Times are noisy, so costs within
SAME_COST of the lowest count as equal; then the fewest parameters decide, then the better mean, then the
name.
Where tied candidates ran on different devices, or seconds were not written down, parameters decide alone.

Folds are paired: candidates must have been validated on the same images. The share that corrects for common
training images is n_val / n_train of these splits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import JsonValue

from orchestrator.analysis.collect import ALL, Tables
from orchestrator.analysis.comparing import oriented
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import Place, TrialScores, independent_folds, is_one_device
from orchestrator.statistics import (
    corrected_interval,
    corrected_paired_t_test,
    corrected_rate,
    correlated_t,
)
from orchestrator.store.decision_file import (
    CandidateRecord,
    EvidenceRecord,
    MeanScore,
    Outcome,
    PairedDifference,
    PlaceRecord,
)
from orchestrator.store.records import Rule
from trainables.errors import InputError
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate
from trainables.files import without_infinities
from trainables.recipe import RecipeKeys

SAME_COST = 0.1
NOT_YET = "no decision yet: "
# Measured for each model and device, and no choice of the phase.
NOT_HANDED_OVER = ("precision",)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A finished experiment: validation scores by fold (float [n]), test scores beside, and what it cost.

    `test` is empty where a fold has no test score.
    `cost` is the mean of a trial in seconds x threads (cpu) or seconds (cuda); `device` is "cpu", "cuda", or
    both where its trials ran on both.
    """

    name: str
    recipe: Mapping[str, JsonValue]
    trials: Mapping[Place, TrialScores]
    folders: Mapping[Place, Path]
    val: np.ndarray
    test: np.ndarray

    @property
    def mean(self) -> float:
        """Mean validation score over folds."""
        return float(np.mean(self.val))

    @property
    def cost(self) -> float | None:
        """Mean cost of a trial; None where one did not write it down."""
        costs = [trial.spent_seconds for trial in self.trials.values()]
        known = [cost for cost in costs if cost is not None]
        return float(np.mean(known)) if len(known) == len(costs) else None

    @property
    def device(self) -> str:
        """What it was trained on."""
        return "+".join(sorted({trial.device for trial in self.trials.values()}))

    @property
    def parameters(self) -> int | None:
        """The largest number of parameters of a trial; None where one did not count them."""
        counts = [trial.parameters for trial in self.trials.values()]
        known = [count for count in counts if count is not None]
        return max(known) if len(known) == len(counts) else None

    @property
    def val_share(self) -> float:
        """n_val / n_train."""
        trials = self.trials.values()
        return sum(trial.n_val for trial in trials) / sum(trial.n_train - trial.n_val for trial in trials)


def read_candidates(tables: Tables, rule: Rule) -> tuple[Candidate, ...]:
    """Read the experiments that the rule chooses among.

    Args:
        tables: what `collect` gave.
        rule: what is chosen, and on which experiments.

    Raises:
        InputError: one is incomplete, has no validation score, or was validated on other images.
    """
    problems: list[str] = []
    candidates: list[Candidate] = []
    for name in rule.names:
        if name not in tables.experiments:
            problems.append(f"{name}: the last run of the phase left it out")
            continue
        try:
            candidates.append(_read_candidate(tables.experiments[name], rule.choose, tables.scores))
        except InputError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise InputError("\n".join(f"{NOT_YET}{problem}" for problem in problems))
    by_name = {candidate.name: candidate for candidate in candidates}
    pairs = [pair for factor in rule.factors for pair in factor.pairs]
    for one, other in pairs or [(rule.names[0], name) for name in rule.names[1:]]:
        _check_pair(by_name[one], by_name[other], "factors" if pairs else "among")
    return tuple(candidates)


def _check_pair(first: Candidate, other: Candidate, kind: str) -> None:
    for place, trial in first.trials.items():
        if place not in other.trials or trial.val_rows != other.trials[place].val_rows:
            raise InputError(
                f"no decision: {first.name} and {other.name} were not validated on the same images "
                f"({_called(place)}), so their scores can't be paired; leave one out of decision.{kind}"
            )


def choose(candidates: Sequence[Candidate], rule: Rule) -> Outcome:
    """Apply the rule among experiments.

    Returns:
        chosen, runner_up (the best of the others), is_tie, ties (all that are tied, the chosen one included,
        or nothing), decided_by (score | cost | parameters | name), evidence; with `top` above 1 also
        selected, the names in their order, and places, how each was come by.
    """
    first = _choose_one(candidates, rule)
    if rule.top == 1:
        return first
    places, left = [_place(first)], [each for each in candidates if each.name != first.chosen]
    while left and len(places) < rule.top:
        if len(left) == 1:
            # Nobody is left to be compared with.
            places.append(PlaceRecord(chosen=left[0].name, is_tie=False, ties=(), decided_by="score"))
        else:
            places.append(_place(_choose_one(left, rule)))
        left = [each for each in left if each.name != places[-1].chosen]
    selected = tuple(place.chosen for place in places)
    return first.model_copy(update={"selected": selected, "places": tuple(places)})


def _place(outcome: Outcome) -> PlaceRecord:
    return PlaceRecord(
        chosen=str(outcome.chosen),
        is_tie=outcome.is_tie,
        ties=outcome.ties,
        decided_by=outcome.decided_by,
    )


def _choose_one(candidates: Sequence[Candidate], rule: Rule) -> Outcome:
    sign = -1.0 if rule.choose in LOWER_IS_BETTER else 1.0
    ranked = sorted(candidates, key=lambda each: (-sign * each.mean, each.name))
    best = ranked[0]
    against_best = {each.name: _against(best, each, rule) for each in ranked[1:]}
    ties = [each for each in ranked if each is best or _is_tie(against_best[each.name], rule)]
    chosen, decided_by = _cheapest(ties, sign) if len(ties) > 1 else (best, "score")
    others = [each for each in ranked if each is not chosen]
    return Outcome(
        chosen=chosen.name,
        runner_up=others[0].name,
        is_tie=len(ties) > 1,
        ties=tuple(each.name for each in ties) if len(ties) > 1 else (),
        decided_by=decided_by,
        evidence=EvidenceRecord(
            taken_on="inner validation rows",
            metric=rule.choose,
            better_is="lower" if sign < 0 else "higher",
            best_mean=best.name,
            same_cost=SAME_COST,
            candidates=tuple(_evidence(each, against_best.get(each.name), rule.choose) for each in ranked),
            chosen_against_runner_up=_against(others[0], chosen, rule),
        ),
    )


def differing_keys(chosen: str, recipes: Mapping[str, Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return the chosen recipe's values of the keys in which the candidates differ.

    These are what the phase decided: the keys of an experiment file, objects (optimizer, scheduler, loss)
    with their differing keys alone. What was found out for each model on its own (precision) is left out.
    """
    names = [name for name in RecipeKeys.model_fields if name not in NOT_HANDED_OVER]
    own = {name: recipes[chosen][name] for name in names if name in recipes[chosen]}
    others = [recipe for name, recipe in recipes.items() if name != chosen]
    return _differing(own, others)


def _differing(
    own: Mapping[str, JsonValue], others: Sequence[Mapping[str, JsonValue]]
) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, value in own.items():
        theirs = [other.get(name) for other in others]
        if all(other == value for other in theirs):
            continue
        if isinstance(value, Mapping) and all(isinstance(other, Mapping) for other in theirs):
            found[name] = _differing(value, [other for other in theirs if isinstance(other, Mapping)])
        else:
            found[name] = value
    return found


def _read_candidate(experiment: Gathered, metric: str, scores: pd.DataFrame) -> Candidate:
    for place, problem in sorted(experiment.problems.items()):
        raise InputError(f"{_called(place)} is {problem.state}: {problem.reason}")
    trials = dict(sorted(experiment.trials.items()))
    if len(trials) != experiment.expected:
        raise InputError(f"the last run asked for {len(trials)} of {experiment.expected} folds")
    if not any(trial.n_val for trial in trials.values()):
        raise InputError("it keeps no validation rows to decide on; leave it out of decision.among")
    val, test = (_by_fold(scores, experiment.name, split, metric) for split in ("val", "test"))
    for place in trials:
        if place not in val:
            raise InputError(f"{_called(place)} has no {metric} on its validation rows (one class?)")
    return Candidate(
        experiment.name,
        experiment.record.recipe.plain(),
        trials,
        experiment.folders,
        np.array([val[place] for place in trials]),
        # An incomplete set of folds is never averaged.
        np.array([test[place] for place in trials] if all(place in test for place in trials) else []),
    )


def _by_fold(scores: pd.DataFrame, name: str, split: str, metric: str) -> dict[Place, float]:
    chosen = scores[
        (scores["experiment"] == name)
        & (scores["split"] == split)
        & (scores["source"] == ALL)
        & (scores["metric"] == metric)
    ].dropna(subset=["value"])
    places = zip(chosen["repeat"].tolist(), chosen["fold"].tolist(), strict=True)
    return dict(zip(places, chosen["value"].tolist(), strict=True))


def _called(place: Place) -> str:
    return f"fold {place[1]}" if place[0] == 0 else f"repeat {place[0]} fold {place[1]}"


def _against(baseline: Candidate, treatment: Candidate, rule: Rule) -> PairedDifference:
    """Compare validation scores, treatment - baseline."""
    share, folds = (baseline.val_share + treatment.val_share) / 2, independent_folds(baseline.trials)
    test = corrected_paired_t_test(baseline.val, treatment.val, test_share=share, folds=folds)
    found = correlated_t(treatment.val - baseline.val, test_share=share, rope=rule.rope, folds=folds)
    numbers = {
        "mean_diff": test.difference.mean,
        "ci_low": test.difference.low,
        "ci_high": test.difference.high,
        "p_value": test.p_value,
        **oriented(found, rule.choose in LOWER_IS_BETTER),
    }
    return PairedDifference(baseline=baseline.name, treatment=treatment.name, **without_infinities(numbers))


def _is_tie(against_best: PairedDifference, rule: Rule) -> bool:
    # Means that differ by exactly rope must not be told apart by their last bit.
    return abs(against_best.mean_diff) <= rule.rope + 1e-12


def least_costs(costs: Mapping[str, float | None], devices: Mapping[str, str]) -> list[str] | None:
    """Name those that cost no more than SAME_COST above the cheapest; None where costs can't be compared.

    Args:
        costs: of a trial, by name; None where a trial did not write it down.
        devices: what each was trained on, as `Candidate.device`.
    """
    known = {name: cost for name, cost in costs.items() if cost is not None}
    if len(known) < len(costs) or not is_one_device(devices.values()):
        return None
    most = min(known.values()) * (1.0 + SAME_COST)
    return [name for name, cost in known.items() if cost <= most]


def _cheapest(ties: Sequence[Candidate], sign: float) -> tuple[Candidate, str]:
    """Choose among the tied; say what told them apart."""
    least = least_costs({each.name: each.cost for each in ties}, {each.name: each.device for each in ties})
    left = list(ties) if least is None else [each for each in ties if each.name in least]
    if len(left) == 1:
        return left[0], "cost"
    counts = [each.parameters for each in left]
    known = [count for count in counts if count is not None]
    if len(known) == len(counts):
        left = [each for each in left if each.parameters == min(known)]
        if len(left) == 1:
            return left[0], "parameters"
    top = max(sign * each.mean for each in left)
    left = [each for each in left if sign * each.mean == top]
    return min(left, key=lambda each: each.name), "score" if len(left) == 1 else "name"


def _evidence(candidate: Candidate, against_best: PairedDifference | None, metric: str) -> CandidateRecord:
    return CandidateRecord(
        experiment=candidate.name,
        validation=mean_score(candidate.val, candidate, metric),
        against_best=against_best,
        cost_a_trial=candidate.cost,
        cost_unit="thread seconds" if candidate.device == "cpu" else "seconds",
        device=candidate.device,
        parameters=candidate.parameters,
        test_beside_it=mean_score(candidate.test, candidate, metric, has_interval=False)
        if len(candidate.test)
        else None,
    )


def mean_score(
    values: np.ndarray, candidate: Candidate, metric: str, *, has_interval: bool = True
) -> MeanScore:
    """Return n, mean and std of a candidate's scores by fold and, of validation scores, an interval."""
    share, folds = candidate.val_share, independent_folds(candidate.trials)
    if is_rate(metric):
        interval = corrected_rate(values, test_share=share, folds=folds, step=0.0)
    else:
        interval = corrected_interval(values, test_share=share, folds=folds)
    numbers = {"mean": interval.mean, "std": interval.std}
    if has_interval:
        numbers |= {"ci_low": interval.low, "ci_high": interval.high}
    return MeanScore(n=interval.n, **without_infinities(numbers))
