"""The bootstrap against the plain one that copies rows, and what it promises: groups, strata, bytes."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from scipy import special, stats
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from orchestrator.statistics import bootstrap as bootstrapping
from orchestrator.statistics import resampled
from orchestrator.statistics.bootstrap import (
    bootstrap,
    contrast_error,
    difference_bounds,
    difference_errors,
    mean_bounds,
    resampled_counts,
)
from orchestrator.statistics.delong import delong_test
from orchestrator.statistics.resampled import Groups, Sample, make_sample

KEY = "0123456789abcdef"
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
Measure = Callable[[np.ndarray, np.ndarray], float]


def rows(size: int, *, group_size: int = 1, seed: int = 0, shift: float = 1.0) -> Rows:
    """Labels, scores and the group of each row; rows of a group share half of their noise."""
    rng = np.random.default_rng(seed)
    labels, codes = np.arange(size) % 2, np.arange(size) // group_size
    noise = rng.normal(size=size) + rng.normal(size=size)[codes]
    return labels, 1 / (1 + np.exp(-(noise + shift * (2 * labels - 1)))), codes


def sample(found: Rows, *, key: str = KEY) -> Sample:
    labels, scores, codes = found
    return make_sample(key, labels, scores, (scores >= 0.5).astype(int), Groups.of(codes, labels))


def plain(found: Rows, measures: Mapping[str, Measure], draws: int = 400) -> dict[str, np.ndarray]:
    """Draws of a bootstrap that copies the rows of drawn groups, stratified by the classes of a group."""
    labels, scores, codes = found
    rng = np.random.default_rng(7)
    members = [np.flatnonzero(codes == group) for group in range(codes.max() + 1)]
    kinds: dict[tuple[int, ...], list[np.ndarray]] = {}
    for member in members:
        kinds.setdefault(tuple(sorted(set(labels[member].tolist()))), []).append(member)
    values: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(draws):
        drawn = [kind[place] for kind in kinds.values() for place in rng.integers(0, len(kind), len(kind))]
        chosen = np.concatenate(drawn)
        for name, measure in measures.items():
            values[name].append(measure(labels[chosen], scores[chosen]))
    return {name: np.array(each) for name, each in values.items()}


def expected_bounds(found: Rows, name: str, draws: np.ndarray) -> tuple[float, float]:
    """Percentiles of a loss; of a rate its log odds, with Student's t for the groups of one class."""
    labels, scores, codes = found
    if name in ("log_loss", "brier"):
        low, high = np.quantile(draws, [0.025, 0.975])
        return float(low), float(high)
    point = MEASURES[name](labels, scores)
    strata = len({frozenset(labels[codes == code].tolist()) for code in codes})
    groups = len(set(codes.tolist()))
    error = draws.std(ddof=1) * np.sqrt(groups / (groups - strata)) / (point * (1 - point))
    half = stats.t.ppf(0.975, (groups - strata) // 2) * error
    low, high = special.expit(special.logit(point) + np.array([-half, half]))
    return float(low), float(high)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The share of pairs that are in order, from ranks (Mann and Whitney 1947)."""
    fakes = int(labels.sum())
    above = stats.rankdata(scores)[labels == 1].sum() - fakes * (fakes + 1) / 2
    return float(above / (fakes * (len(labels) - fakes)))


def f1(labels: np.ndarray, called: np.ndarray) -> float:
    return float(2 * (labels & called).sum() / (labels.sum() + called.sum()))


# scikit-learn takes a millisecond for each, which hundreds of draws make seconds of.
MEASURES: dict[str, Measure] = {
    "auc": auc,
    "accuracy": lambda y, s: float(((s >= 0.5) == y).mean()),
    "balanced_accuracy": lambda y, s: float(((s >= 0.5)[y == 1].mean() + (s < 0.5)[y == 0].mean()) / 2),
    "f1": lambda y, s: f1(y, s >= 0.5),
    "precision": lambda y, s: float(y[s >= 0.5].mean()),
    "recall": lambda y, s: float((s >= 0.5)[y == 1].mean()),
    "log_loss": lambda y, s: float(-np.log(np.where(y == 1, s, 1 - s)).mean()),
    "brier": lambda y, s: float(((s - y) ** 2).mean()),
}
SCIKIT_LEARN: dict[str, Callable[[Any, Any], float]] = {
    "auc": metrics.roc_auc_score,
    "accuracy": lambda y, s: metrics.accuracy_score(y, s >= 0.5),
    "balanced_accuracy": lambda y, s: metrics.balanced_accuracy_score(y, s >= 0.5),
    "f1": lambda y, s: metrics.f1_score(y, s >= 0.5),
    "precision": lambda y, s: metrics.precision_score(y, s >= 0.5),
    "recall": lambda y, s: metrics.recall_score(y, s >= 0.5),
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
}


@pytest.mark.parametrize("name", MEASURES)
def test_what_the_copied_rows_are_measured_by_is_scikit_learns(name: str) -> None:
    labels, scores, _ = rows(60)
    assert MEASURES[name](labels, scores) == pytest.approx(SCIKIT_LEARN[name](labels, scores), abs=1e-12)


@pytest.mark.parametrize(("group_size", "names"), [(1, ("auc", "f1")), (3, tuple(MEASURES))])
def test_bounds_are_those_of_copying_rows(group_size: int, names: tuple[str, ...]) -> None:
    """Catches single images that are drawn instead of groups, and any wrong sum.

    400 and 10,000 draws: a bound's standard error is about 5 % of the interval's width.
    """
    found = rows(120, group_size=group_size)
    bounds = bootstrap([[sample(found)]])[0].bounds
    for metric, draws in plain(found, {name: MEASURES[name] for name in names}).items():
        expected = expected_bounds(found, metric, draws)
        assert bounds[metric] == pytest.approx(expected, abs=0.12 * (expected[1] - expected[0])), metric


@pytest.mark.parametrize("size", [300, 1000])
def test_the_auc_to_first_order_is_close_to_the_counted_one(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is used above 1,000 rows, at fewer: bounds within 3 % of the width."""
    found = rows(size)
    counted = bootstrap([[sample(found)]])[0].bounds["auc"]
    monkeypatch.setattr(resampled, "EXACT_ROWS", 0)
    first_order = bootstrap([[sample(found)]])[0].bounds["auc"]
    assert first_order != counted
    assert first_order == pytest.approx(counted, abs=0.03 * (counted[1] - counted[0]))


def test_ties_count_half() -> None:
    labels, scores, codes = rows(200)
    rounded = (labels, scores.round(1), codes)
    found = bootstrap([[sample(rounded)]])[0].bounds["auc"]
    expected = expected_bounds(rounded, "auc", plain(rounded, {"auc": auc})["auc"])
    assert found == pytest.approx(expected, abs=0.12 * (expected[1] - expected[0]))


def test_several_classes_are_means_over_classes() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(150) % 3
    raw = rng.random((150, 3)) + 0.4 * np.eye(3)[labels]
    values = raw / raw.sum(axis=1, keepdims=True)
    groups = Groups.of(np.arange(150), labels)
    found = bootstrap([[make_sample(KEY, labels, values, values.argmax(axis=1), groups)]])[0].bounds
    draws = []
    for _ in range(600):
        chosen = np.concatenate([rng.choice(np.flatnonzero(labels == c), 50) for c in range(3)])
        drawn = labels[chosen][:, None] == np.arange(3)
        called = values[chosen].argmax(axis=1)[:, None] == np.arange(3)
        aucs = [auc(drawn[:, c], values[chosen, c]) for c in range(3)]
        draws.append((np.mean(aucs), np.mean([f1(drawn[:, c], called[:, c]) for c in range(3)])))
    drawn = labels[:, None] == np.arange(3)
    called = values.argmax(axis=1)[:, None] == np.arange(3)
    points = {
        "auc_ovr": np.mean([auc(drawn[:, c], values[:, c]) for c in range(3)]),
        "macro_f1": np.mean([f1(drawn[:, c], called[:, c]) for c in range(3)]),
    }
    for column, (name, point) in enumerate(points.items()):
        error = np.std(draws, axis=0)[column] * np.sqrt(150 / 147) / (point * (1 - point))
        half = stats.t.ppf(0.975, 73) * error
        low, high = special.expit(special.logit(point) + np.array([-half, half]))
        assert found[name] == pytest.approx((low, high), abs=0.15 * (high - low))
    assert found["auc"] == found["auc_ovr"] and found["f1"] == found["macro_f1"]


def test_strata_keep_their_number_of_groups_and_every_group_is_drawn_once_on_average() -> None:
    labels = np.array([0, 0, 0, 1, 1, 0, 1] * 20)
    codes = np.concatenate([np.array([0, 1, 2, 3, 4, 5, 5]) + 6 * turn for turn in range(20)])
    groups = Groups.of(codes, labels)
    # In each turn three groups are real, two fake, and one is both.
    assert sorted(end - first for first, end in groups.strata) == [20, 40, 60]
    total = np.zeros(groups.num_groups)
    for counts in resampled_counts(groups, seed=(3,), draws=4000):
        for first, end in groups.strata:
            assert (counts[:, first:end].sum(axis=1) == end - first).all()
        total += counts.sum(axis=0)
    # A count's variance is nearly 1: the mean of 4,000 has a standard error of 0.016.
    assert np.abs(total / 4000 - 1.0).max() < 0.08


@pytest.mark.parametrize("margin", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("size", [1, 2, 3, 40, 700])
def test_draws_are_multinomial(monkeypatch: pytest.MonkeyPatch, size: int, margin: float) -> None:
    """Catches a resampling that is not one: with a margin of 0 half of the rows begin again."""
    monkeypatch.setattr(bootstrapping, "MARGIN", margin)
    groups = Groups.of(np.arange(size), np.zeros(size, dtype=int))
    drawn = np.concatenate([each.copy() for each in resampled_counts(groups, seed=(11,), draws=20_000)])
    assert drawn.shape == (20_000, size) and (drawn.sum(axis=1) == size).all()
    of_one = stats.binom(size, 1 / size)
    kinds = np.arange(min(size, 3) + 1)
    for column in {0, size // 2, size - 1}:
        found = np.array([(drawn[:, column] == kind).sum() for kind in kinds])
        expected = 20_000 * of_one.pmf(kinds)
        assert np.abs(found - expected).max() < 5 * np.sqrt(20_000 * 0.25)
        assert drawn[:, column].var() == pytest.approx(of_one.var(), rel=0.06, abs=1e-9)
    if size == 3:
        # Every outcome of three draws, with its probability.
        outcomes = [np.array(o) for o in itertools.product(range(4), repeat=3) if sum(o) == 3]
        found = np.array([(drawn == outcome).all(axis=1).sum() for outcome in outcomes])
        chances = np.array([stats.multinomial.pmf(outcome, 3, [1 / 3] * 3) for outcome in outcomes])
        assert stats.chisquare(found, 20_000 * chances).pvalue > 1e-3
    elif size > 3:
        # A sum of weights, as every metric is one: mean and spread of drawing with replacement.
        weights = np.random.default_rng(5).normal(size=size) ** 3
        sums = drawn @ weights
        spread = weights.std() * np.sqrt(size)
        assert sums.mean() == pytest.approx(weights.sum(), abs=5 * spread / np.sqrt(20_000))
        assert sums.std() == pytest.approx(spread, rel=0.03)


def test_folds_are_drawn_apart_and_averaged() -> None:
    """Two folds: the variance of the mean is a half of one fold's. Catches one draw for both."""
    parts = [sample(rows(300, seed=seed), key=f"{seed}{KEY}") for seed in (1, 2)]
    one, two, both = bootstrap([[parts[0]], [parts[1]], parts])
    errors = [float(np.std(found.deviations["auc"])) for found in (one, two, both)]
    assert errors[2] == pytest.approx(np.hypot(errors[0], errors[1]) / 2, rel=0.06)


def test_repeats_do_not_make_the_interval_narrower() -> None:
    """The same images tested twice are no more images: catches an interval that shrinks with cv_repeats."""
    found = sample(rows(300))
    once, again = (each.bounds for each in bootstrap([[found], [found]]))
    assert once == again and mean_bounds([once, again]) == mean_bounds([once])


def test_bounds_of_repeats_are_averaged_where_each_has_them() -> None:
    found = mean_bounds([{"auc": (0.1, 0.5), "f1": (0.0, 1.0)}, {"auc": (0.2, 0.8)}])
    assert found == {"auc": (0.15, 0.65)}


def test_what_is_computed_together_is_what_is_computed_alone() -> None:
    """Catches bytes that hang on which experiments happen to be new."""
    parts = [sample(rows(1500, seed=seed), key=KEY) for seed in range(3)]
    together = bootstrap([[part] for part in parts])
    alone = [bootstrap([[part]])[0] for part in parts]
    assert [each.bounds for each in together] == [each.bounds for each in alone]
    for one, other in zip(together, alone, strict=True):
        assert all((one.deviations[name] == other.deviations[name]).all() for name in one.deviations)


def test_a_perfect_model_has_wilsons_interval_for_its_groups() -> None:
    """Catches an interval from 1 to 1: 20 groups of a class without an error prove no more than 0.8."""
    labels = np.arange(80) % 2
    found = bootstrap([[sample((labels, labels * 0.8 + 0.1, np.arange(80) // 4 * 2 + labels))]])[0].bounds
    # 40 groups in 2 strata.
    expected = proportion_confint(20, 20, alpha=0.05, method="wilson")
    assert found["auc"] == found["accuracy"] == pytest.approx(expected)


def test_nothing_called_fake_leaves_no_interval_of_precision() -> None:
    labels, scores, codes = rows(60)
    found = bootstrap([[sample((labels, scores * 0.4, codes))]])[0].bounds
    assert "precision" not in found and found["recall"][0] == 0.0 < found["recall"][1] < 0.15


def test_the_error_of_a_difference_is_that_of_paired_draws() -> None:
    """Catches draws that are not the same for both, and the errors of both added up.

    Two models that share most of what they get wrong, against copying the rows of each draw for both.
    """
    labels, scores, codes = rows(240, group_size=4)
    other = 1 / (1 + np.exp(-(special.logit(scores) + 0.3 * np.random.default_rng(1).normal(size=240))))
    sides = [bootstrap([[sample((labels, each, codes))]])[0] for each in (scores, other)]
    found = contrast_error([(-1.0, [sides[0].deviations]), (1.0, [sides[1].deviations])], "auc")
    draws = [plain((labels, each, codes), {"auc": auc})["auc"] for each in (scores, other)]
    strata = len({frozenset(labels[codes == code].tolist()) for code in codes})
    expected = np.std(draws[1] - draws[0], ddof=1) * np.sqrt(60 / (60 - strata))
    # 400 draws: a standard error of 3.5 %.
    assert found == pytest.approx(expected, rel=0.12)
    assert found < 0.5 * float(np.std(sides[0].deviations["auc"]))
    delong = delong_test(labels, scores, other, groups=codes)
    assert found == pytest.approx(np.sqrt(delong.variance), rel=0.12)
    low, high = difference_bounds(sides[0].deviations, sides[1].deviations, "auc", difference=0.1)
    assert (high - low) / 2 == pytest.approx(1.96 * found, rel=0.1) and (low + high) / 2 == pytest.approx(
        0.1, abs=0.2 * found
    )


def test_the_error_of_a_difference_of_differences_is_that_of_paired_draws() -> None:
    """Catches errors of two differences that are added up, though all four were tested on the same images."""
    labels, scores, codes = rows(240, group_size=4)
    rng, logits = np.random.default_rng(1), special.logit(scores)
    every = [1 / (1 + np.exp(-(logits + 0.3 * rng.normal(size=240)))) for _ in range(4)]
    sides = [bootstrap([[sample((labels, each, codes))]])[0].deviations for each in every]
    weights = (1.0, -1.0, -1.0, 1.0)
    found = contrast_error([(weight, [side]) for weight, side in zip(weights, sides, strict=True)], "auc")
    draws = [plain((labels, each, codes), {"auc": auc})["auc"] for each in every]
    strata = len({frozenset(labels[codes == code].tolist()) for code in codes})
    crossed = sum(weight * np.asarray(each) for weight, each in zip(weights, draws, strict=True))
    # 400 draws: a standard error of 3.5 %.
    assert found == pytest.approx(np.std(crossed, ddof=1) * np.sqrt(60 / (60 - strata)), rel=0.12)


def test_repeats_make_the_error_of_a_difference_no_smaller() -> None:
    one, other = (bootstrap([[sample(rows(120, seed=seed))]])[0].deviations for seed in (1, 2))
    once = contrast_error([(-1.0, [one]), (1.0, [other])], "f1")
    assert contrast_error([(-1.0, [one, one]), (1.0, [other, other])], "f1") == pytest.approx(once)
    assert np.isnan(contrast_error([(-1.0, [one]), (1.0, [other])], "eer"))


def test_errors_of_all_differences_are_those_of_every_two() -> None:
    """Catches draws of one experiment beside those of another one's repeat, and what has no draws."""
    every = [
        [bootstrap([[sample(rows(120, seed=seed + number))]])[0].deviations for seed in (1, 2)]
        for number in (0, 10, 20)
    ]
    found = difference_errors([every[0], [], every[1], every[2], every[0]], "auc")
    for one, first in ((0, 0), (2, 1), (3, 2)):
        for other, second in ((0, 0), (2, 1), (3, 2)):
            if one != other:
                expected = contrast_error([(-1.0, every[first]), (1.0, every[second])], "auc")
                assert found[one, other] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(found[1]).all() and np.isnan(found[:, 1]).all() and np.isnan(np.diag(found)).all()
    # No draw tells equals apart.
    assert found[0, 4] == pytest.approx(0.0, abs=1e-8)
    assert np.isnan(difference_errors(every, "eer")).all() and np.isnan(difference_errors([], "auc")).all()


@pytest.mark.slow
def test_near_one_the_interval_holds_the_truth_where_percentiles_do_not() -> None:
    """Five folds of four groups a class, AUC 0.993: percentiles hold it in 75 %, the interval in 92 %."""
    rng, studies, group_size = np.random.default_rng(4), 150, 4
    truth, labels = 0.993, np.repeat(np.arange(8) % 2, group_size)
    codes = np.repeat(np.arange(8), group_size)
    groups, shift = Groups.of(codes, labels), np.sqrt(2) * stats.norm.ppf(truth)
    held = np.zeros(2)
    for study in range(studies):
        folds = []
        for fold in range(5):
            noise = np.sqrt(0.5) * (rng.normal(size=8)[codes] + rng.normal(size=len(codes)))
            scores = special.expit(noise + shift * (labels - 0.5))
            folds.append(make_sample(f"{study:08x}{fold:08x}", labels, scores, labels, groups))
        found = bootstrap([folds], draws=400)[0]
        point = np.mean([fold.points[2] for fold in folds])
        # Deviations are larger than draws, which have too few groups.
        low, high = point + np.sqrt(3 / 4) * np.quantile(found.deviations["auc"], [0.025, 0.975])
        held += (found.bounds["auc"][0] <= truth <= found.bounds["auc"][1], low <= truth <= high)
    assert held[0] / studies >= 0.92 and held[1] / studies < 0.85


def test_two_samples_of_the_same_rows_in_one_repeat_both_count() -> None:
    """Catches a sample that is lost from the mean, and groups that are more since they were scored twice."""
    found = rows(60, seed=1), rows(60, seed=2, shift=0.3)
    one, other = map(sample, found)
    both, first, second, twice = bootstrap([[one, other], [one], [other], [one, one]], draws=200)
    mean = (first.deviations["auc"] + second.deviations["auc"]) / 2
    assert both.deviations["auc"] == pytest.approx(mean, abs=1e-6)
    low, high = both.bounds["auc"]
    assert low < np.mean([auc(labels, scores) for labels, scores, _ in found]) < high
    assert twice.bounds["auc"] == pytest.approx(first.bounds["auc"], abs=1e-6)
