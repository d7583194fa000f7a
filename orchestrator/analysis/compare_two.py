"""Two finished experiments against each other, whatever phase they ran in: test scores, paired by fold.

The numbers and the verdict are those of `comparing`, for two experiments that somebody asks for: one
comparison is corrected for no other, whereas a phase declares its comparisons beforehand and corrects for all
of them. Where the two can't be paired (a fold is missing, other test rows, other fold files, a score that
does not exist) the verdict is `incomplete`, with the reason, and there are no numbers.
"""

import contextlib
from typing import cast

import numpy as np

from orchestrator.analysis.bootstraps import Bootstraps
from orchestrator.analysis.comparing import compare_pair, effort, pair_up, verdict_of
from orchestrator.analysis.declared import declared_answers
from orchestrator.analysis.experiment_scores import Gathered, read_experiment
from orchestrator.analysis.rows import Difference, TwoCompared
from orchestrator.analysis.setups import setup_differences, setups_text
from orchestrator.analysis.trial_scores import ALL, CACHE, Reader
from orchestrator.store.find_experiment import find_experiment, trial_folders
from orchestrator.store.folder import Store
from orchestrator.store.predictions import DAMAGE
from orchestrator.store.records import ExperimentRecord
from trainables.errors import InputError, nearest
from trainables.evaluation.metrics import BY_SOURCE, is_quality
from trainables.files import without_infinities

NUMBERS = (
    "mean_diff", "std_diff", "ci_low", "ci_high", "p_value", "p_wilcoxon", "p_worse", "p_equivalent",
    "p_better", "min_detectable",
)  # fmt: skip
EFFECTS = (
    "effect_size", "folds_won", "folds_tied", "folds_lost", "common_rows", "error_from", "error_floor",
    "detectable", "repeats", "repeats_needed", "hours_needed", "device", "p_delong",
)  # fmt: skip

Sides = tuple[Gathered, Gathered]


def compare_experiments(
    store: Store, baseline: str, other: str, *, metric: str, rope: float, delong: bool = False
) -> TwoCompared:
    """Compare two finished experiments.

    Returns:
        Plain JSON values: baseline, other, metric, better_is, rope, verdict, reason (of what is missing), n,
        mean and std of both, NUMBERS and EFFECTS as comparisons.csv and effects.csv have them, `setups` (in
        what the two ran differently), `declared` (what phases say that ask the same), and `sources`: the same
        numbers for each source's rates.

    Raises:
        InputError: an unknown experiment or metric, or one experiment given twice.
    """
    records = [find_experiment(store, name) for name in (baseline, other)]
    if trial_folders(records[0]) == trial_folders(records[1]):
        raise InputError(f"{baseline} and {other} are the same trials; compare two different experiments")
    reader = Reader(store)
    sides = (_read_drawn(store, records[0], reader), _read_drawn(store, records[1], reader))
    _check_metric(metric, sides)
    measured = _measure(sides, metric, ALL, rope=rope, delong=delong)
    found: TwoCompared = {
        "baseline": baseline,
        "other": other,
        "metric": metric,
        "rope": rope,
        **measured,
        "setups": setups_text(setup_differences(*sides)),
        "declared": [],
        "sources": [],
    }
    if measured["verdict"] == "incomplete":
        return found
    found["declared"] = declared_answers(
        store, (records[0], records[1]), metric, read=lambda record: _read_drawn(store, record, reader)
    )
    rates = [
        (source, rate)
        for source in sorted({source for source, _ in sides[0].values} - {ALL})
        for rate in BY_SOURCE
        if all((source, rate) in side.values for side in sides)
    ]
    found["sources"] = [
        {"source": source, "metric": rate, **row}
        for source, rate in rates
        if (row := _measure(sides, rate, source, rope=rope))["verdict"] != "incomplete"
    ]
    return found


def _read_drawn(store: Store, record: ExperimentRecord, reader: Reader) -> Gathered:
    """Read an experiment, and draw its test images for what a difference would change with others."""
    side, bootstraps = read_experiment(reader, store, record), Bootstraps(store.cached(CACHE))
    if side.is_complete:
        # What can't be read any more is a fold without scores, which pairing tells.
        with contextlib.suppress(*DAMAGE):
            bootstraps.ask(side.name, side.trials, side.folders, reader, is_compared=True)
    bootstraps.compute()
    side.deviations = bootstraps.deviations(side.name)
    return side


def _check_metric(metric: str, sides: Sides) -> None:
    scored = {name for side in sides for source, name in (*side.values, *side.reasons) if source == ALL}
    known = {name for name in scored if is_quality(name)}
    if known and metric not in known:
        raise InputError(f"--metric {metric} is none of these experiments; {nearest(metric, sorted(known))}")


def _measure(sides: Sides, metric: str, source: str, *, rope: float, delong: bool = False) -> Difference:
    """Compare one score over all folds."""
    row, effect = compare_pair(sides, metric, rope=rope, delong=delong, source=source)
    found: Difference = {
        "better_is": effect["better_is"],
        "reason": effect.get("reason", ""),
        "n": row["n"],
    }
    if row.get("verdict") == "incomplete":
        found["verdict"] = "incomplete"
        return found
    said = effect.pop("reason", "")
    effect.update(effort(row, effect, sides))
    found["reason"] = "; ".join(filter(None, (effect.get("reason", ""), said)))
    pairs = pair_up(*sides, metric, source)
    assert pairs.baseline is not None and pairs.treatment is not None, "what can't be paired was said before"
    found["baseline_mean"], found["baseline_std"] = _mean_and_std(pairs.baseline)
    found["other_mean"], found["other_std"] = _mean_and_std(pairs.treatment)
    found["verdict"] = row.get("verdict") or verdict_of(row, row["p_value"])
    numbers = {name: row.get(name) for name in NUMBERS} | {name: effect.get(name) for name in EFFECTS}
    # The names are fields of Difference, all of them numbers or texts.
    found.update(cast(Difference, without_infinities(numbers)))
    return found


def _mean_and_std(scores: np.ndarray) -> tuple[float, float | None]:
    return float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else None
