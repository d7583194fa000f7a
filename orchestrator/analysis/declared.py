"""Answers of phases that declare a comparison, beside the one that is asked for alone.

A phase corrects for all that it declares, so its p-value, its verdict and the repeats that it asks for are
other ones than those of the same two experiments alone; both are right, and a reader has to know why.
"""

import math
from collections.abc import Callable

import pandas as pd

from orchestrator.analysis.comparing import answer_comparisons
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.rows import DeclaredAnswer
from orchestrator.store.find_experiment import trial_folders
from orchestrator.store.folder import Store
from orchestrator.store.records import ExperimentRecord, StudyRecord


def declared_answers(
    store: Store,
    sides: tuple[ExperimentRecord, ExperimentRecord],
    metric: str,
    *,
    read: Callable[[ExperimentRecord], Gathered],
) -> list[DeclaredAnswer]:
    """Return what each phase says that declares a comparison of the same trials by this metric.

    Args:
        store: the results folder, whose phases are asked.
        sides: the two experiments, in either order.
        metric: what they are compared by.
        read: reads the trials of an experiment.
    """
    wanted = {tuple(trial_folders(side)) for side in sides}
    found = []
    for name in store.studies():
        study = store.known_study(name)
        if study is not None and _declares(study, wanted, metric):
            found.append(_answer(study, wanted, metric, read))
    return found


def _declares(study: StudyRecord, wanted: set[tuple[str, ...]], metric: str) -> bool:
    folders = _folders(study)
    return any(
        metric in each.metrics and {folders[each.baseline], folders[each.treatment]} == wanted
        for each in study.phase.comparisons
    )


def _answer(
    study: StudyRecord,
    wanted: set[tuple[str, ...]],
    metric: str,
    read: Callable[[ExperimentRecord], Gathered],
) -> DeclaredAnswer:
    folders, asked = _folders(study), study.phase.comparisons
    names = {name for each in asked for name in (each.baseline, each.treatment)}
    gathered = {record.name: read(record) for record in study.experiments if record.name in names}
    rows, effects = answer_comparisons(asked, gathered)
    place = next(
        place
        for place, row in enumerate(rows.to_dict("records"))
        if row["metric"] == metric and {folders[row["baseline"]], folders[row["treatment"]]} == wanted
    )
    row, effect = rows.iloc[place], effects.iloc[place]
    p_holm, needed = float(row["p_holm"]), effect["repeats_needed"]
    return {
        "phase": study.phase.name,
        "num_declared": len(rows),
        "verdict": str(row["verdict"]),
        "p_holm": None if math.isnan(p_holm) else p_holm,
        "repeats_needed": None if pd.isna(needed) else int(needed),
    }


def _folders(study: StudyRecord) -> dict[str, tuple[str, ...]]:
    return {record.name: tuple(trial_folders(record)) for record in study.experiments}
