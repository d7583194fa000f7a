"""Intervals from resampled groups: what other test images of the same kind could have given.

Within each fold, groups of test images are drawn with replacement (never single images: those of a group are
not independent), stratified by the classes that a group holds, so that both classes are always there. The
metric of a draw is the mean over folds, as the headline is. The standard deviation over DRAWS draws is the
error of a rate, whose interval is taken on the scale of its log odds (see `intervals`): near 1 percentiles
end too early, since draws of few errors hold few. Losses, which are no rates, have percentiles 2.5 to 97.5.
Draws of G groups in S strata vary too little, by (G - S) / G, which the error makes up for, and a class has
about a half of the G - S degrees of freedom. The trained models stay as they are: that another training run
gives another model is not in it, which is what the t interval beside it is for. Repeats of cross-validation
test the same images again and add no evidence of this kind, so the bounds of the repeats are averaged.

Experiments that were tested on the same rows have the same draws, whenever they are computed. So the error of
their difference is that of the differences of their draws, of which the first KEPT are given out.

Every metric is computed from sums over groups, so a fold's draws are one matrix product for all experiments
that were tested on it, with the same draws for all. Sums are of integers below 2**24, exact in float32 in
any order: equal inputs give equal bytes, whatever library or number of threads multiplies. The AUC is no
sum. With up to EXACT_ROWS rows it is counted in each draw; with more it is taken to first order from its
placement values (DeLong et al. 1988), whose remainder is 1 / sqrt(rows) as large as the spread itself.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc
from threadpoolctl import threadpool_limits

from orchestrator.statistics.intervals import CONFIDENCE, rate_bounds, t_quantile
from orchestrator.statistics.resampled import Batch, Groups, Sample

DRAWS, KEPT = 10_000, 2000
EDGES = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
# Entries of a chunk of draws x groups, with up to SMALL groups and with more: found by timing.
CHUNK_ENTRIES, SMALL = (2**22, 2**20), 1000
# Entries that are drawn at once; more would leave the processor's cache.
STEP_ENTRIES = 2**18
# How far the sum of Poisson counts stays below its size, in standard deviations, and the most of one group.
MARGIN, MOST_COUNTED = 4.0, 12
PARTS = 2
DECIMALS = 7
TWO_32, ONE = np.uint64(32), np.float32(1.0)

Bounds = dict[str, tuple[float, float]]
# Metric -> the first draws less their mean, float32 [KEPT].
Deviations = dict[str, np.ndarray]
# These may pass 1.
LOSSES = ("brier", "log_loss")


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """A repeat of an experiment: interval of each metric, and how far its draws are from their mean.

    Deviations are scaled for few groups, like the errors of the bounds.
    """

    bounds: Bounds
    deviations: Deviations


def bootstrap(repeats: Sequence[Sequence[Sample]], *, draws: int = DRAWS) -> list[Redrawn]:
    """Return the bootstrap of every metric of every repeat of every experiment.

    Args:
        repeats: the test rows of the folds of one repeat of one experiment, all of them there. Samples with
            the same key must have the same groups; they are drawn once, those of one repeat too.
        draws: how many times.

    Returns:
        What was drawn for each repeat; a metric that does not exist in some fold is left out.
    """
    with threadpool_limits(1):
        # A product on one thread is as fast where the machine is shared, and much faster where it is busy.
        found = [Redrawn({}, {}) for _ in repeats]
        kinds = {samples[0].num_classes for samples in repeats if samples}
        for num_classes in sorted(kinds):
            places = [
                place
                for place, samples in enumerate(repeats)
                if samples and samples[0].num_classes == num_classes
            ]
            drawn = _alike([repeats[place] for place in places], draws)
            for place, each in zip(places, drawn, strict=True):
                found[place] = each
        return found


def mean_bounds(repeats: Sequence[Bounds]) -> Bounds:
    """Average the bounds of an experiment's repeats; a metric that one of them lacks is left out."""
    shared = set.intersection(*(set(bounds) for bounds in repeats))
    found = {}
    for name in sorted(shared):
        sides = zip(*(bounds[name] for bounds in repeats), strict=True)
        low, high = (round(math.fsum(side) / len(repeats), DECIMALS) for side in sides)
        found[name] = (low, high)
    return found


def contrast_error(terms: Sequence[tuple[float, Sequence[Deviations]]], metric: str) -> float:
    """Return the standard error of a weighted sum of mean scores, by what other test images would change.

    Draws are paired, so that what all experiments have in common cancels out where the weights sum to 0. Of a
    difference the weights are -1 and 1.

    Args:
        terms: the weight of each experiment and its deviations of each repeat, all on the same rows, in the
            same order.
        metric: what is summed; NaN where one of them does not have it.

    Raises:
        ValueError: the experiments have unequally many repeats.
    """
    weights = [weight for weight, _ in terms]
    repeats = list(zip(*(deviations for _, deviations in terms), strict=True))
    if not repeats or any(metric not in side for sides in repeats for side in sides):
        return math.nan
    variances = []
    for sides in repeats:
        draws = sum(weight * side[metric] for weight, side in zip(weights, sides, strict=True))
        kept = np.asarray(draws)[np.isfinite(draws)]
        variances.append(float(np.var(kept, dtype=np.float64, ddof=1)))
    # Repeats test the same images again: their mean is no more certain than one of them.
    return math.sqrt(math.fsum(variances) / len(variances))


def difference_errors(experiments: Sequence[Sequence[Deviations]], metric: str) -> np.ndarray:
    """Return the standard error of the mean difference of every two; `contrast_error` has that of one pair.

    Args:
        experiments: deviations of each repeat of each experiment, all on the same rows.
        metric: what is compared. Draws in which an experiment lacks it are left out for all.

    Returns:
        float [E, E]; NaN where one of the two has no draws of the metric, and on the diagonal.
    """
    errors = np.full((len(experiments),) * 2, math.nan)
    repeats = max(map(len, experiments), default=0)
    has_all = [len(each) == repeats and all(metric in draws for draws in each) for each in experiments]
    known = [place for place, is_whole in enumerate(has_all) if is_whole]
    if not repeats or len(known) < 2:
        return errors
    variances = np.zeros((len(known),) * 2)
    with threadpool_limits(1):
        for repeat in range(repeats):
            drawn = np.stack([experiments[place][repeat][metric] for place in known]).astype(np.float64)
            covariances = np.cov(drawn[:, np.isfinite(drawn).all(axis=0)])
            own = np.diag(covariances)
            # Of two that are equal in every draw rounding may leave less than nothing.
            variances += np.maximum(own[:, None] + own[None, :] - 2.0 * covariances, 0.0)
    found = np.sqrt(variances / repeats)
    np.fill_diagonal(found, math.nan)
    errors[np.ix_(known, known)] = found
    return errors


def difference_bounds(
    baseline: Deviations, treatment: Deviations, metric: str, *, difference: float
) -> tuple[float, float]:
    """Return the interval of a difference on a single split, by percentiles of paired draws; NaN without."""
    if metric not in baseline or metric not in treatment:
        return math.nan, math.nan
    low, high = np.quantile(_paired(baseline, treatment, metric), EDGES)
    return difference + float(low), difference + float(high)


def _paired(baseline: Deviations, treatment: Deviations, metric: str) -> np.ndarray:
    """Differences of the draws in which both have the metric."""
    differences = treatment[metric] - baseline[metric]
    return np.asarray(differences[np.isfinite(differences)])


def resampled_counts(groups: Groups, *, seed: tuple[int, ...], draws: int) -> Iterator[np.ndarray]:
    """Yield how often each group is drawn, float32 [draws of a chunk, G]; strata keep their size."""
    rng = np.random.SFC64(seed)
    chunk = max(1, min(draws, CHUNK_ENTRIES[groups.num_groups > SMALL] // groups.num_groups))
    counts = np.empty((chunk, groups.num_groups), dtype=np.float32)
    for start in range(0, draws, chunk):
        number = min(chunk, draws - start)
        for first, end in groups.strata:
            _draw(rng, counts[:number, first:end])
        yield counts[:number]


def _draw(rng: np.random.SFC64, counts: np.ndarray) -> None:
    """Fill each row of counts with how often each of its columns is drawn, in as many draws as columns.

    Independent Poisson counts are multinomial once their sum is known. So each column takes one, of which two
    need 16 random bits, at a rate below 1, and single draws fill up the row. A row whose sum exceeds its size
    all the same begins again, with single draws alone.
    """
    size = counts.shape[1]
    pairs = _poisson_pairs(max(0.0, 1.0 - MARGIN / math.sqrt(size)))
    ones = np.ones(size, dtype=np.float32)
    step = max(1, STEP_ENTRIES // size)
    for start in range(0, len(counts), step):
        rows = counts[start : start + step]
        bits = rng.random_raw((rows.size + 7) // 8).view(np.uint16)
        # Clipping never happens; it spares a copy.
        drawn = np.take(pairs, bits, axis=0, mode="clip").reshape(-1)[: rows.size].reshape(rows.shape)
        lacking = size - (drawn @ ones).astype(np.int64)
        drawn[lacking < 0] = 0.0
        lacking[lacking < 0] = size
        number = int(lacking.sum())
        raw = rng.random_raw((number + 1) // 2).view(np.uint32)[:number]
        # A 32-bit number scaled down to 0 .. size - 1: its bias is below size / 2**32.
        columns = (np.multiply(raw, np.uint64(size), dtype=np.uint64) >> TWO_32).view(np.int64)
        np.add.at(drawn.reshape(-1), columns + np.repeat(np.arange(len(rows)) * size, lacking), ONE)
        rows[:] = drawn


@functools.cache
def _poisson_pairs(rate: float) -> np.ndarray:
    """Return two independent Poisson counts for each 16-bit number, float32 [2**16, 2].

    Chances of pairs are multiples of 2**-16, which takes less than a thousandth from the variance of a count.
    """
    # P(count <= k) = Q(k + 1, rate), the regularised upper incomplete gamma function.
    chances = np.diff(gammaincc(np.arange(MOST_COUNTED) + 1, rate), prepend=0.0)
    ends = np.rint(np.cumsum(np.outer(chances, chances)) * 2**16)
    # What is left after the last pair, which is nothing or next to nothing, is the commonest one.
    pair = np.searchsorted(ends, np.arange(2**16), side="right")
    pair[pair == len(ends)] = int(np.argmax(np.diff(ends, prepend=0.0)))
    return np.stack(np.divmod(pair, MOST_COUNTED), axis=1).astype(np.float32)


def _measured(batch: Batch, part: int, draws: int) -> dict[str, np.ndarray]:
    """Measure draws of one fold's groups: metric -> float32 [draws, samples]. Parts are drawn apart."""
    first, done = batch.samples[0], 0
    found: dict[str, np.ndarray] = {}
    for counts in resampled_counts(first.groups, seed=(int(first.key[:16], 16), part), draws=draws):
        for name, values in batch.measures(counts).items():
            if name not in found:
                found[name] = np.empty((draws, len(batch.samples)), dtype=np.float32)
            found[name][done : done + len(counts)] = values
        done += len(counts)
    return found


def _alike(repeats: Sequence[Sequence[Sample]], draws: int) -> list[Redrawn]:
    """Bootstrap the means over the folds of each repeat, for experiments with equally many classes."""
    by_rows: dict[str, list[tuple[int, Sample]]] = {}
    for column, samples in enumerate(repeats):
        for sample in samples:
            by_rows.setdefault(sample.key, []).append((column, sample))
    share = np.array([1.0 / len(samples) for samples in repeats])
    totals: dict[str, np.ndarray] = {}
    points: dict[str, np.ndarray] = {}
    ends = np.linspace(0, draws, PARTS + 1, dtype=int).tolist()
    # Two parts at a time: one multiplies while the other draws.
    with ThreadPoolExecutor(PARTS) as pool:
        for _, members in sorted(by_rows.items()):
            batch = Batch.of([sample for _, sample in members])
            turns = _each_once([place for place, _ in members])
            parts = pool.map(functools.partial(_measured, batch), range(PARTS), np.diff(ends).tolist())
            once = np.ones((1, batch.samples[0].groups.num_groups), dtype=np.float32)
            for name, values in batch.measures(once).items():
                sums = points.setdefault(name, np.zeros(len(share)))
                for which, columns in turns:
                    sums[columns] += values[0, which] * share[columns]
            for start, end, found in zip(ends, ends[1:], parts, strict=False):
                for name, values in found.items():
                    if name not in totals:
                        totals[name] = np.zeros((draws, len(share)), dtype=np.float32)
                    for which, columns in turns:
                        totals[name][start:end, columns] += values[:, which] * share[columns]
    return [_redrawn(repeats[column], column, totals, points) for column in range(len(repeats))]


def _each_once(columns: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split samples into turns in which no column comes twice: the places of the samples, and their columns.

    What is added to a column that is indexed twice is added once.
    """
    seen: dict[int, int] = {}
    turns: dict[int, list[int]] = {}
    for place, column in enumerate(columns):
        seen[column] = seen.get(column, 0) + 1
        turns.setdefault(seen[column], []).append(place)
    return [(np.array(places), np.array(columns)[places]) for places in turns.values()]


def _redrawn(
    samples: Sequence[Sample], column: int, totals: dict[str, np.ndarray], points: dict[str, np.ndarray]
) -> Redrawn:
    """Turn the draws of one repeat into intervals and deviations."""
    bounds: Bounds = {}
    deviations: Deviations = {}
    # Groups that were scored twice are no more groups.
    apart = {sample.key: sample for sample in samples}.values()
    num_groups = sum(sample.groups.num_groups for sample in apart)
    free = num_groups - sum(len(sample.groups.strata) for sample in apart)
    if free == 0:
        # Each group is the only one of its kind, and always drawn.
        return Redrawn(bounds, deviations)
    step = 1.0 / sum(sample.least_groups for sample in apart)
    quantile, scale = t_quantile(EDGES[1], max(1, free // 2)), math.sqrt(num_groups / free)
    for name, values in totals.items():
        every = values[:, column]
        drawn = every[np.isfinite(every)]
        point = float(points[name][column])
        if not len(drawn) or not math.isfinite(point):
            continue
        if name in LOSSES:
            low, high = np.quantile(drawn, EDGES).tolist()
        else:
            error = scale * float(np.std(drawn, dtype=np.float64, ddof=1))
            low, high = rate_bounds(point, error, quantile=quantile, step=step)
        bounds[name] = (low, high)
        # A draw without the metric keeps its place, so that those of two experiments are the same draws.
        deviations[name] = (scale * (every[:KEPT] - drawn.mean(dtype=np.float64))).astype(np.float32)
    return Redrawn(bounds, deviations)
