"""Choice between experiments on inner-validation scores: the rule of a phase, applied.

Test scores are put beside the choice and never read by it (Cawley & Talbot 2010, "On over-fitting in model
selection"); `winner` says what choosing adds to them all the same. What decides is the deciding score,
cross-fitted between the two halves of the inner validation part. Where a candidate has none (of an earlier
version, or too few groups for halves), all candidates are judged by the validation score of their best epoch,
and the evidence says so.

The best mean over folds wins alone only where it is better than every other candidate by more than rope with
a probability above SURE, by the Bayesian correlated t-test (Benavoli et al. 2017). Those that it is not
surely better than are tied with it, and a tie goes to the cheapest of the tied. On a single split the
probability is that of other validation images (`single_split`); where there is none at all, all are tied.

Cheaper is a property of the model, never of the moment in which it was trained: fewer operations for one
image (FLOPs), then fewer parameters, then the better mean, then the name. Where one of the tied has no count
of FLOPs (a trial of an earlier version), parameters decide. A kernel machine learns from its validation rows
too, and is no candidate.

Folds are paired: candidates must have been validated on the same images. The share that corrects for common
training images is n_val / n_train of these splits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import JsonValue

from orchestrator.analysis.collect import ALL, Tables
from orchestrator.analysis.comparing import SURE, oriented
from orchestrator.analysis.trial_scores import DECIDING, Place, TrialScores, independent_folds, place_name
from orchestrator.decisions.single_split import single_split_posterior
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
from orchestrator.store.records import ExperimentRecord, Rule
from trainables.errors import InputError, Problems
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate
from trainables.files import without_infinities
from trainables.recipe import RecipeKeys

CROSS_FITTED = "inner validation rows, cross-fitted between their halves"
BEST_EPOCH = "inner validation rows at the best epoch"
NOT_YET = "no decision yet: "
# Measured for each model and device, and no choice of the phase.
NOT_HANDED_OVER = ("precision",)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A finished experiment: its scores on validation rows by fold, and test scores beside them, float [n].

    `val` are deciding scores, or those of the best epoch where `taken_on` says so; it is the same for all
    candidates of a decision. `test` is empty where a fold has no test score.
    """

    name: str
    record: ExperimentRecord
    trials: Mapping[Place, TrialScores]
    folders: Mapping[Place, Path]
    val: np.ndarray
    test: np.ndarray
    taken_on: str

    @property
    def recipe(self) -> dict[str, JsonValue]:
        """What decided its numbers, as JSON has it."""
        return self.record.recipe.plain()

    @property
    def mean(self) -> float:
        """Mean validation score over folds."""
        return float(np.mean(self.val))

    @property
    def flops_per_image(self) -> int | None:
        """The largest number of operations for an image of a trial; None where one did not count them."""
        return _largest([trial.flops_per_image for trial in self.trials.values()])

    @property
    def parameters(self) -> int | None:
        """The largest number of parameters of a trial; None where one did not count them."""
        return _largest([trial.parameters for trial in self.trials.values()])

    @property
    def val_share(self) -> float:
        """n_val / n_train."""
        trials = self.trials.values()
        return sum(trial.n_val for trial in trials) / sum(trial.n_train - trial.n_val for trial in trials)


def _largest(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return max(known) if len(known) == len(counts) else None


def read_candidates(tables: Tables, rule: Rule) -> tuple[Candidate, ...]:
    """Read the experiments that the rule chooses among, but for those that left a race.

    Args:
        tables: what `collect` gave.
        rule: what is chosen, and on which experiments.

    Raises:
        InputError: one is incomplete, has no validation score, or was validated on other images.
    """
    problems: list[str] = []
    candidates: list[Candidate] = []
    names = _still_in(tables, rule)
    reason = _no_deciding(tables, names, rule.choose)
    split, taken_on = ("val", f"{BEST_EPOCH}: {reason}") if reason else (DECIDING, CROSS_FITTED)
    for name in names:
        if name not in tables.experiments:
            problems.append(f"{name}: the last run of the phase left it out")
            continue
        try:
            candidates.append(_read_candidate(tables, name, rule.choose, split=split, taken_on=taken_on))
        except InputError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise Problems(f"{NOT_YET}{problem}" for problem in problems)
    by_name = {candidate.name: candidate for candidate in candidates}
    pairs = [pair for factor in rule.factors for pair in factor.pairs]
    for one, other in pairs or [(names[0], name) for name in names[1:]]:
        _check_pair(by_name[one], by_name[other], "factors" if pairs else "among")
    return tuple(candidates)


def _still_in(tables: Tables, rule: Rule) -> list[str]:
    """Name the candidates that did not leave a race."""
    found = {name: tables.experiments.get(name) for name in rule.names}
    return [name for name, each in found.items() if each is None or each.elimination is None]


def _no_deciding(tables: Tables, names: Sequence[str], metric: str) -> str:
    """Say which candidate has no deciding scores, and why; empty where all have them in every fold."""
    for name in names:
        experiment = tables.experiments.get(name)
        if experiment is None:
            continue
        known = _by_fold(tables.scores, name, DECIDING, metric)
        for place, trial in sorted(experiment.trials.items()):
            if place not in known:
                lacking = f"it has no {metric} on both halves of its validation part"
                return f"{name} has no deciding scores ({place_name(place)}: {trial.no_deciding or lacking})"
    return ""


def _check_pair(first: Candidate, other: Candidate, kind: str) -> None:
    for place in sorted(first.trials.keys() | other.trials.keys()):
        rows = [each.trials[place].val_rows if place in each.trials else None for each in (first, other)]
        if rows[0] != rows[1]:
            raise InputError(
                f"no decision: {first.name} and {other.name} were not validated on the same images "
                f"({place_name(place)}), so their scores can't be paired; leave one out of decision.{kind}"
            )


def choose(candidates: Sequence[Candidate], rule: Rule) -> Outcome:
    """Apply the rule among experiments.

    Returns:
        chosen, runner_up (the best of the others), is_tie, ties (all that are tied, the chosen one included,
        or nothing), decided_by (score | flops | parameters | name, or race where all others left one, so
        that there is no runner_up), evidence; with `top` above 1 also selected, the names in their order, and
        places, how each was come by.
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
    ties = [each for each in ranked if each is best or not _is_beaten(against_best[each.name])]
    chosen, decided_by = _cheapest(ties, sign) if len(ties) > 1 else (best, "score")
    others = [each for each in ranked if each is not chosen]
    return Outcome(
        chosen=chosen.name,
        runner_up=others[0].name if others else None,
        is_tie=len(ties) > 1,
        ties=tuple(each.name for each in ties) if len(ties) > 1 else (),
        decided_by=decided_by if others else "race",
        evidence=EvidenceRecord(
            taken_on=best.taken_on,
            metric=rule.choose,
            better_is="lower" if sign < 0 else "higher",
            sure=SURE,
            best_mean=best.name,
            candidates=tuple(_evidence(each, against_best.get(each.name), rule.choose) for each in ranked),
            chosen_against_runner_up=_against(others[0], chosen, rule) if others else None,
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


def _read_candidate(tables: Tables, name: str, metric: str, *, split: str, taken_on: str) -> Candidate:
    experiment = tables.experiments[name]
    for place, problem in sorted(experiment.problems.items()):
        raise InputError(f"{place_name(place)} is {problem.state}: {problem.reason}")
    trials = dict(sorted(experiment.trials.items()))
    if len(trials) != experiment.expected:
        raise InputError(f"the last run asked for {len(trials)} of {experiment.expected} folds")
    if not any(trial.n_val for trial in trials.values()):
        raise InputError("it keeps no validation rows to decide on; leave it out of decision.among")
    val, test = (_by_fold(tables.scores, name, each, metric) for each in (split, "test"))
    for place in trials:
        if place not in val:
            raise InputError(f"{place_name(place)} has no {metric} on its validation rows (one class?)")
    return Candidate(
        name,
        experiment.record,
        trials,
        experiment.folders,
        np.array([val[place] for place in trials]),
        # An incomplete set of folds is never averaged.
        np.array([test[place] for place in trials] if all(place in test for place in trials) else []),
        taken_on,
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


def _against(baseline: Candidate, treatment: Candidate, rule: Rule) -> PairedDifference:
    """Compare validation scores, treatment - baseline."""
    share, folds = (baseline.val_share + treatment.val_share) / 2, independent_folds(baseline.trials)
    test = corrected_paired_t_test(baseline.val, treatment.val, test_share=share, folds=folds)
    if len(baseline.val) == 1:
        (place,) = baseline.trials
        folders = (baseline.folders[place], treatment.folders[place])
        difference = float(treatment.val[0] - baseline.val[0])
        found = single_split_posterior(folders, rule.choose, difference=difference, rope=rule.rope)
    else:
        found = correlated_t(treatment.val - baseline.val, test_share=share, rope=rule.rope, folds=folds)
    numbers = {
        "mean_diff": test.difference.mean,
        "ci_low": test.difference.low,
        "ci_high": test.difference.high,
        "p_value": test.p_value,
        **oriented(found, rule.choose in LOWER_IS_BETTER),
    }
    return PairedDifference(baseline=baseline.name, treatment=treatment.name, **without_infinities(numbers))


def _is_beaten(against_best: PairedDifference) -> bool:
    """Tell whether the best is surely better; without a probability it is not."""
    return against_best.p_worse is not None and against_best.p_worse > SURE


def _cheapest(ties: Sequence[Candidate], sign: float) -> tuple[Candidate, str]:
    """Choose among the tied; say what told them apart."""
    left = list(ties)
    counts: dict[str, Callable[[Candidate], int | None]] = {
        "flops": lambda each: each.flops_per_image,
        "parameters": lambda each: each.parameters,
    }
    for decided_by, count in counts.items():
        known = [number for each in left if (number := count(each)) is not None]
        if len(known) == len(left):
            left = [each for each in left if count(each) == min(known)]
        if len(left) == 1:
            return left[0], decided_by
    top = max(sign * each.mean for each in left)
    left = [each for each in left if sign * each.mean == top]
    return min(left, key=lambda each: each.name), "score" if len(left) == 1 else "name"


def _evidence(candidate: Candidate, against_best: PairedDifference | None, metric: str) -> CandidateRecord:
    measured = candidate.record.measurement
    return CandidateRecord(
        experiment=candidate.name,
        validation=mean_score(candidate.val, candidate, metric),
        against_best=against_best,
        flops_per_image=candidate.flops_per_image,
        parameters=candidate.parameters,
        images_per_s=None if measured is None else measured.choice.images_per_s,
        measured_on="" if measured is None else measured.place,
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
