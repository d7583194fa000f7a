"""Intervals over models and images at once, against a bootstrap of both and a case computed by hand."""

import math

import numpy as np
import pytest

from orchestrator.statistics.crossed import (
    ErrorPart,
    crossed_interval,
    crossed_p_value,
    models_part,
)


def test_both_parts_add_up_by_hand() -> None:
    """Catches a wrong factor for overlapping training sets, and degrees of freedom of one part alone."""
    values = np.array([0.80, 0.82, 0.84, 0.86, 0.88])
    part = models_part(values, test_share=0.25, folds=5)
    assert part is not None
    # The variance of these is 0.001; times (1/5 + 1/4).
    assert part == ErrorPart(pytest.approx(math.sqrt(0.001 * 0.45)), 4)
    found = crossed_interval(values, [part, ErrorPart(0.02, 40)])
    total = 0.00045 + 0.0004
    degrees = int(total**2 / (0.00045**2 / 4 + 0.0004**2 / 40))
    assert found.degrees == degrees == 13
    # The quantile 0.975 of Student's t with 13 degrees of freedom, from a table.
    reach = 2.1604 * math.sqrt(total)
    assert (found.low, found.high) == pytest.approx((0.84 - reach, 0.84 + reach), abs=1e-5)
    assert found.error == pytest.approx(math.sqrt(total))


def test_the_error_is_that_of_resampling_models_and_images() -> None:
    """Against the bootstrap of both at once (Owen 2007), which errs on the wide side as this one does."""
    rng = np.random.default_rng(5)
    models, images = 12, 400
    scores = rng.normal(0, 0.3, images)[None, :] + rng.normal(0.5, 0.05, models)[:, None]
    scores = scores + rng.normal(0, 0.1, (models, images))
    of_images = float(
        np.std([scores.mean(axis=0)[rng.integers(0, images, images)].mean() for _ in range(4000)])
    )
    values = scores.mean(axis=1)
    found = crossed_interval(
        values, [models_part(values, test_share=0.0, folds=models), ErrorPart(of_images, images - 1)]
    )
    both = [
        scores[rng.integers(0, models, models)][:, rng.integers(0, images, images)].mean()
        for _ in range(4000)
    ]
    assert found.error == pytest.approx(float(np.std(both)), rel=0.08)
    assert found.error > 1.2 * max(of_images, float(np.std(values, ddof=1)) / math.sqrt(models))


def test_a_rate_stays_within_its_range() -> None:
    found = crossed_interval(
        np.array([0.99, 1.0, 0.995]), [ErrorPart(0.02, 2), ErrorPart(0.01, 30)], step=0.01
    )
    assert 0.0 < found.low < 0.99 < found.high < 1.0


def test_without_an_error_there_is_no_interval_and_no_test() -> None:
    """Catches certainty from one model, of which nobody knows how others would be."""
    assert models_part(np.array([0.7]), test_share=0.25, folds=1) is None
    nothing = crossed_interval(np.array([0.7]), [None])
    assert math.isnan(nothing.low) and math.isnan(crossed_p_value(nothing))
    one = crossed_interval(np.array([0.7]), [None, ErrorPart(0.05, 20)])
    assert one.n == 1 and one.degrees == 20 and one.low < 0.7 < one.high


def test_p_agrees_with_the_interval() -> None:
    parts = [ErrorPart(0.01, 4), ErrorPart(0.02, 25)]
    for mean in (0.01, 0.044, 0.05, 0.2):
        found = crossed_interval(np.array([mean, mean]), parts)
        assert (crossed_p_value(found) < 0.05) == (found.low > 0.0)
