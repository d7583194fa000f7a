"""DeLong's test against its definition over all pairs, and against a published example."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from orchestrator.statistics.delong import combined_p, delong_test, placements


def by_definition(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Variance of (second - first) and p-value from the kernel of every pair, DeLong et al. (1988)."""
    fakes, reals = labels == 1, labels == 0
    parts = []
    for scores in (first, second):
        gap = scores[fakes][:, None] - scores[reals][None, :]
        kernel = (gap > 0) + 0.5 * (gap == 0)
        parts.append((kernel.mean(axis=1), kernel.mean(axis=0), kernel.mean()))
    s10 = np.cov([parts[0][0], parts[1][0]])
    s01 = np.cov([parts[0][1], parts[1][1]])
    covariance = s10 / fakes.sum() + s01 / reals.sum()
    contrast = np.array([-1.0, 1.0])
    variance = float(contrast @ covariance @ contrast)
    z = (parts[1][2] - parts[0][2]) / np.sqrt(variance)
    return variance, float(2 * stats.norm.sf(abs(z)))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_definition_over_all_pairs(seed: int) -> None:
    """Rounded scores, so that ties are common."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 0, 1, 1], rng.integers(0, 2, 80)])
    first = (rng.normal(size=84) + labels).round(1)
    second = (0.5 * first + rng.normal(size=84) + 0.5 * labels).round(1)
    found = delong_test(labels, first, second)
    variance, p_value = by_definition(labels, first, second)
    assert (found.first, found.second) == pytest.approx(
        (roc_auc_score(labels, first), roc_auc_score(labels, second)), abs=1e-12
    )
    assert (found.variance, found.p_value) == pytest.approx((variance, p_value), abs=1e-9)


# Hanley & McNeil (1982, Radiology 143, table 2): how sure a reader was of 109 CT images, from 1 to 5.
RATINGS = {0: (33, 6, 6, 11, 2), 1: (3, 2, 2, 11, 33)}


def test_the_published_ratings_have_the_published_area_and_error() -> None:
    """58 normal and 51 abnormal images: area 0.893; DeLong's standard error 0.0307 (Stata manual, roctab)."""
    labels = np.concatenate([np.full(sum(counts), label) for label, counts in RATINGS.items()])
    ratings = np.concatenate([np.repeat(np.arange(1, 6), counts) for counts in RATINGS.values()])
    of_fakes, of_reals = placements(labels, ratings.astype(float))
    variance = np.var(of_fakes, ddof=1) / len(of_fakes) + np.var(of_reals, ddof=1) / len(of_reals)
    assert of_fakes.mean() == pytest.approx(0.893, abs=5e-4)
    assert np.sqrt(variance) == pytest.approx(0.0307, abs=5e-5)
    low, high = of_fakes.mean() + np.sqrt(variance) * stats.norm.ppf([0.025, 0.975])
    assert (low, high) == pytest.approx((0.83295, 0.95339), abs=1e-5)


def test_identical_scores_are_no_evidence() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.9])
    found = delong_test(labels, scores, scores)
    assert (found.variance, found.p_value) == (0.0, 1.0)
    assert combined_p([found, found]) == 1.0


def test_folds_are_combined_by_their_variances() -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(200) % 2
    tests = [
        delong_test(labels, rng.normal(size=200) + labels, rng.normal(size=200) + 1.5 * labels)
        for _ in range(3)
    ]
    mean = np.mean([test.second - test.first for test in tests])
    error = np.sqrt(sum(test.variance for test in tests)) / 3
    assert combined_p(tests) == pytest.approx(2 * stats.norm.sf(abs(mean) / error))


def test_one_row_of_a_class_is_too_few() -> None:
    with pytest.raises(ValueError, match="two rows"):
        delong_test(np.array([0, 0, 1]), np.zeros(3), np.ones(3))


def test_under_no_difference_it_is_right_as_often_as_it_says() -> None:
    """Two equally good scores of the same rows, 400 times: 5 % have p < 0.05 (standard error 1.1 %)."""
    rng = np.random.default_rng(9)
    labels = np.arange(120) % 2
    found = []
    for _ in range(400):
        shared = rng.normal(size=120) + labels
        found.append(
            delong_test(labels, shared + rng.normal(size=120), shared + rng.normal(size=120)).p_value
        )
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.035)
