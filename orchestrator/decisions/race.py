"""Race between the candidates of a decision: who leaves before all folds are run.

Folds are run in order over all candidates. Once a fold is complete for all that are still in, there is a look
at the deciding scores of the folds so far; test scores are not looked at. An experiment leaves where it is
worse than each of the `top` best, as many as the rule selects, by more than the rule's rope: by a test whose
levels add up to ALPHA over all looks and over all rivals (`statistics.sequential`), or because perfect scores
on the folds that are left would not bring it up to them. So a candidate that is truly among the `top` best
leaves with a probability of at most ALPHA, as far as the test holds its level: to leave, it has to be found
worse than some rival that is not better. The same is true of one that is within rope of them: a tie goes to
the cheaper, and what may be tied has to stay for it.

Who leaves is a function of the scores alone, and of those who left in the same race before. A look is taken
when each of its trials is finished or has failed, in the order of the folds, so that the order in which
trials end changes nothing. A candidate without a deciding score on some fold can't be judged: it stays, and
leads nobody.

What an ensemble combines stays while the ensemble may still run. Ensembles run when all other folds are
finished, and race then, against those that are left.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.headline import deciding_metric
from orchestrator.analysis.trial_scores import Place, independent_folds, place_name
from orchestrator.config.phase import Phase
from orchestrator.statistics.sequential import beaten_rows, look_levels
from orchestrator.store.race_file import EliminationRecord, UnjudgedRecord
from orchestrator.store.records import Rule
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate

ALPHA = 0.02
FEWEST_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """What a trial that has ended says to a race: its deciding score, and the name of its validation rows.

    Without a score there is a reason.
    """

    score: float | None
    rows: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What is raced over: candidates, in groups that run one after the other, and `places` in their order.

    `keys` are those of the trials, by candidate and place. `staying` can't leave.
    """

    rule: Rule
    heats: tuple[tuple[str, ...], ...]
    staying: frozenset[str]
    places: tuple[Place, ...]
    test_share: float
    keys: Mapping[tuple[str, Place], str]

    @property
    def names(self) -> tuple[str, ...]:
        """All candidates that race."""
        return tuple(name for heat in self.heats for name in heat)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a race is: complete looks of all groups, who left, and who can't be judged."""

    looks: int
    eliminated: tuple[EliminationRecord, ...]
    unjudged: tuple[UnjudgedRecord, ...]


# Covariance of candidates' scores on a fold by what other validation images would change: names, place.
Covariance = Callable[[Sequence[str], Place], np.ndarray]


def race_rule(phase: Phase) -> Rule:
    """Return what a phase races by: its decision; of experiments that nobody compares or decides on, AUC."""
    return phase.decision or Rule(choose=deciding_metric(None), among=phase.experiments)


def why_no_race(phase: Phase) -> str:
    """Say why the experiments of a phase can't race; empty where they can."""
    if phase.decision is None and phase.comparisons:
        return f"{phase.name} compares experiments and chooses none, and for that every fold is needed"
    if phase.decision is not None and phase.decision.factors:
        return f"{phase.name} decides keys by pairs of experiments, and for that every pair is needed"
    if phase.searches:
        return f"{phase.name} searches, and what a search proposes hangs on all folds of every experiment"
    return ""


def run_race(
    course: Course,
    judged: Mapping[tuple[str, Place], Judged],
    *,
    covariance: Covariance,
    gone: Sequence[EliminationRecord] = (),
) -> Standing:
    """Take every look that is complete, in order.

    Args:
        course: who races over what.
        judged: the trials that have ended, by candidate and place.
        covariance: see `Covariance`; where it is NaN, nobody leaves by a test.
        gone: who left this race in an earlier run.
    """
    left = {each.experiment: each for each in gone}
    unjudged: dict[str, str] = {}
    level = look_levels(
        len(course.places), alpha=ALPHA / max(1, len(course.names) - 1), test_share=course.test_share
    )
    looks, entrants = 0, list[str]()
    for heat in course.heats:
        entrants += heat
        # Nobody leaves to save nothing: the last fold has no look.
        for number, place in enumerate(course.places[:-1], start=1):
            if any((name, place) not in judged for name in entrants):
                return _standing(looks, left, unjudged)
            looks += 1
            places = course.places[:number]
            unjudged |= _not_judged(entrants, places, judged)
            racing = [name for name in entrants if name not in unjudged]
            for each in _leaving(course, racing, places, judged, covariance, level.get(number, 0.0)):
                if each.experiment in heat and each.experiment not in course.staying:
                    left.setdefault(each.experiment, each)
            entrants = [name for name in entrants if name not in left or left[name].place != place]
    return _standing(looks, left, unjudged)


def _standing(looks: int, left: Mapping[str, EliminationRecord], unjudged: Mapping[str, str]) -> Standing:
    return Standing(
        looks,
        tuple(left.values()),
        tuple(UnjudgedRecord(experiment=name, reason=reason) for name, reason in unjudged.items()),
    )


def _not_judged(
    entrants: Sequence[str], places: Sequence[Place], judged: Mapping[tuple[str, Place], Judged]
) -> dict[str, str]:
    """Say of each that can't be judged why not: it lacks a score, or has other validation rows than most."""
    found: dict[str, str] = {}
    for place in places:
        rows = Counter(judged[name, place].rows for name in entrants if judged[name, place].score is not None)
        for name in entrants:
            trial = judged[name, place]
            if trial.score is None:
                found.setdefault(name, f"{place_name(place)}: {trial.reason}")
            elif trial.rows != rows.most_common(1)[0][0]:
                found.setdefault(
                    name, f"{place_name(place)}: it was validated on other images than the others"
                )
    return found


def _leaving(
    course: Course,
    names: Sequence[str],
    places: Sequence[Place],
    judged: Mapping[tuple[str, Place], Judged],
    covariance: Covariance,
    level: float,
) -> list[EliminationRecord]:
    """Return who of `names` is beaten on `places`."""
    if len(names) <= course.rule.top:
        return []
    is_lower = course.rule.choose in LOWER_IS_BETTER
    scores = np.array([[judged[name, place].score for place in places] for name in names], dtype=float)
    folds = independent_folds(places)
    # Without a level no test is made, and none of the draws are needed.
    floors = _floors([covariance(names, place) for place in places], folds) if level else None
    best = (0.0, 1.0) if is_rate(course.rule.choose) else (-math.inf, 0.0 if is_lower else math.inf)
    limits = (-best[1], -best[0]) if is_lower and is_rate(course.rule.choose) else best
    found = beaten_rows(
        -scores if is_lower else scores,
        num_folds=len(course.places),
        level=level,
        test_share=course.test_share,
        folds=folds,
        rope=course.rule.rope,
        top=course.rule.top,
        limits=limits,
        floors=floors,
    )
    number = len(places)
    return [
        EliminationRecord(
            experiment=names[each.row],
            repeat=places[-1][0],
            fold=places[-1][1],
            n=number,
            cause="bound" if each.by_bound else "test",
            leader=names[each.leader],
            gap=each.gap,
            p_value=None if math.isnan(each.p_value) else each.p_value,
            level=level or None,
            left_out=tuple(course.keys[names[each.row], place] for place in course.places[number:]),
        )
        for each in found
    ]


def _floors(covariances: Sequence[np.ndarray], folds: int) -> np.ndarray:
    """Return what the error of each mean difference is at least, from covariances by fold, float [K, K]."""
    mean = np.mean(covariances, axis=0)
    variances = mean.diagonal()
    # Repeats score the same images again, so that only the folds of one of them add up.
    return np.asarray(np.sqrt(np.maximum(variances[:, None] + variances - 2.0 * mean, 0.0) / folds))
