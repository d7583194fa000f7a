"""Learning curves of five folds at 20, 50 and 100 % of the data: what the interval at twice the data holds.

A study draws errors of FOLDS folds at each size from a law with a floor. A test fold is as hard for every
size, a training adds chance of its own, both relative to the error (NOISES), and the trainings of two folds
of a size correlate by NOMINAL, for what their training sets share. The truth is the law at twice the data.

Laws with and without a floor, steep and slow, and one that does not fall, of which a gain must not be shown.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.validity.case import Case, at_least, at_most
from benchmarks.validity.repeats import FOLDS, NOMINAL, SHARE
from orchestrator.statistics import corrected_paired_t_test
from orchestrator.statistics.power_law import fit_power_laws, fold_draws, moved_errors, size_weights

SIZES = np.array([800.0, 2000.0, 4000.0])
# Error above the floor at the largest size, exponent, floor.
LAWS = ((0.05, 0.5, 0.0), (0.05, 0.5, 0.05), (0.05, 0.3, 0.02), (0.1, 0.2, 0.0), (0.02, 1.0, 0.05))
FLAT = (0.0, 0.5, 0.1)
# How much folds and trainings differ, as a share of the error.
NOISES = ((0.1, 0.1), (0.05, 0.2), (0.2, 0.05))
DRAWS = 400
LEAST, MOST_SHOWN = 0.9, 0.05


def cases(studies: int) -> Iterator[Case]:
    """Yield how often the interval holds the truth, for the worst noise of each law, and false gains."""
    count = max(5, studies // 2)
    for above, b, c in LAWS:
        found = [
            np.mean([study((above, b, c), noise, seed) for seed in range(count)], axis=0) for noise in NOISES
        ]
        held = min(float(each[0]) for each in found)
        shares = sorted(100 * float(each[1]) for each in found)
        shown = f"{shares[0]:.0f} to {shares[-1]:.0f}"
        law = f"error {c:g} + {above:g} (n / 4000)^-{b:g}"
        name = f"{law}: twice the data held (worst noise); gain shown in {shown} %"
        yield at_least(name, audit="-", share=held, limit=LEAST, studies=count)
    flat = [np.mean([study(FLAT, noise, seed) for seed in range(count)], axis=0) for noise in NOISES]
    name = "error 0.1 whatever the data: gain from twice the data shown (worst noise)"
    yield at_most(
        name, audit="-", share=max(float(each[1]) for each in flat), limit=MOST_SHOWN, studies=count
    )
    name = "error 0.1 whatever the data: twice the data held (worst noise)"
    yield at_least(name, audit="-", share=min(float(each[0]) for each in flat), limit=LEAST, studies=count)


def study(law: tuple[float, float, float], noise: tuple[float, float], seed: int) -> tuple[bool, bool]:
    """Return whether the interval at twice the data holds the truth, and whether a gain is shown."""
    (above, b, c), (of_fold, of_training) = law, noise
    rng = np.random.default_rng((7, seed))
    truth = c + above * (SIZES / SIZES[-1]) ** -b
    hard = of_fold * rng.normal(size=FOLDS)
    shared = np.sqrt(NOMINAL) * rng.normal(size=(len(SIZES), 1))
    own = np.sqrt(1.0 - NOMINAL) * rng.normal(size=(len(SIZES), FOLDS))
    errors = np.clip(truth[:, None] * (1.0 + hard + of_training * (shared + own)), 0.0, 1.0)
    deviations = fold_draws(errors, test_share=SHARE, folds=FOLDS, draws=DRAWS)
    moved = moved_errors(errors.mean(axis=1), deviations, is_rate=True)
    drawn = fit_power_laws(SIZES, moved, weights=size_weights(errors), is_bounded=False)
    now, twice = np.clip(drawn.at(np.array([SIZES[-1], 2.0 * SIZES[-1]])), 0.0, 1.0).T
    low, high = np.quantile(twice, (0.025, 0.975))
    test = corrected_paired_t_test(errors[-1], errors[0], test_share=SHARE, folds=FOLDS)
    is_shown = np.quantile(now - twice, 0.025) > 0.0 and test.difference.low > 0.0
    return bool(low <= c + above * 2.0**-b <= high), bool(is_shown)
