"""Folds that agree, two folds, and no errors at all: no certainty from little spread.

Rows are right or wrong, drawn, so that the truth is known. Each study is two models on the same rows of five
folds, each image a group; numbers come from the functions that a phase's comparisons are computed by.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from benchmarks.validity.case import Case, at_most
from orchestrator.analysis.comparing import comparison_verdict
from orchestrator.analysis.verdict_limits import no_verdict
from orchestrator.statistics import corrected_paired_t_test, posterior_of
from orchestrator.statistics.bootstrap import bootstrap, contrast_error
from orchestrator.statistics.paired import PairedTest
from orchestrator.statistics.resampled import Groups, Sample, make_sample
from trainables.evaluation.metrics import ROPE

DRAWS, MAX_FALSE = 1000, 0.05
KEYS = itertools.count(1)


def cases(studies: int) -> Iterator[Case]:
    """Simulate the cases one after the other."""
    yield each_fold_one_image_better()
    yield both_without_an_error()
    for folds, rows in ((2, 24), (5, 12)):
        false = false_verdicts(max(1, studies // 2), folds=folds, rows=rows)
        audit = "11 %" if folds == 2 else "-"
        name = f"equals on {folds} folds of {rows} images, accuracy: called better or worse"
        yield at_most(name, audit=audit, share=false, limit=MAX_FALSE, studies=max(1, studies // 2))


def sample(labels: np.ndarray, scores: np.ndarray, key: int) -> Sample:
    """One fold's test rows, each a group of its own; equal keys are drawn alike."""
    groups = Groups.of(np.arange(len(labels)), labels)
    return make_sample(f"{key:016x}", labels, scores, (scores >= 0.5).astype(int), groups)


def compare(
    labels: list[np.ndarray], sides: list[list[np.ndarray]], metric: str, values: np.ndarray
) -> PairedTest:
    """Compare two models by the scores of a metric by fold, float [2, folds], and the rows behind them."""
    folds, first = len(labels), next(KEYS) << 8
    drawn = bootstrap(
        [[sample(labels[fold], side[fold], first + fold) for fold in range(folds)] for side in sides],
        draws=DRAWS,
    )
    error = contrast_error([(-1.0, [drawn[0].deviations]), (1.0, [drawn[1].deviations])], metric)
    rarer = sum(int(np.bincount(each, minlength=2).min()) for each in labels)
    floor = max(0.5 / rarer, 0.0 if math.isnan(error) else error)
    return corrected_paired_t_test(*values, test_share=1 / (folds - 1), folds=folds, floor=floor)


def each_fold_one_image_better() -> Case:
    """Five folds of 24 images, on each of which the second model gets one more right than the first."""
    labels = [np.arange(24) % 2 for _ in range(5)]
    right = [np.where(each == 1, 0.9, 0.1) for each in labels]
    worse = [np.where(np.arange(24) == 5, 1.0 - each, each) for each in right]
    values = np.array([[23 / 24] * 5, [1.0] * 5])
    found = compare(labels, [worse, right], "accuracy", values)
    difference = found.difference
    measured = f"{difference.low:+.3f} to {difference.high:+.3f}, p = {found.p_value:.3f}"
    return Case(
        "five folds of 24, each one image better: 95 % interval of accuracy, p",
        "+0.042 to +0.042, p < 0.001",
        measured,
        "limit: holds 0",
        difference.low < 0.0 and found.p_value > 0.05,
    )


def both_without_an_error() -> Case:
    """Two AUCs of 1.000 on five folds of 24."""
    labels = [np.arange(24) % 2 for _ in range(5)]
    scores = [np.where(each == 1, 0.9, 0.1) for each in labels]
    found = compare(labels, [scores, scores], "auc", np.ones((2, 5)))
    within = posterior_of(found.difference, rope=ROPE).within
    reason = no_verdict(np.ones(5), np.ones(5), folds=5, metric="auc", error=found.difference.error)
    return Case(
        "five folds of 24, both AUC 1.000: P(equal), verdict",
        "1, equivalent",
        f"{within:.3f}, {'undecided' if reason else 'a verdict'}",
        "limit: no verdict",
        bool(reason) and within < 0.95,
    )


def false_verdicts(studies: int, *, folds: int, rows: int) -> float:
    """Return how often two models of equal accuracy, 0.9, are called better or worse."""
    rng, found = np.random.default_rng((4, folds)), 0
    labels = [np.arange(rows) % 2 for _ in range(folds)]
    for _ in range(studies):
        sides = [
            [np.where(rng.random(rows) < 0.9, 0.1 + 0.8 * each, 0.9 - 0.8 * each) for each in labels]
            for _ in range(2)
        ]
        values = np.array(
            [
                [float(np.mean((scores >= 0.5) == each)) for scores, each in zip(side, labels, strict=True)]
                for side in sides
            ]
        )
        test = compare(labels, sides, "accuracy", values)
        if no_verdict(*values, folds=folds, metric="accuracy", error=test.difference.error):
            continue
        posterior = posterior_of(test.difference, rope=ROPE)
        verdict = comparison_verdict(
            test.p_value, p_worse=posterior.below, p_equivalent=posterior.within, p_better=posterior.above
        )
        found += verdict in ("better", "worse")
    return found / studies
