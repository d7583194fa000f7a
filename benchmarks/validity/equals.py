"""Verdicts and intervals of two recipes that are equal, or differ by a known amount.

A study draws ROWS rows from one population and runs five-fold cross-validation of two experiments on the
same folds. An experiment is a logistic regression of FEATURES features, of which ten tell, on a bootstrap
of the rows that its own seed draws once and that all folds share: like two trainings of one recipe, the two
differ by chance alone, and the folds of a study are as correlated as their training sets make them. Scores
are AUCs.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from benchmarks.validity.case import Case, at_least, at_most, between, percent
from orchestrator.analysis.comparing import comparison_verdict
from orchestrator.statistics import PairedTest, corrected_paired_t_test, corrected_rate, posterior_of
from trainables.evaluation.curve import Curve
from trainables.evaluation.metrics import ROPE

POPULATION, ROWS, FEATURES, TELLING, SIGNAL, FOLDS = 20_000, 300, 100, 10, 0.2, 5
STRENGTH = 10.0
TEST_SHARE = 1 / (FOLDS - 1)
# Standard deviation of what blurs the baseline's telling features: none, some, much.
BLURS = (0.0, 1.0, 3.0)
MAX_FALSE, COVERAGE = 0.05, (0.92, 0.98)
REJECTED = 0.05


def cases(studies: int) -> Iterator[Case]:
    """Simulate equals, and two true differences on a fourth of the studies."""
    labels, features = population()
    for blur in BLURS:
        count = studies if blur == 0.0 else max(1, studies // 4)
        scores = np.array([study(labels, features, seed, blur) for seed in range(count)])
        yield from judged(scores, blur)


def population() -> tuple[np.ndarray, np.ndarray]:
    """Labels int [POPULATION] and features float [POPULATION, FEATURES]."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, POPULATION)
    features = rng.normal(size=(POPULATION, FEATURES))
    features[:, :TELLING] += SIGNAL * (2 * labels[:, None] - 1)
    return labels, features


def study(
    labels: np.ndarray, features: np.ndarray, seed: int, blur: float, *, repeats: int = 1
) -> np.ndarray:
    """AUC of baseline and treatment on each fold, float [2, repeats x FOLDS]; each repeat is dealt anew."""
    rng = np.random.default_rng((1, seed))
    rows = rng.choice(POPULATION, ROWS, replace=False)
    y, x = labels[rows], features[rows]
    blurred = x.copy()
    blurred[:, :TELLING] += blur * rng.normal(size=(ROWS, TELLING))
    copies = [rng.multinomial(ROWS, np.full(ROWS, 1 / ROWS)) for _ in range(2)]
    scores: list[list[float]] = [[], []]
    for _ in range(repeats):
        fold = np.empty(ROWS, dtype=int)
        for label in (0, 1):
            members = rng.permutation(np.flatnonzero(y == label))
            fold[members] = np.arange(len(members)) % FOLDS
        for side, seen, drawn in zip(scores, (blurred, x), copies, strict=True):
            side += [auc_of_fold(y, seen, drawn, fold == number) for number in range(FOLDS)]
    return np.array(scores)


def auc_of_fold(y: np.ndarray, x: np.ndarray, copies: np.ndarray, is_test: np.ndarray) -> float:
    learned = ~is_test & (copies > 0)
    model = LogisticRegression(C=STRENGTH, max_iter=200)
    model.fit(x[learned], y[learned], sample_weight=copies[learned])
    return Curve.of(y[is_test], model.decision_function(x[is_test])).auc()


def judged(scores: np.ndarray, blur: float) -> Iterator[Case]:
    """Judge every study, float [studies, 2, FOLDS]."""
    count, differences = len(scores), scores[:, 1] - scores[:, 0]
    truth = 0.0 if blur == 0.0 else differences.mean()
    tests = [corrected_paired_t_test(*sides, test_share=TEST_SHARE, folds=FOLDS) for sides in scores]
    verdicts = [judge(test) for test in tests]
    naive = np.mean(stats.ttest_rel(scores[:, 1], scores[:, 0], axis=1).pvalue < REJECTED)
    what = f"300 rows, 5 folds, true difference {truth:.3f} AUC"
    if blur > 0.0:
        found = np.mean([verdict == "better" for verdict in verdicts])
        measured = f"{percent(found)}, plain paired t-test {percent(naive)}"
        yield Case(f"{what}: found", "-", measured, "limit none", True)
    else:
        decided = np.mean([verdict in ("better", "worse") for verdict in verdicts])
        name = f"{what}: called better or worse (plain paired t-test {percent(naive)})"
        yield at_most(name, audit="2.3 %", share=decided, limit=MAX_FALSE, studies=count)
    low, high = COVERAGE
    held = np.mean([test.difference.low <= truth <= test.difference.high for test in tests])
    yield at_least(
        f"{what}: interval of the difference holds it", audit="-", share=held, limit=low, studies=count
    )
    if blur == 0.0:
        share = held_mean(scores)
        name = f"300 rows, 5 folds: interval of a mean AUC holds {scores.mean():.3f}"
        yield between(name, audit="95 %", share=share, low=low, high=high, studies=count)


def held_mean(scores: np.ndarray) -> float:
    """Return how often the interval of one side's mean holds that of all studies; float [studies, 2, n]."""
    truth, held = scores.mean(), []
    for side in scores.reshape(-1, scores.shape[-1]):
        interval = corrected_rate(side, test_share=TEST_SHARE, folds=FOLDS, step=2 / ROWS)
        held.append(interval.low <= truth <= interval.high)
    return float(np.mean(held))


def judge(test: PairedTest) -> str:
    posterior = posterior_of(test.difference, rope=ROPE)
    return comparison_verdict(
        test.p_value, p_worse=posterior.below, p_equivalent=posterior.within, p_better=posterior.above
    )
