"""Means over images whose groups are the units, against scipy and against a bootstrap over groups."""

import math

import numpy as np
import pytest
from scipy import stats

from orchestrator.statistics.group_means import group_mean


def test_of_one_image_a_group_it_is_students_test() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.3, 14)
    found = group_mean(values, np.arange(14), is_share=False)
    told = stats.ttest_1samp(values, 0.0)
    interval = told.confidence_interval()
    assert found.p_value == pytest.approx(told.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_images_of_one_group_count_as_much_as_they_vary_together() -> None:
    """Catches copies of an image that make a mean surer: the error is that of drawing groups again."""
    rng = np.random.default_rng(2)
    sizes = rng.integers(1, 6, 40)
    groups = np.repeat(np.arange(40), sizes)
    values = rng.normal(0.0, 0.3, 40)[groups] + rng.normal(0.0, 0.06, len(groups))
    found = group_mean(values, groups, is_share=False)
    by_group = [values[groups == group] for group in range(40)]
    draws = [
        np.concatenate([by_group[place] for place in rng.integers(0, 40, 40)]).mean() for _ in range(4000)
    ]
    half = stats.t.ppf(0.975, 39) * np.std(draws)
    assert found.high - found.mean == pytest.approx(half, rel=0.08)
    alone = group_mean(values, np.arange(len(values)), is_share=False)
    assert found.high - found.low > 1.4 * (alone.high - alone.low)


def test_a_share_keeps_to_its_scale_and_little_has_no_interval() -> None:
    found = group_mean(np.array([0.99, 0.9, 1.0, 0.95]), np.arange(4), is_share=True)
    assert 0.5 < found.low < found.mean < found.high < 1.0
    assert math.isnan(group_mean(np.array([0.3, 0.4]), np.array([0, 0]), is_share=False).low)
    assert math.isnan(group_mean(np.array([0.2, 0.2]), np.array([0, 1]), is_share=False).p_value)
    wide = group_mean(np.array([-0.9, 0.0, 0.95]), np.arange(3), is_share=False)
    two = group_mean(np.array([0.1, 0.2]), np.arange(2), is_share=False)
    flat = group_mean(np.full(4, 0.2), np.arange(4), is_share=False)
    assert all(math.isnan(each.low) and math.isnan(each.p_value) for each in (wide, two, flat))
    assert (wide.is_too_few, two.is_too_few, flat.is_too_few) == (True, True, False)
    assert group_mean(np.array([0.01, 0.5, 0.99]), np.arange(3), is_share=True).is_too_few
    missing = group_mean(np.array([math.nan, 0.5]), np.arange(2), is_share=True)
    assert (missing.mean, missing.num_images) == (0.5, 1)
    assert group_mean(np.array([math.nan]), np.arange(1), is_share=True).num_images == 0
