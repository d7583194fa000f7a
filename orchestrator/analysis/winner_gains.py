"""Gains and costs of a phase's winner over the baselines of its declared comparisons.

The winner is the experiment of the decision in force; without a decision it is the first of the ranking, and
without a ranking the complete experiment with the best mean. A declared comparison gives its own difference
and Holm-corrected p-value. Where the winner was not declared against a baseline, the pair's p-value is
corrected over all pairs, and is there only if the two are comparable. Decisions on values of keys have no
winner.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from orchestrator.analysis.balance import worst_source_test
from orchestrator.analysis.collect import Tables
from orchestrator.analysis.comparing import SIGNIFICANT, compare_pair
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.analysis.pareto import MEASURES, Measure, amount, is_known, measured_on
from orchestrator.statistics import holm
from orchestrator.store.decision_file import DecisionRecord
from trainables.evaluation.metrics import LOWER_IS_BETTER

Family = Literal["declared", "all pairs", ""]
DECLARED: Family = "declared"
ALL_PAIRS: Family = "all pairs"
NOTHING: Family = ""
MOST_BASELINES = 6


@dataclass(frozen=True, slots=True)
class GainOver:
    """What a winner gains over one baseline, with the sign of better, and how many times its cost it takes.

    `family` says over what p_holm is corrected. NaN is not known; `reason` says why there is no difference.
    `factors` are the winner's amounts over the baseline's; NaN where one is not known, or where the two hang
    on different devices.
    """

    baseline: str
    gain: float
    low: float
    high: float
    p_value: float
    p_holm: float
    family: Family
    factors: Mapping[Measure, float]
    reason: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether the winner is surely better."""
        return self.p_holm < SIGNIFICANT and self.gain > 0.0


@dataclass(frozen=True, slots=True)
class BetterBalanced:
    """A candidate tied with the winner whose worst-source AUC is higher: by how much, paired by fold."""

    experiment: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class WinnerGains:
    """A phase's winner and its gains by baseline.

    `is_decided` tells whether a decision named it, as the first of `num_selected` where it selected several;
    `is_baseline` whether a declared comparison has it as its baseline. `over` are the first MOST_BASELINES
    of `num_baselines` others.
    """

    experiment: str
    is_decided: bool
    num_selected: int
    is_baseline: bool
    metric: str
    over: tuple[GainOver, ...]
    num_baselines: int
    better_balanced: tuple[BetterBalanced, ...]


def winner_gains(
    tables: Tables, decision: DecisionRecord | None, costs: Sequence[ExperimentCost], *, metric: str
) -> WinnerGains | None:
    """Return what the winner of a phase gains and costs over its baselines.

    None where nothing was compared, where the decision is on values of keys, or where no experiment has all
    its folds.

    Args:
        tables: what `collect` gave.
        decision: the decision in force.
        costs: of every experiment.
        metric: what is gained.
    """
    if tables.comparisons.empty or (decision is not None and decision.chosen is None):
        return None
    winner = _best_mean(tables, metric) if decision is None else decision.chosen
    if winner is None or winner not in tables.experiments:
        return None
    declared = list(tables.comparisons["baseline"].drop_duplicates())
    baselines = [name for name in declared if name != winner]
    by_name = {each.experiment: each for each in costs}
    over = [
        _gain(tables, winner, name, metric, _factors(by_name[winner], by_name[name]))
        for name in baselines[:MOST_BASELINES]
    ]
    ties = () if decision is None else decision.ties
    return WinnerGains(
        winner,
        decision is not None,
        0 if decision is None else len(decision.selected),
        winner in declared,
        metric,
        tuple(over),
        num_baselines=len(baselines),
        better_balanced=_better_balanced(tables, winner, ties),
    )


def _best_mean(tables: Tables, metric: str) -> str | None:
    """The comparable experiment with the best mean, else that of all with every fold, the first of equals."""
    if len(tables.ranking):
        return str(tables.ranking["experiment"].iloc[0])
    means = {name: row["mean"] for (name, known), row in tables.overall.items() if known == metric}
    whole = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    sign = 1.0 if metric in LOWER_IS_BETTER else -1.0
    return min(whole, key=lambda name: sign * whole[name], default=None)


def _factors(winner: ExperimentCost, baseline: ExperimentCost) -> dict[Measure, float]:
    """How many times the baseline's amounts the winner takes."""
    found = {}
    for measure in MEASURES:
        is_comparable = all(is_known(each, measure) for each in (winner, baseline))
        is_comparable &= measured_on(winner, measure) == measured_on(baseline, measure)
        ratio = amount(winner, measure) / amount(baseline, measure) if is_comparable else math.nan
        found[measure] = ratio
    return found


def _gain(
    tables: Tables, winner: str, baseline: str, metric: str, factors: Mapping[Measure, float]
) -> GainOver:
    """Compare the winner with a baseline; p_holm is that of the comparison, or of the pair, of the two."""
    sides = (tables.experiments[baseline], tables.experiments[winner])
    row, effect = compare_pair(sides, metric, rope=0.0)
    reason = effect.get("reason", "")
    if "mean_diff" not in row:
        return GainOver(baseline, *(math.nan,) * 5, NOTHING, factors, reason)
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    low, high = sorted((sign * row["ci_low"], sign * row["ci_high"]))
    p_value, p_holm, family = row["p_value"], math.nan, NOTHING
    if row.get("verdict") == "undecided":
        # No verdict is possible, whatever the numbers say.
        p_value = math.nan
    else:
        p_holm, family = _corrected(tables, {winner, baseline}, metric)
    return GainOver(baseline, sign * row["mean_diff"], low, high, p_value, p_holm, family, factors, reason)


def _corrected(tables: Tables, names: AbstractSet[str], metric: str) -> tuple[float, Family]:
    """The corrected p-value of two experiments, in either order, and over what it is corrected."""
    for table, columns, family in (
        (tables.comparisons, ["baseline", "treatment"], DECLARED),
        (tables.pairs, ["first", "second"], ALL_PAIRS),
    ):
        rows = table[(table["metric"] == metric) & table[columns].isin(names).all(axis=1)]
        if len(rows):
            return float(rows.iloc[0]["p_holm"]), family
    return math.nan, NOTHING


def _better_balanced(tables: Tables, winner: str, ties: Sequence[str]) -> tuple[BetterBalanced, ...]:
    """The tied candidates whose worst-source AUC is above the winner's, with p-values for as many as tie."""
    others = [name for name in ties if name != winner and name in tables.experiments]
    tests = [worst_source_test(tables.experiments[winner], tables.experiments[name]) for name in others]
    corrected = holm([math.nan if test is None else test.p_value for test in tests])
    return tuple(
        BetterBalanced(
            name, test.difference.mean, test.difference.low, test.difference.high, test.p_value, p_holm
        )
        for name, test, p_holm in zip(others, tests, corrected, strict=True)
        if test is not None and test.difference.mean > 0.0
    )
