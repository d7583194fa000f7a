"""Do the verdicts hold what they promise? Simulated studies with a known truth.

python benchmarks/validity.py [--studies 2000] [--small]

A study draws ROWS rows from one population and runs five-fold cross-validation of two experiments on the
same folds. An experiment is a logistic regression of FEATURES features, of which ten tell, on a bootstrap
of the rows that its own seed draws once and that all folds share: like two trainings of one recipe, the two
differ by chance alone, and the folds of a study are as correlated as their training sets make them. Scores
are AUCs.

Printed: how often a study of two equals ends in a verdict (limit 5 %), by the plain paired t-test beside
it; how often a true difference is found, where the baseline sees the ten features blurred; and how often
the 95 % interval of a mean, and of a difference, holds the truth (limits 92 to 98 % for the mean), which is
the mean over all studies.
"""

import argparse
import sys
import time

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from orchestrator.analysis.comparing import comparison_verdict
from orchestrator.statistics import corrected_interval, corrected_paired_t_test, correlated_t
from trainables.evaluation.curve import Curve
from trainables.evaluation.metrics import ROPE

POPULATION, ROWS, FEATURES, TELLING, SIGNAL, FOLDS = 20_000, 300, 100, 10, 0.2, 5
STRENGTH = 10.0
TEST_SHARE = 1 / (FOLDS - 1)
# Standard deviation of what blurs the baseline's telling features: none, some, much.
BLURS = (0.0, 1.0, 3.0)
MAX_FALSE, COVERAGE = 0.05, (0.92, 0.98)
REJECTED = 0.05


def main() -> int:
    """Print the figures; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--small", action="store_true", help="40 studies; no limit is enforced")
    wanted = parser.parse_args()
    studies = 40 if wanted.small else wanted.studies
    start = time.perf_counter()
    with threadpool_limits(1):
        labels, features = population()
        is_good = True
        for blur in BLURS:
            count = studies if blur == 0.0 else max(1, studies // 4)
            scores = np.array([study(labels, features, seed, blur) for seed in range(count)])
            is_good &= report(scores, blur)
    print(f"{time.perf_counter() - start:.0f} s")
    return int(not is_good and not wanted.small)


def population() -> tuple[np.ndarray, np.ndarray]:
    """Labels int [POPULATION] and features float [POPULATION, FEATURES]."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, POPULATION)
    features = rng.normal(size=(POPULATION, FEATURES))
    features[:, :TELLING] += SIGNAL * (2 * labels[:, None] - 1)
    return labels, features


def study(labels: np.ndarray, features: np.ndarray, seed: int, blur: float) -> np.ndarray:
    """AUC of baseline and treatment on each fold, float [2, FOLDS]."""
    rng = np.random.default_rng((1, seed))
    rows = rng.choice(POPULATION, ROWS, replace=False)
    y, x = labels[rows], features[rows]
    blurred = x.copy()
    blurred[:, :TELLING] += blur * rng.normal(size=(ROWS, TELLING))
    fold = np.empty(ROWS, dtype=int)
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(y == label))
        fold[members] = np.arange(len(members)) % FOLDS
    copies = [rng.multinomial(ROWS, np.full(ROWS, 1 / ROWS)) for _ in range(2)]
    return np.array(
        [
            [auc_of_fold(y, seen, drawn, fold == number) for number in range(FOLDS)]
            for seen, drawn in zip((blurred, x), copies, strict=True)
        ]
    )


def auc_of_fold(y: np.ndarray, x: np.ndarray, copies: np.ndarray, is_test: np.ndarray) -> float:
    learned = ~is_test & (copies > 0)
    model = LogisticRegression(C=STRENGTH, max_iter=200)
    model.fit(x[learned], y[learned], sample_weight=copies[learned])
    return Curve.of(y[is_test], model.decision_function(x[is_test])).auc()


def report(scores: np.ndarray, blur: float) -> bool:
    """Judge every study, float [studies, 2, FOLDS], print the shares; return whether the limits hold."""
    differences = scores[:, 1] - scores[:, 0]
    truth = 0.0 if blur == 0.0 else differences.mean()
    tests = [corrected_paired_t_test(one, other, test_share=TEST_SHARE) for one, other in scores]
    p_values = np.array([test.p_value for test in tests])
    naive = stats.ttest_rel(scores[:, 1], scores[:, 0], axis=1).pvalue
    verdicts = np.array([judge(each, p_value) for each, p_value in zip(differences, p_values, strict=True)])
    held = np.mean([test.difference.low <= truth <= test.difference.high for test in tests])
    correlation = np.mean(np.corrcoef(differences.T)[np.triu_indices(FOLDS, 1)])
    print(f"{len(scores)} studies, true difference {truth:.4f} AUC, folds correlated by {correlation:.2f}")
    shares = {name: np.mean(verdicts == name) for name in ("better", "worse", "equivalent", "undecided")}
    print("  verdicts: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    rejected = np.mean(p_values < REJECTED)
    print(f"  p < 0.05: corrected {rejected:.1%}, plain paired t {np.mean(naive < REJECTED):.1%}")
    print(f"  95 % interval of the difference holds the truth: {held:.1%}")
    if blur > 0.0:
        return True
    decided = shares["better"] + shares["worse"]
    print(f"  better or worse: {decided:.1%} (limit {MAX_FALSE:.0%})")
    means = scores.reshape(-1, FOLDS)
    intervals = [corrected_interval(each, test_share=TEST_SHARE) for each in means]
    covered = np.mean([interval.low <= means.mean() <= interval.high for interval in intervals])
    plain = np.mean(stats.ttest_1samp(means, means.mean(), axis=1).pvalue >= REJECTED)
    low, high = COVERAGE
    print(f"  95 % interval of a mean AUC holds the truth, {means.mean():.3f}: {covered:.1%}")
    print(f"  (limits {low:.0%} to {high:.0%}; without the correction {plain:.1%})")
    return bool(decided <= MAX_FALSE and rejected <= MAX_FALSE and low <= covered <= high)


def judge(differences: np.ndarray, p_value: float) -> str:
    posterior = correlated_t(differences, test_share=TEST_SHARE, rope=ROPE)
    return comparison_verdict(
        p_value, p_worse=posterior.below, p_equivalent=posterior.within, p_better=posterior.above
    )


if __name__ == "__main__":
    sys.exit(main())
