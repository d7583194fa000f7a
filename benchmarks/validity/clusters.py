"""Groups of images as clusters: DeLong's test, and intervals of AUCs near 1.

Scores are drawn: fakes are shifted so that the AUC is known, and images of a group of GROUP share a half of
their variance. Two models are equally good and share no noise. An interval is that of the mean over five
folds of these trained models, whose true AUC is that of the population.
"""

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import expit, ndtri

from benchmarks.validity.case import Case, at_least, at_most, between
from orchestrator.analysis.experiment_scores import ROUGH_GROUPS
from orchestrator.statistics import corrected_rate
from orchestrator.statistics.bootstrap import bootstrap
from orchestrator.statistics.delong import combined_p, combined_repeats, delong_test
from orchestrator.statistics.resampled import Groups, make_sample

FOLDS, GROUP, SHARED, DRAWS = 5, 4, 0.5, 300
LEAST, MOST, MAX_FALSE = 0.92, 0.98, 0.05
NEAR_ONE, SIZES = 0.993, (4, 8, 20, 50)


def cases(studies: int) -> Iterator[Case]:
    """Simulate DeLong's test, then the intervals at several numbers of groups."""
    for share, audit in ((0.9, "38 %"), (SHARED, "-")):
        false = misses(studies, shared=share)
        name = f"DeLong, 5 folds of 2 x 20 groups of {GROUP} (correlated by {share:g}), equals: p < 0.05"
        yield at_most(name, audit=audit, share=false, limit=MAX_FALSE, studies=studies)
    false = misses(max(1, studies // 2), shared=SHARED, repeats=3)
    name = f"DeLong, three repeats of the same images, groups of {GROUP}, equals: p < 0.05"
    yield at_most(name, audit="-", share=false, limit=MAX_FALSE, studies=max(1, studies // 2))
    count = max(1, studies // 4)
    for auc, sizes in ((NEAR_ONE, SIZES), (0.9, (20,))):
        for groups in sizes:
            yield from covered(count, auc=auc, groups=groups)


def covered(studies: int, *, auc: float, groups: int) -> Iterator[Case]:
    """Judge both intervals at one AUC and number of groups; of rough ones just the lower limit."""
    is_rough = groups < ROUGH_GROUPS
    what = f"AUC {auc:g}, 5 folds of {groups} groups of {GROUP} a class{', called rough' if is_rough else ''}"
    shares = coverage(studies, auc=auc, groups=groups)
    audits = ("72 %" if (auc, groups) == (NEAR_ONE, SIZES[0]) else "-", "-")
    for called, audit, share in zip(("bootstrap", "t interval"), audits, shares, strict=True):
        name = f"{what}: {called} holds it"
        if is_rough:
            yield at_least(name, audit=audit, share=share, limit=LEAST, studies=studies)
        else:
            yield between(name, audit=audit, share=share, low=LEAST, high=MOST, studies=studies)


def fold(
    rng: np.random.Generator, groups: int, *, auc: float, shared: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and group of one fold's images, `groups` groups of GROUP of each class."""
    codes = np.repeat(np.arange(2 * groups), GROUP)
    labels = codes % 2
    noise = math.sqrt(shared) * rng.normal(size=2 * groups)[codes]
    noise += math.sqrt(1.0 - shared) * rng.normal(size=len(codes))
    return labels, noise + math.sqrt(2.0) * ndtri(auc) * labels, codes


def misses(studies: int, *, shared: float, repeats: int = 1) -> float:
    """Return how often two equally good models differ by DeLong's test over folds, and repeats of them."""
    rng, found = np.random.default_rng((5, repeats, int(100 * shared))), 0
    for _ in range(studies):
        p_values = []
        # Another training run of both on the same images: the groups' part of the noise stays.
        kept = [[fold(rng, 20, auc=0.85, shared=shared) for _ in range(2)] for _ in range(FOLDS)]
        for _ in range(repeats):
            tests = []
            for (labels, first, codes), (_, second, _) in kept:
                sides = (each + 0.1 * rng.normal(size=len(each)) for each in (first, second))
                tests.append(delong_test(labels, *sides, groups=codes))
            p_values.append(combined_p(tests))
        found += combined_repeats(p_values) < MAX_FALSE
    return found / studies


def coverage(studies: int, *, auc: float, groups: int) -> tuple[float, float]:
    """Return how often the bootstrap's interval holds the AUC, and how often that over the folds does."""
    rng, held = np.random.default_rng((6, groups, int(1000 * auc))), np.zeros(2)
    for study in range(studies):
        folds = [fold(rng, groups, auc=auc, shared=SHARED) for _ in range(FOLDS)]
        samples = [
            make_sample(f"{study:08x}{place:08x}", labels, expit(scores), labels, Groups.of(codes, labels))
            for place, (labels, scores, codes) in enumerate(folds)
        ]
        low, high = bootstrap([samples], draws=DRAWS)[0].bounds["auc"]
        values = np.array([sample.points[2] for sample in samples])
        # Scores of folds are drawn apart: nothing is shared, so there is nothing to correct for.
        over_folds = corrected_rate(values, test_share=0.0, folds=FOLDS, step=1.0 / (groups * FOLDS))
        held += (low <= auc <= high, over_folds.low <= auc <= over_folds.high)
    return float(held[0] / studies), float(held[1] / studies)
