"""Rows of a phase's tables as typed dictionaries: the fields in their order are the columns of the file.

They are dictionaries because what is kept between runs is JSON, and what is written is a data frame. A field
that a row lacks is an empty cell.
"""

from typing import NotRequired, TypedDict


class SummaryRow(TypedDict):
    """A row of summary.csv: a mean over folds with its intervals; NaN where there is none."""

    experiment: str
    metric: str
    source: str
    n: int
    n_expected: int
    mean: float
    std: float
    ci_low: float
    ci_high: float
    boot_low: float
    boot_high: float


class HoldoutRow(TypedDict):
    """A row of holdout.csv: AUC on the sources trained on, on a held-out one, and what is lost.

    `by_fold` are the losses by repeat and fold, in order, which the file leaves out.
    """

    experiment: NotRequired[str]
    source: str
    n: int
    n_expected: int
    in_source: NotRequired[float]
    held_out: NotRequired[float]
    delta: NotRequired[float]
    std: NotRequired[float]
    ci_low: NotRequired[float]
    ci_high: NotRequired[float]
    p_value: NotRequired[float]
    by_fold: list[float]
    reason: str


class CalibrationRow(TypedDict):
    """A row of calibration.csv: one trial and method, the errors of its test rows before and after."""

    experiment: str
    repeat: int
    fold: int
    method: str
    outcome: str
    reason: str
    parameters: str
    n_val: int
    n_test: int
    ece_before: float
    ece_after: float | None
    brier_before: float
    brier_after: float | None
    trial: str


class ReliabilityRow(TypedDict):
    """A row of reliability.csv: one bin of a diagram, and the errors of all its rows."""

    experiment: str
    method: str
    bin: int
    n: int
    mean_confidence: float
    accuracy: float
    low: float
    high: float
    ece: float
    brier: float
    n_rows: int


class ComparisonRow(TypedDict):
    """A row of comparisons.csv; n and the verdict alone where two experiments can't be paired."""

    question: NotRequired[str]
    baseline: NotRequired[str]
    treatment: NotRequired[str]
    metric: NotRequired[str]
    source: NotRequired[str]
    n: int
    mean_diff: NotRequired[float]
    std_diff: NotRequired[float]
    ci_low: NotRequired[float]
    ci_high: NotRequired[float]
    p_value: NotRequired[float]
    p_holm: NotRequired[float]
    p_wilcoxon: NotRequired[float]
    p_worse: NotRequired[float]
    p_equivalent: NotRequired[float]
    p_better: NotRequired[float]
    min_detectable: NotRequired[float]
    verdict: NotRequired[str]


class EffectRow(TypedDict, total=False):
    """A row of effects.csv: how large a difference is, and what it would take to see it."""

    question: str
    baseline: str
    treatment: str
    metric: str
    source: str
    better_is: str
    gain: float
    effect_size: float
    folds_won: int
    folds_tied: int
    folds_lost: int
    common_rows: int
    rope: float
    error_from: str
    error_floor: float
    detectable: float
    repeats: int
    repeats_needed: int
    hours_needed: float | None
    device: str
    p_delong: float
    reason: str


class RankingRow(TypedDict):
    """A row of ranking.csv: place, what the tests leave open of it, and the difference to the best mean."""

    metric: str
    experiment: str
    rank: int
    rank_low: int
    rank_high: int
    may_be_best: str
    mean: float
    ci_low: float
    ci_high: float
    to_best: float
    to_best_low: float
    to_best_high: float
    p_value: float
    p_holm: float
    n: int
    mean_rank: float
    critical_difference: float
    friedman_p: float
    letters: str
    basis: str


class BalanceRow(TypedDict):
    """A row of balance.csv: an experiment on its worst source of fakes, and against the best mean there."""

    experiment: str
    n: int
    n_expected: int
    sources: int
    worst_source: NotRequired[str]
    worst_folds: NotRequired[int]
    worst: NotRequired[float]
    worst_std: NotRequired[float]
    worst_low: NotRequired[float]
    worst_high: NotRequired[float]
    spread: NotRequired[float]
    spread_low: NotRequired[float]
    spread_high: NotRequired[float]
    against: NotRequired[str]
    difference: NotRequired[float]
    ci_low: NotRequired[float]
    ci_high: NotRequired[float]
    p_value: NotRequired[float]
    p_holm: NotRequired[float]
    reason: str


class ParetoRow(TypedDict):
    """A row of pareto.csv: an experiment by one kind of cost, on or off the front, or why it is neither."""

    metric: str
    measure: str
    experiment: str
    cost: float
    mean: float
    on_front: str
    dominated_by: str
    against: str
    gain: NotRequired[float]
    ci_low: NotRequired[float]
    ci_high: NotRequired[float]
    p_value: NotRequired[float]
    p_holm: NotRequired[float]
    is_shown: str
    reason: str


class Difference(TypedDict, total=False):
    """One score of two experiments over all folds, in plain JSON values; a verdict is always there."""

    source: str
    metric: str
    better_is: str
    verdict: str
    reason: str
    n: int
    baseline_mean: float
    baseline_std: float | None
    other_mean: float
    other_std: float | None
    mean_diff: float
    std_diff: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    p_wilcoxon: float | None
    p_worse: float | None
    p_equivalent: float | None
    p_better: float | None
    min_detectable: float | None
    effect_size: float | None
    folds_won: int
    folds_tied: int
    folds_lost: int
    error_from: str
    error_floor: float | None
    common_rows: int | None
    detectable: float | None
    repeats: int
    repeats_needed: int | None
    hours_needed: float | None
    device: str
    p_delong: float | None


class DeclaredAnswer(TypedDict):
    """What a phase says of a comparison that it declares among `num_declared`."""

    phase: str
    num_declared: int
    verdict: str
    p_holm: float | None
    repeats_needed: int | None


class TwoCompared(Difference, total=False):
    """What `compare` prints: two experiments by one metric, and by each source's rates.

    `declared` is what phases say that ask the same, `setups` in what the two sides ran differently.
    """

    baseline: str
    other: str
    rope: float
    setups: str
    declared: list[DeclaredAnswer]
    sources: list[Difference]
