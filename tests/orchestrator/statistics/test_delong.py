"""DeLong's test against its definition over all pairs, and against a published example."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from orchestrator.statistics.delong import combined_p, combined_repeats, delong_test, placements


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
    found = delong_test(labels, first, second, groups=np.arange(84))
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
    found = delong_test(labels, scores, scores, groups=np.arange(4))
    assert (found.variance, found.p_value) == (0.0, 1.0)
    assert combined_p([found, found]) == 1.0


def test_folds_are_combined_by_their_variances() -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(200) % 2
    tests = [
        delong_test(
            labels,
            rng.normal(size=200) + labels,
            rng.normal(size=200) + 1.5 * labels,
            groups=np.arange(200),
        )
        for _ in range(3)
    ]
    mean = np.mean([test.second - test.first for test in tests])
    error = np.sqrt(sum(test.variance for test in tests)) / 3
    assert combined_p(tests) == pytest.approx(2 * stats.norm.sf(abs(mean) / error))


def test_one_group_of_a_class_is_too_few() -> None:
    """Catches three rows of one video that pass for three."""
    with pytest.raises(ValueError, match="two groups"):
        delong_test(np.array([0, 0, 1]), np.zeros(3), np.ones(3), groups=np.arange(3))
    with pytest.raises(ValueError, match="two groups"):
        delong_test(np.array([0, 0, 1, 1]), np.zeros(4), np.ones(4), groups=np.array([0, 1, 2, 2]))


def clustered_by_definition(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray
) -> float:
    """Variance of (second - first), sum by sum as Obuchowski (1997) has it, over the kernel of all pairs."""
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    kernels = []
    for scores in (first, second):
        gap = scores[fakes][:, None] - scores[reals][None, :]
        kernels.append((gap > 0) + 0.5 * (gap == 0))
    kernel = kernels[1] - kernels[0]
    mean, names = kernel.mean(), sorted(set(groups.tolist()))
    with_fakes = [name for name in names if (groups[fakes] == name).any()]
    with_reals = [name for name in names if (groups[reals] == name).any()]
    of_fakes = {name: (kernel.mean(axis=1)[groups[fakes] == name] - mean).sum() for name in names}
    of_reals = {name: (kernel.mean(axis=0)[groups[reals] == name] - mean).sum() for name in names}
    m, n, i, j, k = len(fakes), len(reals), len(with_fakes), len(with_reals), len(names)
    s10 = i / ((i - 1) * m) * sum(of_fakes[name] ** 2 for name in with_fakes)
    s01 = j / ((j - 1) * n) * sum(of_reals[name] ** 2 for name in with_reals)
    s11 = k / (k - 1) * sum(of_fakes[name] * of_reals[name] for name in names)
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


@pytest.mark.parametrize("is_mixed", [False, True])
def test_groups_are_obuchowskis_clusters(is_mixed: bool) -> None:
    """Of one class, of both, and of unequal size; scores are rounded, so that ties are common."""
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 14, 90)
    labels = rng.integers(0, 2, 90) if is_mixed else groups % 2
    shared = rng.normal(size=14)[groups] + labels
    first, second = ((shared + rng.normal(size=90)).round(1) for _ in range(2))
    found = delong_test(labels, first, second, groups=groups)
    variance = clustered_by_definition(labels, first, second, groups)
    assert found.variance == pytest.approx(variance, abs=1e-12)
    z = (found.second - found.first) / np.sqrt(variance)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))


def false_alarms(*, are_known: bool) -> float:
    """Share of p < 0.05 between two equally good scores of groups of four, 400 times."""
    rng = np.random.default_rng(9)
    groups = np.arange(320) // 4
    labels = groups % 2
    found = []
    for _ in range(400):
        sides = (labels + rng.normal(size=80)[groups] + 0.5 * rng.normal(size=320) for _ in range(2))
        codes = groups if are_known else np.arange(320)
        found.append(delong_test(labels, *sides, groups=codes).p_value)
    return float(np.mean(np.array(found) < 0.05))


def test_under_no_difference_it_is_right_as_often_as_it_says() -> None:
    """5 % have p < 0.05 (standard error 1.1 %); with every row for a group of its own, many times more."""
    assert false_alarms(are_known=True) == pytest.approx(0.05, abs=0.035)
    assert false_alarms(are_known=False) > 0.25


def test_p_values_of_repeats_are_combined_by_twice_their_mean() -> None:
    """Catches their mean alone, which is no p-value: two uniform ones can have a mean that is always 0.5.

    Half of a pair that adds up to 0.6 below 0.6 is below 0.3 in 60 % of all cases.
    """
    assert combined_repeats([0.02, 0.04]) == pytest.approx(0.06)
    assert combined_repeats([0.9, 0.8]) == 1.0 and combined_repeats([0.03]) == 0.03
    first = np.linspace(0, 1, 1001)
    second = np.where(first < 0.6, 0.6 - first, first)
    assert np.mean((first + second) / 2 <= 0.3 + 1e-9) == pytest.approx(0.6, abs=0.01)
    combined = [combined_repeats(list(pair)) for pair in zip(first, second, strict=True)]
    assert np.mean(np.array(combined) <= 0.6 + 1e-9) == pytest.approx(0.6, abs=0.01)
    assert np.mean(np.array(combined) <= 0.3) == 0.0


def test_a_difference_without_any_variance_has_no_test() -> None:
    """Catches p = 0 of two scores that rank all rows alike within each class: one perfect, one constant."""
    labels = np.repeat([0, 1], 4)
    found = delong_test(labels, np.full(8, 0.5), labels.astype(float), groups=np.arange(8))
    assert (found.first, found.second, found.variance) == (0.5, 1.0, 0.0)
    assert np.isnan(found.p_value) and np.isnan(combined_p([found, found]))
    assert np.isnan(combined_repeats([found.p_value, 0.5]))
