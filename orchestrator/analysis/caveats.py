"""Caveats of a phase's answers: what a reader has to weigh before the scores, as numbers.

Trivial models that reach as much as a detector (Geirhos et al. 2020, "Shortcut learning in deep neural
networks"), an AUC that chance may explain, classes so unequal that accuracy says little, test folds of a few
images, and sides of a comparison that ran on other software or hardware.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.setups import SetupDifference, setup_differences
from orchestrator.checks.shortcuts import CHANCE, CHECKS
from orchestrator.store.decision_file import DecisionRecord
from trainables.data.splits.uneven_parts import FEWEST_TO_TEST, SMALL_INNER
from trainables.evaluation.metrics import ROPE

# How far above its even share a class may be.
UNEQUAL = 1.2


@dataclass(frozen=True, slots=True)
class ScoreOf:
    """An experiment's mean score over folds, with its 95 % interval."""

    experiment: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrivialModel:
    """A model that sees no face (a name of CHECKS) reaches the AUC `alone`: as much as these experiments."""

    check: str
    alone: float
    reached: tuple[ScoreOf, ...]


@dataclass(frozen=True, slots=True)
class ChanceLevel:
    """The interval of the AUC of these experiments holds 0.5, or lies below it (`is_below`)."""

    scores: tuple[ScoreOf, ...]
    is_below: bool = False


@dataclass(frozen=True, slots=True)
class UnequalClasses:
    """A class (its label) makes up `share` of the test images; accuracies are those of the experiments."""

    label: int
    share: float
    accuracies: tuple[ScoreOf, ...]


@dataclass(frozen=True, slots=True)
class SmallFolds:
    """Some test folds hold few images of a class: the least, of which class, and how many folds do."""

    label: int
    least: int
    num_small: int
    num_folds: int


@dataclass(frozen=True, slots=True)
class SmallSelection:
    """Few images of a class to choose epochs and thresholds by, in the plan's own sentence."""

    sentence: str


@dataclass(frozen=True, slots=True)
class OtherSetup:
    """The two sides of a comparison did not run on the same software or hardware."""

    baseline: str
    treatment: str
    differences: tuple[SetupDifference, ...]


Caveat = TrivialModel | ChanceLevel | UnequalClasses | SmallFolds | SmallSelection | OtherSetup


def find_caveats(tables: Tables, decision: DecisionRecord | None) -> tuple[Caveat, ...]:
    """Find what devalues the answers of a phase, the gravest first.

    They are about the experiments that the answers name: the chosen one and its runner-up, the sides of the
    comparisons, or all where nothing was asked.
    """
    names = _named(tables, decision)
    return (
        *_trivial_models(tables, names),
        *_chance_level(tables, names),
        *_unequal_classes(tables, names),
        *_small_folds(tables, names),
        *_small_selections(tables, names),
        *other_setups(tables, decision),
    )


def _named(tables: Tables, decision: DecisionRecord | None) -> list[str]:
    asked = tables.comparisons[["baseline", "treatment"]].to_numpy().ravel().tolist()
    decided = [] if decision is None else [decision.chosen, decision.runner_up, *decision.selected]
    every = [experiment.name for experiment in tables.study.experiments]
    wanted = {*asked, *decided} or set(every)
    return [name for name in every if name in wanted] or every


def _scores(tables: Tables, names: Sequence[str], metric: str) -> Iterator[ScoreOf]:
    """Yield what complete experiments score; a single split has the interval of its bootstrap."""
    for name in names:
        row = tables.overall.get((name, metric))
        if row is None or math.isnan(row["mean"]):
            continue
        low, high = row["ci_low"], row["ci_high"]
        if math.isnan(low):
            low, high = row["boot_low"], row["boot_high"]
        yield ScoreOf(name, row["mean"], low, high)


def _trivial_models(tables: Tables, names: Sequence[str]) -> Iterator[TrivialModel]:
    aucs = {score.experiment: score for score in _scores(tables, names, "auc")}
    for record in tables.study.shortcuts:
        for check in CHECKS:
            alone = record.scores(check).mean
            if alone is None or alone <= CHANCE + ROPE:
                continue
            mine = [aucs[name] for name in record.experiments if name in aucs]
            # What lies above by no more than the region of practical equivalence is not above.
            reached = tuple(score for score in mine if score.mean <= alone + ROPE)
            if reached:
                yield TrivialModel(check, alone, reached)


def _chance_level(tables: Tables, names: Sequence[str]) -> Iterator[ChanceLevel]:
    found = list(_scores(tables, names, "auc"))
    below = tuple(score for score in found if score.high < CHANCE)
    if below:
        yield ChanceLevel(below, is_below=True)
    at_chance = tuple(score for score in found if score.low <= CHANCE <= score.high)
    if at_chance:
        yield ChanceLevel(at_chance)


def _unequal_classes(tables: Tables, names: Sequence[str]) -> Iterator[UnequalClasses]:
    """Yield the class that most test images are of, once for the experiments that were tested alike."""
    by_class: dict[tuple[int, float], list[str]] = {}
    for name in names:
        counts = tables.confusion[tables.confusion["experiment"] == name].groupby("actual")["count"].sum()
        if counts.empty or not counts.sum():
            continue
        shares = counts / counts.sum()
        if shares.max() * len(shares) > UNEQUAL:
            largest = int(np.argmax(shares))
            by_class.setdefault((int(shares.index[largest]), float(shares.iloc[largest])), []).append(name)
    for (label, share), mine in by_class.items():
        yield UnequalClasses(label, share, tuple(_scores(tables, mine, "accuracy")))


def _small_folds(tables: Tables, names: Sequence[str]) -> Iterator[SmallFolds]:
    mine = tables.confusion[tables.confusion["experiment"].isin(names)]
    if mine.empty:
        return
    by_class = mine.groupby(["experiment", "repeat", "fold", "actual"])["count"].sum().reset_index()
    # Experiments that were tested on the same folds count as one.
    folds = by_class.groupby(["repeat", "fold", "actual"])["count"].min().reset_index()
    small = folds[folds["count"] < FEWEST_TO_TEST]
    if not small.empty:
        least = small.sort_values("count", kind="stable").iloc[0]
        num_small = len(small[["repeat", "fold"]].drop_duplicates())
        num_folds = len(folds[["repeat", "fold"]].drop_duplicates())
        yield SmallFolds(int(least["actual"]), int(least["count"]), num_small, num_folds)


def _small_selections(tables: Tables, names: Sequence[str]) -> Iterator[SmallSelection]:
    for each in tables.study.uneven:
        if each.name == SMALL_INNER and set(names) & set(each.experiments):
            yield SmallSelection(each.sentence)


def other_setups(tables: Tables, decision: DecisionRecord | None) -> Iterator[OtherSetup]:
    """Yield the comparisons, the choice among them, whose sides ran on other software or hardware."""
    asked = tables.comparisons[["baseline", "treatment"]].itertuples(index=False, name=None)
    pairs = [(str(baseline), str(treatment)) for baseline, treatment in asked]
    if decision is not None and decision.chosen is not None and decision.runner_up is not None:
        choice = (decision.runner_up, decision.chosen)
        pairs += [] if choice in pairs or choice[::-1] in pairs else [choice]
    for baseline, treatment in dict.fromkeys(pairs):
        sides = [tables.experiments.get(name) for name in (baseline, treatment)]
        if sides[0] is None or sides[1] is None:
            continue
        differences = setup_differences(sides[0], sides[1])
        if differences:
            yield OtherSetup(baseline, treatment, differences)
