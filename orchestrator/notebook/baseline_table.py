"""Experiments of one phase against an experiment of any other, one row each, on the folds that both have."""

import math

from orchestrator.analysis.compare_two import compare_experiments
from orchestrator.analysis.rows import TwoCompared
from orchestrator.notebook.view import View
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Table, note
from orchestrator.statistics.paired import holm
from orchestrator.store.folder import Store
from orchestrator.store.records import StudyRecord
from orchestrator.wording.numbers import DASH, between, metric_name, number, p_value
from trainables.errors import InputError
from trainables.evaluation.metrics import ROPE


def baseline_view(store: Store, study: StudyRecord, baseline: str, *, metric: str) -> View:
    """Compare every experiment of a phase with `baseline`, by Holm's correction over these comparisons."""
    found: list[tuple[str, TwoCompared | str]] = []
    for each in study.experiments:
        if each.name == baseline:
            continue
        try:
            found.append(
                (each.name, compare_experiments(store, baseline, each.name, metric=metric, rope=ROPE))
            )
        except InputError as error:
            found.append((each.name, str(error)))
    title = f"{study.phase.name} against {baseline}"
    blocks: tuple[Block, ...] = (Table(_grid(title, found, metric)), note(_said(len(found), metric)))
    return View(title, blocks)


def _grid(title: str, found: list[tuple[str, TwoCompared | str]], metric: str) -> Grid:
    p_values = [math.nan if (p := _p_value(said)) is None else p for _, said in found]
    heads = ["Experiment", "Baseline", metric_name(metric), "Difference", "95 % interval", "p", "p (Holm)"]
    rows = [
        [name, *_cells(said, corrected)]
        for (name, said), corrected in zip(found, holm(p_values), strict=True)
    ]
    return grid(title, heads, rows)


def _p_value(said: TwoCompared | str) -> float | None:
    return None if isinstance(said, str) or said["verdict"] == "incomplete" else said["p_value"]


def _cells(said: TwoCompared | str, corrected: float) -> list[GridCell | str]:
    if isinstance(said, str):
        return [GridCell(DASH, note=said), *[DASH] * 5]
    if said["verdict"] == "incomplete":
        return [GridCell(DASH, note=said["reason"]), *[DASH] * 5]
    low, high, p = said["ci_low"], said["ci_high"], said["p_value"]
    return [
        number(said["baseline_mean"]),
        number(said["other_mean"]),
        number(said["mean_diff"], sign=True),
        DASH if low is None or high is None else between(low, high, sign=True),
        DASH if p is None else p_value(p),
        DASH if math.isnan(corrected) else p_value(corrected),
    ]


def _said(number_of: int, metric: str) -> str:
    return (
        f"{metric_name(metric)}, means over the test folds that both sides have. Interval and two-sided p: "
        "corrected resampled t-test, with a standard error not below what other test images would change. "
        f"Holm: over these {number_of} comparisons, which no phase declared beforehand."
    )
