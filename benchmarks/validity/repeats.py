"""Repeats of five folds: intervals, false verdicts, and equality that is claimed at its edge.

Learned studies are those of `equals`, with three repeats of the same rows. Drawn ones have scores without a
learner, so that the truth is known exactly: two folds of a study correlate by a share that is chosen. Nadeau
and Bengio's factor is exact for n_test / (n_test + n_train), 0.2 of five folds. Deep nets may share more, by
the seed that all folds of a study start from: 0.5 stands for that. Five folds of one study can't tell it from
a smaller spread, so these rows are said and not promised.
"""

import math
from collections.abc import Iterator

import numpy as np

from benchmarks.validity.case import Case, at_least, at_most, between, percent
from benchmarks.validity.equals import held_mean, judge, population, study
from orchestrator.statistics import corrected_interval, corrected_paired_t_test, posterior_of
from trainables.evaluation.metrics import ROPE

FOLDS, SHARE = 5, 0.25
NOMINAL, HIGH = SHARE / (1.0 + SHARE), 0.5
# Standard deviations of a difference that make equality at all possible to show.
SPREADS = (0.002, 0.005, 0.01)
LEAST, MOST, MAX_FALSE = 0.92, 0.98, 0.05


def cases(studies: int) -> Iterator[Case]:
    """Simulate learned repeats, equality at its edge, and folds that share more than their training sets."""
    labels, features = population()
    count = max(1, studies // 4)
    scores = np.array([study(labels, features, seed, 0.0, repeats=3) for seed in range(count)])
    tests = [corrected_paired_t_test(*sides, test_share=SHARE, folds=FOLDS) for sides in scores]
    what = "300 rows, 3 x 5 folds"
    share = held_mean(scores)
    name = f"{what}: interval of a mean AUC holds {scores.mean():.3f}"
    yield between(name, audit="87 to 89 %", share=share, low=LEAST, high=MOST, studies=count)
    held = float(np.mean([test.difference.low <= 0.0 <= test.difference.high for test in tests]))
    name = f"{what}: interval of the difference of equals holds 0"
    yield at_least(name, audit="-", share=held, limit=LEAST, studies=count)
    decided = float(np.mean([judge(test) in ("better", "worse") for test in tests]))
    name = f"{what}: equals called better or worse"
    yield at_most(name, audit="-", share=decided, limit=MAX_FALSE, studies=count)
    many = 2 * studies
    for repeats in (1, 3):
        called = max(equal_at_the_edge(many, repeats=repeats, spread=spread) for spread in SPREADS)
        name = f"drawn, {repeats} x 5 folds, true difference {ROPE:g}: called equivalent (worst spread)"
        yield at_most(name, audit="8 to 13.5 %", share=called, limit=MAX_FALSE, studies=many)
    for repeats in (1, 3):
        held, decided = answers(studies, repeats=repeats, correlation=HIGH, seed=repeats)
        name = f"drawn, {repeats} x 5 folds correlated by {HIGH:g}: interval holds 0; called better or worse"
        found = f"{percent(held)}; {percent(decided)}"
        yield Case(name, "-", found, "limit none, not to be mended from one study", True)


def draw(
    rng: np.random.Generator, studies: int, *, repeats: int, correlation: float, truth: float, spread: float
) -> np.ndarray:
    """Differences by fold, float [studies, repeats x FOLDS], two folds of which correlate by `correlation`.

    The same fold of two repeats correlates no more: its images were dealt anew.
    """
    shared = math.sqrt(correlation) * rng.normal(size=(studies, 1))
    own = math.sqrt(1.0 - correlation) * rng.normal(size=(studies, repeats * FOLDS))
    return np.asarray(truth + spread * (shared + own))


def answers(studies: int, *, repeats: int, correlation: float, seed: int) -> tuple[float, float]:
    """Return how often the interval of a difference of nothing holds it, and how often a verdict is given."""
    rng = np.random.default_rng((2, seed))
    drawn = draw(rng, studies, repeats=repeats, correlation=correlation, truth=0.0, spread=0.03)
    tests = [
        corrected_paired_t_test(np.zeros(len(each)), each, test_share=SHARE, folds=FOLDS) for each in drawn
    ]
    held = [test.difference.low <= 0.0 <= test.difference.high for test in tests]
    decided = [judge(test) in ("better", "worse") for test in tests]
    return float(np.mean(held)), float(np.mean(decided))


def equal_at_the_edge(studies: int, *, repeats: int, spread: float) -> float:
    """Return how often two that differ by just the region of equivalence are called equivalent."""
    rng = np.random.default_rng((3, repeats, int(1e6 * spread)))
    drawn = draw(rng, studies, repeats=repeats, correlation=NOMINAL, truth=ROPE, spread=spread)
    within = [
        posterior_of(corrected_interval(each, test_share=SHARE, folds=FOLDS), rope=ROPE).within
        for each in drawn
    ]
    return float(np.mean(np.array(within) > 1.0 - MAX_FALSE))
