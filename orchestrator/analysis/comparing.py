"""The comparisons that a phase declared: their numbers, their verdicts, and what it would take to see more.

Two experiments are paired fold by fold, if they have the same fold files and each fold was tested on the
same rows (path, group, label), or, where one is a subsample, on the rows that both have (`common_rows`). If
that can't be, the verdict is `incomplete`, and effects.csv says why. Verdicts: better (worse) when the
Holm-corrected p < 0.05 and p_better (p_worse) > 0.95; equivalent when p_equivalent > 1 - 0.05 / m for a
family of m; else undecided. The family is all declared rows, those that can't be tested yet included. Two
folds, and two experiments with the best value there is on every fold, are undecided whatever the numbers say.
Differences are treatment - baseline; better and worse mind metrics that are better when lower.

The standard error of a difference is that of the folds' spread, but not less than what other test images
would change: the paired group bootstrap, or what one group of test images could where the metric has no
bootstrap, where no draw tells the two apart, or where the two are paired on the rows that both have.

comparisons.csv has the columns of the design; min_detectable is the smallest difference that would have
been significant with this error. effects.csv, a row for each of its rows: better_is (higher|lower); gain,
the difference with the sign of better; effect_size (mean / std over folds); folds_won, folds_tied,
folds_lost; common_rows (the test rows that both have, where some were left out); rope; error_from (folds, or
test groups: the floor), error_floor; detectable, the true difference found with probability 0.8; repeats,
repeats_needed to make the seen difference significant in its family while the other rows stay as they are,
hours_needed of training for the missing ones on `device` (of a CPU thread, or of a GPU); p_delong, on
request, of repeats twice the mean; reason, and in what the two ran differently.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator import statistics
from orchestrator.analysis.common_rows import common_scores
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.rows import ComparisonRow, EffectRow
from orchestrator.analysis.setups import setup_differences, setups_text
from orchestrator.analysis.trial_scores import ALL, Place, is_one_device
from orchestrator.analysis.verdict_limits import error_floor, no_verdict
from orchestrator.statistics import Interval, Posterior
from orchestrator.statistics.bootstrap import difference_bounds
from orchestrator.statistics.delong import DeLong, combined_p, combined_repeats, delong_test
from orchestrator.store.predictions import DAMAGE, read_predictions
from orchestrator.store.records import Comparison
from trainables.evaluation.metrics import LOWER_IS_BETTER

SIGNIFICANT = 0.05
SURE = 0.95
COMPARISONS = list(ComparisonRow.__annotations__)
EFFECTS = list(EffectRow.__annotations__)
TEXT = (
    "question", "baseline", "treatment", "metric", "source", "verdict", "better_is", "error_from", "device",
    "reason",
)  # fmt: skip
# Of error_from: the floor was at work.
TEST_GROUPS = "test groups"
SINGLE = (
    "a single split has no spread over folds: no test, and the interval is the paired bootstrap's over "
    "groups of its test images"
)


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """Scores of the same folds of two experiments, float [n]; without them n pairs, and the reason.

    `common_rows` counts the test rows that both have, where one has others too and these were left out.
    """

    n: int
    baseline: np.ndarray | None = None
    treatment: np.ndarray | None = None
    reason: str = ""
    common_rows: int | None = None


def answer_comparisons(
    asked: Sequence[Comparison], experiments: Mapping[str, Gathered]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answer the declared comparisons: comparisons.csv and effects.csv."""
    rows: list[ComparisonRow] = []
    effects: list[EffectRow] = []
    pairs, beside = [], []
    for comparison in asked:
        sides = (experiments[comparison.baseline], experiments[comparison.treatment])
        setups = setups_text(setup_differences(*sides))
        for metric in comparison.metrics:
            row, effect = compare_pair(sides, metric, rope=comparison.rope, delong=comparison.delong)
            for each in (row, effect):
                each["question"] = comparison.question
                each["baseline"], each["treatment"] = comparison.baseline, comparison.treatment
                each["metric"], each["source"] = metric, ALL
            rows.append(row)
            effects.append(effect)
            pairs.append(sides)
            beside.append("; ".join(filter(None, (effect.pop("reason", ""), setups))))
    corrected = statistics.holm([row.get("p_value", math.nan) for row in rows])
    family = len(rows)
    clear = sum(p_holm < SIGNIFICANT for p_holm in corrected)
    for row, effect, sides, said, p_holm in zip(rows, effects, pairs, beside, corrected, strict=True):
        row["p_holm"] = p_holm
        if row.get("verdict") != "incomplete":
            # Holm multiplies the smallest p-value of those that are not significant yet by their number.
            others = family - (clear - int(p_holm < SIGNIFICANT))
            effect.update(effort(row, effect, sides, family=others))
            row.setdefault("verdict", verdict_of(row, p_holm, family=family))
        effect["reason"] = "; ".join(filter(None, (effect.get("reason", ""), said)))
    return _frame(rows, COMPARISONS), _frame(effects, EFFECTS)


def pair_up(baseline: Gathered, treatment: Gathered, metric: str, source: str = ALL) -> Paired:
    """Pair two experiments by fold, if need be on the test rows that both have, or say why they can't be."""
    sides = (baseline, treatment)
    both = sorted(baseline.trials.keys() & treatment.trials.keys())
    if reason := other_rows(sides, both):
        found = common_scores(*sides, metric) if source == ALL else None
        if found is None:
            return Paired(0, reason=reason)
        return Paired(len(both), found.baseline, found.treatment, common_rows=found.num_rows)
    values = [side.values.get((source, metric), {}) for side in sides]
    paired = [place for place in both if all(place in known for known in values)]
    for side in sides:
        if len(paired) != side.expected:
            why = [f"{each.name}: {reason}" for each in sides if (reason := each.why_missing(source, metric))]
            return Paired(len(paired), reason="; ".join(why) or "the two have different folds")
    one, other = (np.array([known[place] for place in paired]) for known in values)
    return Paired(len(paired), one, other)


def other_rows(sides: tuple[Gathered, Gathered], both: Sequence[Place]) -> str:
    """Say why two experiments were not tested on the same rows; empty where they were."""
    files = [side.record.fold_files for side in sides]
    if None not in files and files[0] != files[1]:
        return "the two were not split by the same fold files"
    for place in both:
        first, second = (side.trials[place] for side in sides)
        if first.rows != second.rows:
            where = f"repeat {place[0]} fold {place[1]}"
            return f"{where} was not tested on the same rows ({first.n_test} and {second.n_test})"
    return ""


def comparison_verdict(
    p_holm: float, *, p_worse: float, p_equivalent: float, p_better: float, family: int = 1
) -> str:
    """Judge one comparison by its Holm-corrected p-value and its posterior, as one of a family."""
    if p_holm < SIGNIFICANT:
        if p_better > SURE:
            return "better"
        if p_worse > SURE:
            return "worse"
    return "equivalent" if p_equivalent > 1.0 - SIGNIFICANT / family else "undecided"


def verdict_of(row: ComparisonRow, p_holm: float, *, family: int = 1) -> str:
    """Judge a row that `compare_pair` gave by a p-value corrected for its family."""
    return comparison_verdict(
        p_holm,
        p_worse=row["p_worse"],
        p_equivalent=row["p_equivalent"],
        p_better=row["p_better"],
        family=family,
    )


def test_share(sides: Sequence[Gathered]) -> float:
    """Return n_test / n_train, the mean of both sides."""
    return float(np.mean([side.test_share for side in sides]))


def compare_pair(
    sides: tuple[Gathered, Gathered], metric: str, *, rope: float, delong: bool = False, source: str = ALL
) -> tuple[ComparisonRow, EffectRow]:
    """Compare two experiments by one metric. Differences up to `rope` are practically none.

    Returns:
        The numbers of a row of comparisons.csv, without p_holm, and those of a row of effects.csv. Where the
        two can't be paired the first has the verdict `incomplete`, where no verdict is possible `undecided`,
        and the second the reason.
    """
    is_lower = metric in LOWER_IS_BETTER
    effect: EffectRow = {"better_is": "lower" if is_lower else "higher", "rope": rope}
    pairs = pair_up(*sides, metric, source)
    if pairs.baseline is None or pairs.treatment is None:
        effect["reason"] = pairs.reason
        return {"n": pairs.n, "verdict": "incomplete"}, effect
    has_same_rows = pairs.common_rows is None
    share, folds = test_share(sides), sides[0].folds
    floor = error_floor(sides, metric, source, has_same_rows=has_same_rows)
    differences = pairs.treatment - pairs.baseline
    test = statistics.corrected_paired_t_test(
        pairs.baseline, pairs.treatment, test_share=share, folds=folds, floor=floor
    )
    difference = test.difference
    posterior = statistics.posterior_of(difference, rope=rope)
    low, high = difference.low, difference.high
    if difference.n == 1 and source == ALL and has_same_rows and all(side.deviations for side in sides):
        one, other = (side.deviations[0] for side in sides)
        low, high = difference_bounds(one, other, metric, difference=difference.mean)
    p_worse, p_equivalent, p_better = oriented(posterior, is_lower).values()
    row: ComparisonRow = {
        "n": difference.n,
        "mean_diff": difference.mean,
        "std_diff": difference.std,
        "ci_low": low,
        "ci_high": high,
        "p_value": test.p_value,
        "p_wilcoxon": statistics.wilcoxon(differences),
        "p_worse": p_worse,
        "p_equivalent": p_equivalent,
        "p_better": p_better,
        "min_detectable": statistics.visible_difference(difference),
    }
    if delong and has_same_rows:
        effect.update(_delong(sides, metric))
    if reason := no_verdict(
        pairs.baseline, pairs.treatment, folds=folds, metric=metric, error=difference.error
    ):
        row["verdict"], effect["reason"] = "undecided", reason
    if pairs.common_rows is not None:
        effect["common_rows"] = pairs.common_rows
        said = (effect.get("reason", ""), common_rows_text(pairs.common_rows, sides))
        effect["reason"] = "; ".join(filter(None, said))
    effect.update(_size(test.difference, differences, is_lower=is_lower, floor=floor))
    return row, effect


def _size(difference: Interval, by_fold: np.ndarray, *, is_lower: bool, floor: float) -> EffectRow:
    """Say how large a difference is, by fold, float [n], and against what it would take to see it."""
    gains, size = -by_fold if is_lower else by_fold, statistics.effect_size(difference)
    found: EffectRow = {
        "gain": -difference.mean if is_lower else difference.mean,
        "effect_size": -size if is_lower else size,
        "folds_won": int(np.sum(gains > 0)),
        "folds_tied": int(np.sum(gains == 0)),
        "folds_lost": int(np.sum(gains < 0)),
        "detectable": statistics.detectable_difference(difference),
    }
    if difference.n > 1:
        found["error_floor"] = floor
        found["error_from"] = "folds" if difference.error > floor else TEST_GROUPS
    return found


def common_rows_text(num_rows: int, sides: tuple[Gathered, Gathered]) -> str:
    """Say that two experiments were paired on the test rows that both have, of how many."""
    counts = " and ".join(str(sum(trial.n_test for trial in side.trials.values())) for side in sides)
    return f"paired on the {num_rows} test rows that both have, of {counts}"


def oriented(posterior: Posterior, is_lower: bool) -> dict[str, float]:
    """Return p_worse, p_equivalent and p_better, minding whether lower is better."""
    worse, better = (posterior.above, posterior.below) if is_lower else (posterior.below, posterior.above)
    return {"p_worse": worse, "p_equivalent": posterior.within, "p_better": better}


def effort(
    row: ComparisonRow, effect: EffectRow, sides: tuple[Gathered, Gathered], *, family: int = 1
) -> EffectRow:
    """Say how many repeats the seen difference would need, and what the missing ones would cost.

    Args:
        row: what `compare_pair` gave.
        effect: what it gave beside.
        sides: the two experiments.
        family: by how many the p-value is multiplied for the other comparisons.

    Returns:
        repeats, device, repeats_needed and hours_needed of effects.csv as far as they exist, or the reason.
    """
    repeats = sides[0].repeats
    trials = [trial for side in sides for trial in side.trials.values()]
    found: EffectRow = {
        "repeats": repeats,
        "device": "+".join(sorted({trial.device for trial in trials})),
    }
    if row.get("verdict") == "undecided":
        # No verdict is possible, whatever would be run.
        return found
    if row["n"] == 1:
        found["reason"] = SINGLE
        return found
    needed = statistics.repeats_needed(
        row["mean_diff"],
        row["std_diff"],
        folds=row["n"] // repeats,
        test_share=test_share(sides),
        floor=effect["error_floor"],
        confidence=1.0 - SIGNIFICANT / family,
    )
    if needed is None:
        found["reason"] = "no number of repeats would make so small a difference visible"
        return found
    seconds = [trial.spent_seconds for trial in trials]
    known = [each for each in seconds if each is not None]
    hours = max(0, needed - repeats) * math.fsum(known) / repeats / 3600.0
    # Hours of a processor and of a GPU have no sum.
    is_known = len(known) == len(seconds) and is_one_device(trial.device for trial in trials)
    found["repeats_needed"], found["hours_needed"] = needed, hours if is_known else None
    return found


def _delong(sides: tuple[Gathered, Gathered], metric: str) -> EffectRow:
    """DeLong's test on the test rows of each fold, combined over folds and repeats."""
    if metric != "auc" or any(trial.num_classes > 2 for trial in sides[0].trials.values()):
        return {}
    tests: dict[int, list[DeLong]] = {}
    try:
        for place in sorted(sides[0].trials):
            first, second = (read_predictions(side.folders[place], sha256=None).test for side in sides)
            found = delong_test(
                first.labels, first.probabilities, second.probabilities, groups=first.grouped().of_row
            )
            tests.setdefault(place[0], []).append(found)
    except DAMAGE as error:
        return {"reason": f"DeLong: {error}"}
    return {"p_delong": combined_repeats([combined_p(each) for each in tests.values()])}


def _frame(rows: Sequence[ComparisonRow | EffectRow], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    whole = [name for name in ("n",) if name in columns]
    counts = ("folds_won", "folds_tied", "folds_lost", "common_rows", "repeats", "repeats_needed")
    numbers = [name for name in columns if name not in (*TEXT, *counts, *whole)]
    frame = frame.astype(dict.fromkeys(numbers, float) | dict.fromkeys(whole, int))
    return frame.astype({name: "Int64" for name in counts if name in columns})
