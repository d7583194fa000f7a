"""Means over models on the same images: intervals that hold for other images and other models."""

import math

import numpy as np
import pytest

from orchestrator.statistics.two_way import OverModels, two_way_rate, two_way_test


def test_the_error_is_that_of_a_hand_computed_case() -> None:
    """Draws of means -1, 0, 1: variance 1. Values 1, 3: variance 2, times 1/2 + 1/1 for two folds: 3."""
    found = OverModels(np.array([1.0, 3.0]), np.array([[-2.0, 1.0, 1.0], [0.0, -1.0, 1.0]]), 2)
    test = two_way_test([found], free=8, floor=0.01)
    assert (test.difference.mean, test.difference.n) == (2.0, 2)
    assert test.difference.error == pytest.approx(2.0) and test.difference.std == pytest.approx(math.sqrt(2))
    # Satterthwaite: (1 + 3)^2 / (1 / 4 + 9 / 1) = 1.73, and t of one degree is Cauchy: P(|t| > 1) = 1/2.
    assert test.difference.degrees == 1 and test.p_value == pytest.approx(0.5)
    assert test.difference.high - 2.0 == pytest.approx(2.0 * math.tan(0.475 * math.pi))
    seeds = OverModels(found.values, found.draws, 1)
    # Trained on the same images there is no overlap to correct for: 2 / 2.
    assert two_way_test([seeds], free=8, floor=0.01).difference.error == pytest.approx(math.sqrt(2))


def test_a_single_model_has_the_images_alone() -> None:
    found = OverModels(np.array([0.25]), np.array([[-0.1, 0.0, 0.1]]), 5)
    interval = two_way_rate(found, free=40, step=0.05)
    assert math.isnan(interval.std) and interval.error == pytest.approx(0.1) and interval.degrees == 20
    assert 0.0 < interval.low < 0.25 < interval.high < 1.0
    flat = two_way_test([OverModels(np.zeros(1), np.zeros((1, 3)), 5)], free=40, floor=0.02)
    assert flat.difference.error == 0.02 and flat.p_value == 1.0


def test_what_images_do_to_both_sides_cancels_and_what_models_do_to_one_does_not() -> None:
    """Catches differences of detectors that are tested as if each had images of its own."""
    draws = np.random.default_rng(3).normal(size=(1, 400))
    one = OverModels(np.array([0.7, 0.8, 0.9]), np.repeat(draws, 3, axis=0), 3)
    other = OverModels(np.array([0.71, 0.82, 0.92]), np.repeat(draws, 3, axis=0), 3)
    paired = two_way_test([other.plus(one.times(-1.0))], free=50, floor=1e-6).difference
    expected = np.std([0.01, 0.02, 0.02], ddof=1) * math.sqrt(1 / 3 + 1 / 2)
    assert paired.error == pytest.approx(expected)
    apart = two_way_test([other, one.times(-1.0)], free=50, floor=1e-6).difference
    variances = [float(np.var(each.values, ddof=1)) * (1 / 3 + 1 / 2) for each in (one, other)]
    assert apart.error == pytest.approx(math.sqrt(sum(variances)))
    assert apart.mean == pytest.approx(paired.mean) and math.isnan(apart.std)
    with pytest.raises(ValueError, match="can't be paired"):
        one.plus(OverModels(np.zeros(2), np.zeros((2, 400)), 3))


def test_intervals_cover_the_mean_over_all_images_and_all_models() -> None:
    """Score = image + model + both. Catches an interval for these models, or for these images, alone."""
    rng, hits, runs, models, images = np.random.default_rng(8), 0, 300, 5, 60
    for _ in range(runs):
        each = rng.normal(size=(1, images)) + 0.3 * rng.normal(size=(models, 1))
        each = each + 0.5 * rng.normal(size=(models, images))
        counts = rng.multinomial(images, np.full(images, 1 / images), size=300)
        means = each.mean(axis=1)
        draws = each @ counts.T / images - means[:, None]
        # Models that were trained on images of their own, as here, need no correction.
        found = two_way_test([OverModels(means, draws, 1)], free=images - 1, floor=1e-6).difference
        hits += found.low <= 0.0 <= found.high
    # 95 % of 300, within three standard errors; too many is what the sum of both parts may give.
    assert 0.91 <= hits / runs <= 0.99
