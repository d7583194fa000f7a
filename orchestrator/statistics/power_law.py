"""Power laws with a floor, error(n) = c + a * n^-b, fitted to errors at some numbers of training images.

Errors fall with the size of the training set in this form until they reach what no more data removes
(Hestness et al. 2017, "Deep learning scaling is predictable, empirically", arXiv 1712.00409; Viering & Loog
2023, "The shape of learning curves: a review", IEEE TPAMI 45). Laws of few sizes are too hopeful far away
(Mahmood et al. 2022, "How much more data do I need?", CVPR): they are meant for up to twice the data.

Weighted least squares with 0 <= c, 0 <= a and LEAST_B <= b <= MOST_B. Given b, the best a and c have a closed
form, so that only b is searched for (variable projection, Golub & Pereyra 1973): on a grid, then by scipy
between the neighbours of its best point, for all rows of errors at once.

`fold_draws` are means that other folds could have given. A fold is a unit: the same draw has the same folds
for every size and every model. Every linear function of a draw (a mean, a difference of two sizes) has the
corrected t interval of `intervals`: the variance of Nadeau & Bengio (2003) and folds - 1 degrees of freedom.
Laws of drawn means have no bounds on a and c: an interval of draws that stop at a bound misses what lies at
it (Andrews 2000, "Inconsistency of the bootstrap when a parameter is on the boundary", Econometrica 68).
benchmarks/validity simulates what the intervals hold.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import elementwise
from scipy.special import expit, logit

from orchestrator.statistics.intervals import standard_error

LEAST_B, MOST_B = 0.02, 2.0
# Values of b that are tried first, each a seventh above the one before, and one beyond each end.
STEP = 10 ** (1 / 16)
GRID = np.geomspace(LEAST_B / STEP, MOST_B * STEP, 35)
MIN_SIZES = 3
DRAWS, SEED = 1000, 20_231
# Errors nearer to 0 or 1 have no log odds that could be told from infinite ones.
NEAREST = 1e-9
# How near b is searched for.
CLOSE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class PowerLaws:
    """Fitted laws, a row each: float [M]. `above` is the error above the floor at `unit` images."""

    above: np.ndarray
    b: np.ndarray
    c: np.ndarray
    unit: float

    @property
    def a(self) -> np.ndarray:
        """The factor of n^-b, float [M]."""
        return np.asarray(self.above * self.unit**self.b)

    def at(self, sizes: np.ndarray) -> np.ndarray:
        """Return the errors at numbers of images, float [N]: float [M, N]."""
        shares = np.asarray(sizes, dtype=np.float64) / self.unit
        return np.asarray(self.c[:, None] + self.above[:, None] * shares ** -self.b[:, None])


def fit_power_laws(
    sizes: np.ndarray, errors: np.ndarray, *, weights: np.ndarray, is_bounded: bool = True
) -> PowerLaws:
    """Fit a law to each row of errors.

    Args:
        sizes: numbers of training images, float [S], S >= 3, increasing.
        errors: float [M, S], each 0 or more.
        weights: of the sizes, float [S], above 0: one over the variance of an error.
        is_bounded: whether a and c are 0 or more; else they are as the errors have them, for draws.

    Returns:
        The laws. Of errors that do not fall a bounded law has `above` 0: it is flat.

    Raises:
        ValueError: fewer than three sizes, or sizes that do not increase.
    """
    sizes, errors = np.asarray(sizes, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if len(sizes) < MIN_SIZES or np.any(np.diff(sizes) <= 0) or sizes[0] <= 0:
        raise ValueError("a power law needs three sizes or more, which increase")
    # The last size is the unit: what is fitted there does not hang on how images are counted.
    logs, shares = np.log(sizes / sizes[-1]), np.asarray(weights) / np.sum(weights)

    def missed(b: np.ndarray, /, *columns: Any, **_: Any) -> np.ndarray:
        rows, x = np.stack(columns, axis=-1), np.exp(-b[..., None] * logs)
        above, c = _best_line(x, rows, shares, is_bounded=is_bounded)
        return _mean((rows - c[..., None] - above[..., None] * x) ** 2, shares)

    columns = tuple(errors.T)
    tried = np.stack([missed(np.full(len(errors), b), *columns) for b in GRID])
    best = np.argmin(tried, axis=0)
    b = GRID[best]
    inside = np.flatnonzero((best > 0) & (best < len(GRID) - 1))
    if len(inside):
        place = best[inside]
        found = elementwise.find_minimum(
            missed,
            (GRID[place - 1], GRID[place], GRID[place + 1]),
            args=tuple(column[inside] for column in columns),
            tolerances={"xatol": CLOSE, "xrtol": CLOSE, "fatol": 0.0, "frtol": 0.0},
        )
        b[inside] = np.where(found.f_x <= tried[place, inside], found.x, b[inside])
    b = np.clip(b, LEAST_B, MOST_B)
    above, c = _best_line(np.exp(-b[:, None] * logs), errors, shares, is_bounded=is_bounded)
    return PowerLaws(above, b, c, float(sizes[-1]))


def _best_line(
    x: np.ndarray, y: np.ndarray, shares: np.ndarray, *, is_bounded: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Fit y = c + a x along the last axis by weighted least squares: (a, c)."""
    mean_x, mean_y = _mean(x, shares), _mean(y, shares)
    away = x - mean_x[..., None]
    slope = _mean(away * y, shares) / _mean(away**2, shares)
    if not is_bounded:
        return slope, mean_y - slope * mean_x
    slope = np.maximum(slope, 0.0)
    floor = mean_y - slope * mean_x
    through = _mean(x * y, shares) / _mean(x**2, shares)
    return np.where(floor < 0.0, through, slope), np.maximum(floor, 0.0)


def _mean(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Weighted mean along the last axis, summed in the same order whatever library multiplies."""
    return np.asarray(np.einsum("...s,s->...", values, shares))


def fold_draws(
    values: np.ndarray,
    *,
    test_share: float,
    folds: int,
    beside: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> np.ndarray:
    """Draw how far the means over folds could be from those that were seen.

    Args:
        values: a score in each row, a fold in each column, float [R, n], n > 1.
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat, 2 or more; n is a multiple of it.
        beside: deviations to add to those of the folds before Student's t stretches both, float [draws, R].
        draws: how many.
        seed: the same seed draws the same folds for other rows.

    Returns:
        Deviations of the means, float [draws, R].
    """
    n = values.shape[1]
    rng = np.random.default_rng(seed)
    of_folds = rng.standard_normal((draws, n))
    # Student's t: a normal number over the root of a chi-square one by its degrees of freedom.
    stretch = np.sqrt((folds - 1) / rng.chisquare(folds - 1, size=(draws, 1)))
    centred = values - values.mean(axis=1, keepdims=True)
    scale = standard_error(1.0 / math.sqrt(n - 1), n, test_share)
    deviations = scale * np.einsum("dn,rn->dr", of_folds, centred)
    return np.asarray(stretch * (deviations if beside is None else deviations + beside))


def moved_errors(errors: np.ndarray, deviations: np.ndarray, *, is_rate: bool) -> np.ndarray:
    """Move errors by drawn deviations on a scale on which they stay errors: float [draws, S].

    Rates move on the scale of their log odds and stay within 0 to 1, losses on that of their logarithm and
    stay above 0. To first order a deviation is as large as it was.

    Args:
        errors: mean errors, float [S].
        deviations: float [draws, S].
        is_rate: whether the errors are rates.
    """
    if not is_rate:
        positive = np.maximum(errors, NEAREST)
        return np.asarray(positive * np.exp(np.clip(deviations / positive, -700.0, 700.0)))
    inner = np.clip(errors, NEAREST, 1.0 - NEAREST)
    return np.asarray(expit(logit(inner) + deviations / (inner * (1.0 - inner))))


def size_weights(values: np.ndarray) -> np.ndarray:
    """Return weights of sizes from scores by fold, float [S, n]: one over a variance, float [S].

    Of few folds a single variance says little, so that each is averaged with the mean of all. Without any
    spread all weigh alike.
    """
    variances = np.var(values, axis=1, ddof=1)
    shrunk = (variances + variances.mean()) / 2
    return np.asarray(1.0 / shrunk) if shrunk.min() > 0.0 else np.ones(len(values))
