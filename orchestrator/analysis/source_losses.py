"""Loss on held-out sources, averaged over the sources: one number for a model and its preprocessing.

Experiments that agree in everything but the sources that they were trained and tested on leave out one source
each. Their losses (in-source minus held-out AUC, see `holdout`) on the same folds are averaged fold by fold
first, and the mean over folds has the interval and test of every other contrast.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.contrasts import ByFold, Contrast, contrast_by_fold, no_test
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.rows import HoldoutRow
from orchestrator.analysis.settings import experiment_settings
from orchestrator.analysis.source_gains import BY_SOURCE, fake_sources
from orchestrator.analysis.trial_scores import ALL
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP

SOURCES_OF_ROWS = ("train_sources", "eval_sources")


@dataclass(frozen=True, slots=True)
class SourceLoss:
    """What one experiment loses on one held-out source, in AUC; the interval and p stand for themselves."""

    experiment: str
    source: str
    loss: Contrast


@dataclass(frozen=True, slots=True)
class SourceLosses:
    """Losses of experiments that differ in the sources alone, and their mean where there are two."""

    each: tuple[SourceLoss, ...]
    mean: Contrast | None


def source_losses(experiments: Mapping[str, Gathered]) -> tuple[SourceLosses, ...]:
    """Return the losses on held-out sources, one record for each model and preprocessing that has some."""
    together: dict[tuple[str, ...], list[tuple[Gathered, HoldoutRow]]] = {}
    for experiment in experiments.values():
        settings = experiment_settings(experiment.record)
        place = tuple(each.identity for key, each in settings.items() if key not in SOURCES_OF_ROWS)
        together.setdefault(place, []).extend((experiment, row) for row in _rows(experiment))
    return tuple(_losses(rows) for rows in together.values() if rows)


def _rows(experiment: Gathered) -> list[HoldoutRow]:
    """Return the losses of an experiment; where it lacks a fold, the reason for each source."""
    recipe = experiment.record.recipe
    if experiment.is_complete or not recipe.train_sources or experiment.record.num_classes > 2:
        return experiment.holdout
    # Before the first fold is finished nothing says which sources are fakes.
    tested = {*(fake_sources([experiment]) or recipe.eval_sources or ())} - {*recipe.train_sources}
    return [
        {
            "source": source,
            "n": len(experiment.trials),
            "n_expected": experiment.expected,
            "by_fold": [],
            "reason": experiment.why_missing(ALL, BY_SOURCE),
        }
        for source in sorted(tested)
    ]


def _losses(rows: Sequence[tuple[Gathered, HoldoutRow]]) -> SourceLosses:
    each = tuple(
        SourceLoss(experiment.name, row["source"], _loss(experiment, row)) for experiment, row in rows
    )
    return SourceLosses(each, _mean(rows) if len(rows) > 1 else None)


def _loss(experiment: Gathered, row: HoldoutRow) -> Contrast:
    if "delta" not in row:
        return Contrast(row["n"], reason=row["reason"] or "not every fold has both AUCs")
    mean, std, low, high, p_value = (
        row.get("delta", math.nan),
        row.get("std", math.nan),
        row.get("ci_low", math.nan),
        row.get("ci_high", math.nan),
        row.get("p_value", math.nan),
    )
    reason = no_test(row["n"], experiment.folds, has_error=math.isfinite(low))
    return Contrast(row["n"], mean, std, low, high, p_value, p_value, reason)


def _mean(rows: Sequence[tuple[Gathered, HoldoutRow]]) -> Contrast:
    sides = [experiment for experiment, _ in rows]
    for experiment, row in rows:
        if not row["by_fold"]:
            return Contrast(0, reason=f"{experiment.name}: {row['reason'] or 'not every fold has both AUCs'}")
        if experiment.trials.keys() != sides[0].trials.keys():
            return Contrast(0, reason=f"{sides[0].name} and {experiment.name} have other folds")
    values = np.mean([row["by_fold"] for _, row in rows], axis=0).round(12)
    floor = LEAST_OF_A_GROUP * max(experiment.step(row["source"]) for experiment, row in rows)
    return contrast_by_fold(ByFold(len(values), values), sides, floor=floor)
