"""Contrasts: weighted sums of the scores of experiments, paired by fold, with interval and test.

A gain of a choice is one (treatments minus baselines), a difference of two gains another. Values are summed
fold by fold first, so that a fold counts once however many experiments there are. The mean over folds has
the corrected interval and test of every other comparison, and its standard error the same floor. Where an
experiment lacks a fold, or was tested on other rows, there is no sum but a reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

from orchestrator.analysis.comparing import SIGNIFICANT, SURE, other_rows, test_share
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import ALL
from orchestrator.analysis.verdict_limits import contrast_floor
from orchestrator.statistics import corrected_t_test, holm
from orchestrator.statistics.chosen_pair import MIN_FOLDS
from orchestrator.statistics.intervals import CONFIDENCE, t_quantile
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate

SINGLE_SPLIT = "a single split has no spread over folds, which gives no interval and no test"
TWO_FOLDS = "two folds give no verdict: their spread says next to nothing"
CEILING = "all are at {best:.3f} on every fold, so these images are too easy to tell them apart"
NO_SPREAD = "neither the folds nor draws of their test images vary, which gives no interval and no test"


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a contrast: the score of an experiment on a source, times a weight."""

    weight: float
    experiment: Gathered
    source: str = ALL


@dataclass(frozen=True, slots=True)
class Contrast:
    """Mean over n folds with its interval, two-sided p, and p after Holm's correction for its family.

    `reason` is why there is no mean, or no verdict; NaN stands for what does not exist. `family` counts the
    contrasts that it is one of, `degrees` are those of Student's t.
    """

    n: int
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    p_holm: float = math.nan
    reason: str = ""
    degrees: int = 0
    family: int = 1

    @property
    def is_shown(self) -> bool:
        """Whether it is shown to differ from 0, in its family."""
        return not self.reason and self.p_holm < SIGNIFICANT

    def is_beyond(self, bound: float) -> bool:
        """Tell whether it is shown, and surely beyond `bound`, as a comparison's verdict asks."""
        if not self.is_shown:
            return False
        error = (self.high - self.low) / 2 / t_quantile((1 + CONFIDENCE) / 2, self.degrees)
        return float(stdtr(self.degrees, (abs(self.mean) - bound) / error)) > SURE

    def lies_within(self, bound: float) -> bool:
        """Tell whether the whole interval is closer to 0 than `bound`, at a level shared by its family.

        As for comparisons, which call two equivalent with a probability above 1 - 0.05 / m.
        """
        if self.reason:
            return False
        reach = (self.high - self.low) / 2
        if self.family > 1:
            both = (t_quantile(1 - SIGNIFICANT / 2 / m, self.degrees) for m in (self.family, 1))
            reach *= next(both) / next(both)
        return abs(self.mean) + reach < bound


def negated(found: Contrast) -> Contrast:
    """Return the contrast with the opposite sign."""
    return replace(found, mean=-found.mean, low=-found.high, high=-found.low)


@dataclass(frozen=True, slots=True, eq=False)
class ByFold:
    """Values of n folds, float [n], in the order of repeats and folds; None with the reason."""

    n: int
    values: np.ndarray | None = None
    reason: str = ""

    @property
    def mean(self) -> float:
        """The mean over folds; NaN where there is none."""
        return math.nan if self.values is None else float(np.mean(self.values))


def fold_sums(terms: Sequence[Term], metric: str) -> ByFold:
    """Sum scores by fold, or say what keeps them from being summed."""
    first = terms[0].experiment
    shared = set(first.trials).intersection(*(term.experiment.trials for term in terms))
    places = sorted(shared)
    for term in terms:
        if reason := term.experiment.why_missing(term.source, metric):
            return ByFold(len(places), reason=f"{term.experiment.name}: {reason}")
    for term in terms:
        if len(term.experiment.trials) != len(places):
            return ByFold(len(places), reason=f"{first.name} and {term.experiment.name} have other folds")
        if reason := other_rows((first, term.experiment), places):
            return ByFold(0, reason=f"{first.name} and {term.experiment.name}: {reason}")
    scores = (term.experiment.values[term.source, metric] for term in terms)
    rows = [
        term.weight * np.array([found[place] for place in places])
        for term, found in zip(terms, scores, strict=True)
    ]
    # Rounded, so that what cancels out is 0 and not its last bit.
    return ByFold(len(places), np.sum(rows, axis=0).round(12))


def no_test(n: int, folds: int, *, has_error: bool) -> str:
    """Say why n values over so many folds of a repeat have no verdict; empty where they have one."""
    if n == 1:
        return SINGLE_SPLIT
    if folds < MIN_FOLDS:
        return TWO_FOLDS
    return "" if has_error else NO_SPREAD


def contrast_by_fold(found: ByFold, experiments: Sequence[Gathered], *, floor: float = 0.0) -> Contrast:
    """Return mean, interval and test of values by fold, those of complete `experiments`.

    Args:
        found: the values.
        experiments: where they come from.
        floor: what the standard error of the mean is at least.
    """
    if found.values is None:
        return Contrast(found.n, reason=found.reason)
    folds = experiments[0].folds
    test = corrected_t_test(found.values, test_share=test_share(experiments), folds=folds, floor=floor)
    difference = test.difference
    reason = no_test(found.n, folds, has_error=math.isfinite(difference.error))
    return Contrast(
        found.n,
        difference.mean,
        difference.std,
        difference.low,
        difference.high,
        test.p_value,
        test.p_value,
        reason,
        difference.degrees,
    )


def contrast(terms: Sequence[Term], metric: str) -> Contrast:
    """Sum scores on one source by fold, and test the mean over folds; the p-value is that of it alone.

    Scores that are all as good as can be have no verdict: they are equal by too easy images.
    """
    found = fold_sums(terms, metric)
    if found.values is None:
        return Contrast(found.n, reason=found.reason)
    weighted = [(term.weight, term.experiment) for term in terms]
    floor = contrast_floor(weighted, metric, terms[0].source)
    tested = contrast_by_fold(found, [term.experiment for term in terms], floor=floor)
    best = 0.0 if metric in LOWER_IS_BETTER else 1.0
    scores = [score for each in terms for score in each.experiment.values[each.source, metric].values()]
    if not tested.reason and is_rate(metric) and all(score == best for score in scores):
        return replace(tested, reason=CEILING.format(best=best))
    return tested


def corrected_family(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Correct the p-values of contrasts that answer one question by Holm; those without a test count too."""
    adjusted = holm([each.p_value for each in contrasts])
    return [
        replace(each, p_holm=p_holm, family=len(contrasts))
        for each, p_holm in zip(contrasts, adjusted, strict=True)
    ]
