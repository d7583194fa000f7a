"""Learning curves over the amount of data: what doubling the training images gives, and where curves cross.

A model is a series of experiments that differ in `subsample` alone (`data_sizes`). All of them are paired on
the same test folds, or nothing is fitted. Of two sizes there is the gain per doubling, with the corrected
paired t-test; of three or more also a power law with a floor (`statistics.power_law`) of the error, which is
1 - score where more is better, with a prediction at twice the data.

Intervals are those of drawn folds, the same folds for all sizes and models. Where folds agree more closely
than their few test images can tell, draws of other test images (`Bootstraps`) make up for what lacks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from orchestrator.analysis.comparing import SIGNIFICANT, TEST_GROUPS, pair_up, test_share
from orchestrator.analysis.data_sizes import series_name, size_series
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.headline import headline_metric
from orchestrator.analysis.trial_scores import ALL
from orchestrator.analysis.verdict_limits import error_floor, no_verdict
from orchestrator.statistics import PairedTest, corrected_paired_t_test, corrected_rate, holm
from orchestrator.statistics.intervals import CONFIDENCE, corrected_interval, standard_error
from orchestrator.statistics.power_law import (
    DRAWS,
    MIN_SIZES,
    PowerLaws,
    fit_power_laws,
    fold_draws,
    moved_errors,
    size_weights,
)
from orchestrator.store.records import StudyRecord
from trainables.evaluation.metrics import LOWER_IS_BETTER, is_rate

# How far a curve is followed beyond the largest size, and in how many steps it is drawn.
REACH, STEPS = 2.0, 49
EDGES = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
# Models of which every pair is looked at; of more, those with the best law at their largest size.
MOST_CROSSED = 8
# Of drawn curves: from this share on that two cross is shown.
SURE_CROSSING = 0.95
TWO_SIZES = "two sizes give a slope and no curve; run a third share of the data"
BENT = (
    "no power law follows these scores: it misses the last one by more than it would gain, so nothing is "
    "predicted beyond it"
)
FLAT = "the score does not rise with the data, so nothing is predicted beyond it"


@dataclass(frozen=True, slots=True)
class MeasuredSize:
    """An experiment of a series: mean score over folds with its interval, NaN where there is none.

    `images` are those that weights are learned from in a fold, inner validation images not counted.
    """

    experiment: str
    subsample: float
    images: float
    folds: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScalingCurve:
    """The fitted law, score at `images` in the unit of the metric, with the bounds of its 95 % band.

    error = c + a * images^-b. `predicted` is the score at twice the largest size, `gain` how much better it
    is than the law at the largest size. `error_from`: folds, or test groups where these were needed, too.
    """

    a: float
    b: float
    c: float
    predicted: Estimate
    gain: Estimate
    error_from: str
    images: tuple[float, ...]
    scores: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ModelScaling:
    """One model over its sizes. `doubling` is the gain per doubling, from the smallest size to the largest.

    `p_holm` is the p-value of that, corrected by Holm over the models. `reason` says why there is no curve;
    empty where there is one.
    """

    name: str
    sizes: tuple[MeasuredSize, ...]
    doubling: PairedTest | None = None
    curve: ScalingCurve | None = None
    reason: str = ""
    p_holm: float = math.nan

    @property
    def is_change_shown(self) -> bool:
        """Whether more data is shown to change the score, as one of several models."""
        return self.p_holm < SIGNIFICANT

    @property
    def is_gain_shown(self) -> bool:
        """Whether the measured gain is shown, and the interval of the predicted one leaves 0 out.

        What was measured is tested on the scale of the score: no prediction is surer than that.
        """
        if self.curve is None or self.doubling is None:
            return False
        is_better = self.is_change_shown and self.doubling.difference.mean > 0.0
        return is_better and self.curve.gain.low > 0.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where the curves of two models cross between the smallest size and twice the largest one.

    `ahead_first` is the better one before. `images` is NaN where the fitted curves do not cross. `share` is
    how many of the drawn curves cross, and `low` to `high` holds 95 % of these crossings.
    """

    one: str
    other: str
    ahead_first: str
    images: float
    share: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Models over the amount of data, by one metric, and where their curves cross."""

    metric: str = ""
    models: tuple[ModelScaling, ...] = ()
    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A model's law, and those of drawn folds; `places` says on which test rows, by fold."""

    model: ModelScaling
    law: PowerLaws
    drawn: PowerLaws
    largest: float
    rows: tuple[tuple[int, int, str], ...]


def measure_scaling(study: StudyRecord, experiments: Mapping[str, Gathered]) -> Scaling:
    """Measure every series of sizes that a study has, by the metric of its first comparison, else the AUC."""
    series = size_series(study)
    if not series:
        return Scaling()
    metric = headline_metric(study.phase.comparisons, experiments.values())
    named = [series_name(names) for names in series]
    found: list[ModelScaling] = []
    fitted: list[_Fitted] = []
    for name, names in zip(named, series, strict=True):
        called = name if named.count(name) == 1 else names[-1]
        model, fit = _measure(called, [experiments[each] for each in names], metric)
        found.append(model)
        fitted += [fit] if fit is not None else []
    ordered = sorted(fitted, key=lambda each: float(each.law.at(np.array([each.largest]))[0, 0]))
    crossed = [each for each in fitted if each in ordered[:MOST_CROSSED]]
    crossings = tuple(_cross(one, other) for one, other in combinations(crossed, 2))
    tested = [math.nan if each.doubling is None else each.doubling.p_value for each in found]
    models = tuple(replace(each, p_holm=p) for each, p in zip(found, holm(tested), strict=True))
    return Scaling(metric, models, crossings)


def _measure(name: str, sides: Sequence[Gathered], metric: str) -> tuple[ModelScaling, _Fitted | None]:
    """Measure one model: its sizes, its gain per doubling, and its law where there is one."""
    sizes = tuple(_size(each, metric) for each in sides)
    pairs = [pair_up(sides[0], each, metric) for each in sides[1:]]
    for pair in pairs:
        if pair.treatment is None or pair.baseline is None or pair.common_rows is not None:
            reason = pair.reason or "its sizes were not tested on the same images"
            return ModelScaling(name, sizes, reason=reason), None
    values = np.array([pairs[0].baseline, *(pair.treatment for pair in pairs)], dtype=np.float64)
    errors = values if metric in LOWER_IS_BETTER else 1.0 - values
    images = np.array([each.images for each in sizes])
    if np.any(np.diff(images) <= 0):
        return ModelScaling(name, sizes, reason="a larger share has no more training images"), None
    doubling = _per_doubling(sides, errors, metric, math.log2(images[-1] / images[0]))
    cannot = no_verdict(
        values[0], values[-1], folds=sides[0].folds, metric=metric, error=doubling.difference.error
    )
    if cannot or values.shape[1] == 1:
        return ModelScaling(name, sizes, reason=cannot or "a single split gives no interval"), None
    if len(sides) < MIN_SIZES:
        return ModelScaling(name, sizes, doubling, reason=TWO_SIZES), None
    law = fit_power_laws(images, errors.mean(axis=1)[None, :], weights=size_weights(errors))
    if law.above[0] <= 0.0 or errors[-1].mean() >= errors[0].mean():
        return ModelScaling(name, sizes, doubling, reason=FLAT), None
    ((now, twice),) = law.at(images[-1] * np.array([1.0, REACH]))
    if abs(now - errors[-1].mean()) > now - twice:
        return ModelScaling(name, sizes, doubling, reason=BENT), None
    deviations, error_from = _deviations(sides, errors, metric)
    moved = moved_errors(errors.mean(axis=1), deviations, is_rate=is_rate(metric))
    drawn = fit_power_laws(images, moved, weights=size_weights(errors), is_bounded=False)
    curve = _curve(law, drawn, images, metric, error_from)
    model = ModelScaling(name, sizes, doubling, curve)
    rows = tuple((*place, trial.rows) for place, trial in sorted(sides[0].trials.items()))
    return model, _Fitted(model, law, drawn, float(images[-1]), rows)


def _size(side: Gathered, metric: str) -> MeasuredSize:
    """Measure one experiment, as summary.csv has it."""
    trials = side.trials.values()
    images = float(np.mean([each.n_train - each.n_val for each in trials])) if side.trials else math.nan
    values = side.values.get((ALL, metric), {})
    subsample, nothing = side.record.recipe.subsample, (math.nan, math.nan, math.nan)
    mean, low, high = nothing
    if len(values) == side.expected:
        scores = np.array([value for _, value in sorted(values.items())])
        share, folds = side.test_share, side.folds
        found = (
            corrected_rate(scores, test_share=share, folds=folds, step=side.step())
            if is_rate(metric)
            else corrected_interval(scores, test_share=share, folds=folds)
        )
        mean, low, high = found.mean, found.low, found.high
    return MeasuredSize(side.name, subsample, images, len(values), mean, low, high)


def _per_doubling(sides: Sequence[Gathered], errors: np.ndarray, metric: str, doublings: float) -> PairedTest:
    """Test how much the score gains with each doubling from the first size to the last, paired by fold."""
    ends = (sides[0], sides[-1])
    return corrected_paired_t_test(
        errors[-1] / doublings,
        errors[0] / doublings,
        test_share=test_share(ends),
        folds=sides[0].folds,
        floor=error_floor(ends, metric) / doublings,
    )


def _deviations(sides: Sequence[Gathered], errors: np.ndarray, metric: str) -> tuple[np.ndarray, str]:
    """Draw mean errors that other folds could have given, float [draws, S], and say what they rest on."""
    share, folds = test_share(sides), sides[0].folds
    known = [side.deviations[0].get(metric) if side.deviations else None for side in sides]
    if any(each is None for each in known):
        return fold_draws(errors, test_share=share, folds=folds), "folds"
    sign = 1.0 if metric in LOWER_IS_BETTER else -1.0
    others = sign * np.nan_to_num(np.array(known, dtype=np.float64)[:, :DRAWS]).T
    # Of every mean and of the difference between the ends: which share of its variance do the folds lack?
    ends = np.eye(len(sides))[-1] - np.eye(len(sides))[0]
    lacking = 0.0
    for contrast in (*np.eye(len(sides)), ends):
        by_images = float(np.var(others @ contrast))
        by_folds = standard_error(float(np.std(contrast @ errors, ddof=1)), errors.shape[1], share) ** 2
        lacking = max(lacking, 1.0 - by_folds / by_images) if by_images > 0.0 else lacking
    beside = math.sqrt(lacking) * others if lacking else None
    drawn = fold_draws(errors, test_share=share, folds=folds, beside=beside)
    return drawn, TEST_GROUPS if lacking else "folds"


def _curve(
    law: PowerLaws, drawn: PowerLaws, images: np.ndarray, metric: str, error_from: str
) -> ScalingCurve:
    """Follow a law and its draws from the smallest size to twice the largest one."""
    grid = np.geomspace(images[0], REACH * images[-1], STEPS)
    errors, others = (_within(each.at(grid), metric) for each in (law, drawn))
    ends = np.array([images[-1], REACH * images[-1]])
    point, draws = (_within(each.at(ends), metric) for each in (law, drawn))
    low, high = _bounds(others, errors[0])
    predicted = Estimate(
        float(point[0, 1]), *(float(each[0]) for each in _bounds(draws[:, 1:], point[0, 1:]))
    )
    fallen, fallen_draws = point[:, :1] - point[:, 1:], draws[:, :1] - draws[:, 1:]
    gain = Estimate(float(fallen[0, 0]), *(float(each[0]) for each in _bounds(fallen_draws, fallen[0])))
    if metric not in LOWER_IS_BETTER:
        errors, low, high = 1.0 - errors, 1.0 - high, 1.0 - low
        predicted = Estimate(1.0 - predicted.value, 1.0 - predicted.high, 1.0 - predicted.low)
    return ScalingCurve(
        float(law.a[0]),
        float(law.b[0]),
        float(law.c[0]),
        predicted,
        gain,
        error_from,
        images=tuple(grid.tolist()),
        scores=tuple(errors[0].tolist()),
        lows=tuple(low.tolist()),
        highs=tuple(high.tolist()),
    )


def _within(errors: np.ndarray, metric: str) -> np.ndarray:
    return np.asarray(np.clip(errors, 0.0, 1.0 if is_rate(metric) else None))


def _bounds(draws: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take percentiles of draws, float [draws, N]: bounds that hold the point, float [N]."""
    low, high = np.quantile(draws, EDGES, axis=0)
    return np.minimum(low, point), np.maximum(high, point)


def _cross(one: _Fitted, other: _Fitted) -> Crossing:
    """Find where two models' laws cross, and how many of the drawn laws do."""
    names = (one.model.name, other.model.name)
    if one.rows != other.rows:
        reason = "the two were not tested on the same images"
        return Crossing(*names, "", math.nan, math.nan, math.nan, math.nan, reason)
    starts = [each.model.sizes[0].images for each in (one, other)]
    end = REACH * min(one.largest, other.largest)
    if max(starts) >= end:
        reason = "the two have no amount of data in common"
        return Crossing(*names, "", math.nan, math.nan, math.nan, math.nan, reason)
    grid = np.geomspace(max(starts), end, 2 * STEPS - 1)
    point = one.law.at(grid) - other.law.at(grid)
    drawn = _first_zero(grid, one.drawn.at(grid) - other.drawn.at(grid))
    crossed = drawn[np.isfinite(drawn)]
    low, high = np.quantile(crossed, EDGES).tolist() if len(crossed) else (math.nan, math.nan)
    ahead = names[0] if point[0, 0] < 0.0 else names[1]
    images = float(_first_zero(grid, point)[0])
    return Crossing(*names, ahead, images, len(crossed) / len(drawn), low, high)


def _first_zero(grid: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Return where each row of differences, float [M, N], first changes its sign; NaN where it does not."""
    changes = np.signbit(differences[:, 1:]) != np.signbit(differences[:, :-1])
    found = np.full(len(differences), math.nan)
    rows = np.flatnonzero(changes.any(axis=1))
    place = np.argmax(changes[rows], axis=1)
    before, after = differences[rows, place], differences[rows, place + 1]
    # Between two points of the grid a difference is taken to be straight over the logarithm.
    logs = np.log(grid)
    found[rows] = np.exp(logs[place] + before / (before - after) * (logs[place + 1] - logs[place]))
    return found
