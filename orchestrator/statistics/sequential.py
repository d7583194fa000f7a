"""Early leaving of a race: levels of its looks by alpha spending, and who is beaten on the folds so far.

A look is made after each fold, and the level of all looks together is `alpha`. How much of it is spent by a
look follows a spending function of the share of information that is there (Lan & DeMets 1983, "Discrete
sequential boundaries for clinical trials", Biometrika 70), here theirs of Pocock's type, which spends early,
where leaving saves most. A look may use what its function adds. Leaders change from look to look, so that
tests of different looks have no joint distribution to take boundaries from; by the union bound the sum of
their levels holds whatever it is. The last fold has no look: nobody leaves to save nothing.

Folds share training images, so that information is no count of folds: the variance of a mean over n folds is
proportional to 1/n + n_test/n_train (Nadeau & Bengio 2003), and information is its inverse.

With two or three folds the spread of one difference says next to nothing. As in races whose blocks are shared
by all (Maron & Moore 1994, "Hoeffding races"; Birattari et al. 2002, "A racing algorithm for configuring
metaheuristics") it is pooled: what is left of all scores after the effects of experiment and fold (analysis
of variance), with (K - 1)(n - 1) degrees of freedom. The spread of the difference itself counts where it is
larger.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

from orchestrator.statistics.intervals import ROUNDING, checked, standard_error

# One fold has no spread.
FIRST_TEST = 2


@dataclass(frozen=True, slots=True)
class Beaten:
    """A row that leaves, and the leader that it is nearest to.

    `gap` is leader - row, the mean over the folds so far; `p_value` that the gap is rope or less. `by_bound`:
    perfect scores on every fold that is left would not bring it up to the leader's worst possible mean.
    """

    row: int
    leader: int
    gap: float
    p_value: float
    by_bound: bool


def spent_alpha(share: float, *, alpha: float) -> float:
    """Return how much of `alpha` is spent when a share of the information is there, from 0 to 1.

    alpha * ln(1 + (e - 1) * share), the function of Pocock's type of Lan & DeMets (1983).
    """
    return alpha * math.log1p((math.e - 1.0) * min(max(share, 0.0), 1.0))


def look_levels(num_folds: int, *, alpha: float, test_share: float) -> dict[int, float]:
    """Return the level of each look by the number of folds that it sees, FIRST_TEST .. num_folds - 1.

    Args:
        num_folds: folds of all repeats.
        alpha: what all looks spend together.
        test_share: n_test / n_train of a fold.
    """
    looks = range(FIRST_TEST, num_folds)
    information = [1.0 / (1.0 / n + test_share) for n in looks]
    spent = [spent_alpha(each / information[-1], alpha=alpha) for each in information]
    return dict(zip(looks, np.diff(spent, prepend=0.0).tolist(), strict=True))


def beaten_rows(
    scores: np.ndarray,
    *,
    num_folds: int,
    level: float,
    test_share: float,
    folds: int,
    rope: float,
    top: int = 1,
    limits: tuple[float, float] = (0.0, 1.0),
    floors: np.ndarray | None = None,
) -> list[Beaten]:
    """Tell which rows are surely worse than each of the `top` best by more than `rope`.

    Args:
        scores: one row per experiment, one column per fold so far, float [K, n]; higher is better.
        num_folds: folds there will be in the end, more than n.
        level: of one test at this look.
        test_share: n_test / n_train of a fold.
        folds: folds of one repeat, of those that there are so far.
        rope: a gap up to it is practically none.
        top: how many are to be left in any case; of equal means the first row leads.
        limits: the worst and the best score there is; infinite where there is none.
        floors: what the standard error of each mean difference is at least, float [K, K].

    Raises:
        ValueError: a score is not finite.
    """
    scores = checked(scores)
    count, n = scores.shape
    means = scores.mean(axis=1)
    leaders = np.argsort(-means, kind="stable")[:top].tolist()
    least, most = ((means * n + (num_folds - n) * limit) / num_folds for limit in limits)
    # Experiments that share their trials are one and the same, and tell no more of the spread.
    distinct = np.unique(scores, axis=0)
    if len(distinct) == 1:
        return []
    pooled, degrees = pooled_spread(distinct), (len(distinct) - 1) * (folds - 1)
    found = []
    for row in sorted(set(range(count)) - set(leaders)):
        against = []
        for leader in leaders:
            differences = scores[leader] - scores[row]
            error = math.nan
            if n > 1:
                spread = max(float(differences.std(ddof=1)), math.sqrt(2.0) * pooled)
                floor = 0.0 if floors is None else float(floors[leader, row])
                # A floor that is not known leaves nothing to judge by.
                error = math.nan if math.isnan(floor) else max(standard_error(spread, n, test_share), floor)
            gap = float(differences.mean())
            p_value = _p_above(gap - rope, error, degrees)
            against.append(Beaten(row, leader, gap, p_value, bool(most[row] < least[leader] - rope)))
        if all(each.by_bound or each.p_value < level for each in against):
            nearest = min(against, key=lambda each: each.gap)
            found.append(replace(nearest, by_bound=all(each.by_bound for each in against)))
    return found


def pooled_spread(scores: np.ndarray) -> float:
    """Return the standard deviation of what is left after the effects of row and column; NaN of one column.

    Args:
        scores: one row per experiment, one column per fold, float [K, n], K >= 2.
    """
    count, n = scores.shape
    if n == 1:
        return math.nan
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    return math.sqrt(float(np.sum(rest**2)) / ((count - 1) * (n - 1)))


def _p_above(excess: float, error: float, degrees: int) -> float:
    """Return the one-sided p-value of an excess above 0; NaN where there is no error to judge it by."""
    if degrees < 1 or not error > ROUNDING:
        return math.nan
    return float(stdtr(degrees, -excess / error))
