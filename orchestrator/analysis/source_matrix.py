"""Matrices of sources: rows trained without some source of fakes, columns tested on one, AUC in each cell.

A matrix holds experiments whose recipes are alike but for the sources: those that were trained without a
source of fakes, and the first that was trained on all. A cell is the AUC of one source's fakes against the
real images of the sources that its row was trained on, over all folds. Of a source that the row never saw
(held out) there is also the gap: the AUC on the same fakes and the same real images of the same folds when
trained with it, minus the cell. Trained with it was the experiment on all sources; where a phase has none,
the rows that saw the source, averaged fold by fold. Gaps have the corrected resampled t-test (`statistics`),
with Holm's correction over all held-out cells of a phase, those that can't be tested yet included.

Which source is the hardest, and whether the gap depends on the source, are chosen from several: their
p-values are those of `chosen_pair`.
"""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from orchestrator.analysis.comparing import pair_up, test_share
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.source_aucs import (
    FoldPairs,
    SourceAuc,
    data_sources,
    has_two_classes,
    is_trained_on,
)
from orchestrator.analysis.verdict_limits import no_verdict
from orchestrator.statistics import Interval, PairedTest, corrected_paired_t_test, holm
from orchestrator.statistics.chosen_pair import MIN_FOLDS, chosen_pair
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from orchestrator.store.records import StudyRecord

FLOATS = ("auc", "ci_low", "ci_high", "gap", "gap_low", "gap_high", "p_value", "p_holm")
SOURCE_MATRIX = [
    "matrix", "trained_without", "tested_on", "experiment", "n", "n_expected", *FLOATS, "reason",
]  # fmt: skip
SINGLE_SPLIT = "a single split has no spread over folds: the gap has no interval and no test"
MissingSources = Literal["several classes", "one source"]
NoMatrix = Literal[MissingSources, "nothing held out"]


@dataclass(frozen=True, slots=True)
class HeldOutGap:
    """AUC when trained with a source (of `trained_with`, their mean) minus that without it, on equal rows.

    `with_source` is the AUC of each fold when trained with it. The p-values are NaN where no test is
    possible, which the cell's reason explains.
    """

    trained_with: tuple[str, ...]
    with_source: tuple[float, ...]
    test: PairedTest
    p_holm: float = math.nan


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """An experiment, trained without some sources of fakes, tested on one: see the module."""

    experiment: str
    trained_without: tuple[str, ...]
    auc: SourceAuc
    gap: HeldOutGap | None = None
    reason: str = ""

    @property
    def tested_on(self) -> str:
        """The source of the fakes."""
        return self.auc.fake_source

    @property
    def is_held_out(self) -> bool:
        """Whether the row was trained without the source that it is tested on."""
        return self.tested_on in self.trained_without


@dataclass(frozen=True, slots=True)
class ChosenSources:
    """Two of `num_sources` sources, chosen for their AUCs or gaps, and by how much they differ, above 0."""

    first: MatrixCell
    second: MatrixCell
    test: PairedTest
    num_sources: int


@dataclass(frozen=True, slots=True)
class SourceMatrix:
    """A matrix: its name (an experiment's), its rows and columns, its cells by row, and what they say.

    hardest: of the held-out sources that with the lowest AUC, and by how much the next one is above it.
    mean_gap: over the held-out sources, fold by fold. contrast: the sources with the greatest and with the
    least gap, and by how much they differ. None where one of the cells that they rest on is incomplete, or
    fewer than two sources are held out (mean_gap: none).
    """

    name: str
    experiments: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[MatrixCell, ...]
    hardest: ChosenSources | None = None
    mean_gap: PairedTest | None = None
    contrast: ChosenSources | None = None

    @property
    def trained_on_all(self) -> str | None:
        """The experiment that was trained on all sources of fakes, if there is one."""
        return next((cell.experiment for cell in self.cells if not cell.trained_without), None)

    @property
    def held_out(self) -> tuple[MatrixCell, ...]:
        """The cells of sources that their rows never saw."""
        return tuple(cell for cell in self.cells if cell.is_held_out)

    def row(self, experiment: str) -> tuple[MatrixCell, ...]:
        """Return the cells of a row, in the order of the columns."""
        return tuple(cell for cell in self.cells if cell.experiment == experiment)

    def of_sources(self) -> tuple[MatrixCell, ...]:
        """Return one held-out cell of each source: of several, that of the row that lacks fewest."""
        found: dict[str, MatrixCell] = {}
        for cell in self.held_out:
            known = found.get(cell.tested_on)
            if known is None or len(cell.trained_without) < len(known.trained_without):
                found[cell.tested_on] = cell
        return tuple(found[source] for source in self.columns if source in found)


def source_matrices(study: StudyRecord, experiments: Mapping[str, Gathered]) -> tuple[SourceMatrix, ...]:
    """Return a matrix for each model of which a phase holds out sources of fakes, in its order."""
    alike: dict[str, list[Gathered]] = {}
    for each in experiments.values():
        if has_two_classes(each):
            alike.setdefault(_all_but_sources(each), []).append(each)
    found = [matrix for group in alike.values() if (matrix := _matrix(study, group)) is not None]
    return _corrected(found)


def why_no_matrix(study: StudyRecord, experiments: Mapping[str, Gathered]) -> NoMatrix:
    """Say why a phase has no matrix of sources, where it has none."""
    binary = [each for each in experiments.values() if has_two_classes(each)]
    if not binary:
        return "several classes"
    most = max(len(data_sources(study, each)[1]) for each in binary)
    return "nothing held out" if most > 1 else "one source"


def matrix_table(matrices: Sequence[SourceMatrix]) -> pd.DataFrame:
    """Return source_matrix.csv: a row for each cell; columns SOURCE_MATRIX."""
    rows = []
    for matrix in matrices:
        for cell in matrix.cells:
            auc, gap = cell.auc.interval, cell.gap
            difference = None if gap is None else gap.test.difference
            rows.append(
                (
                    matrix.name,
                    " + ".join(cell.trained_without),
                    cell.tested_on,
                    cell.experiment,
                    len(cell.auc.by_fold),
                    cell.auc.num_expected,
                    *(_bounds(auc)),
                    *(_bounds(difference)),
                    None if gap is None else gap.test.p_value,
                    None if gap is None else gap.p_holm,
                    cell.reason,
                )
            )
    frame = pd.DataFrame(rows, columns=SOURCE_MATRIX)
    return frame.astype(dict.fromkeys(FLOATS, float) | {"n": int, "n_expected": int})


def _bounds(interval: Interval | None) -> tuple[float | None, ...]:
    return (None, None, None) if interval is None else (interval.mean, interval.low, interval.high)


def _all_but_sources(experiment: Gathered) -> str:
    """Name what decides an experiment's numbers, but for its sources."""
    recipe = experiment.record.recipe.model_dump(mode="json", exclude={"train_sources", "eval_sources"})
    return json.dumps([experiment.record.data, recipe], sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Alike:
    """Experiments that differ in their sources alone: those trained on all sources of fakes first."""

    columns: tuple[str, ...]
    real_sources: tuple[str, ...]
    rows: tuple[Gathered, ...]
    pairs: Mapping[str, FoldPairs]

    def without(self, row: Gathered) -> tuple[str, ...]:
        return tuple(source for source in self.columns if not is_trained_on(row, source))

    def reals(self, row: Gathered) -> list[str]:
        return [source for source in self.real_sources if is_trained_on(row, source)]

    def trained_with(self, source: str) -> list[Gathered]:
        """The row that was trained on all, or else those that were trained on a source."""
        saw = [row for row in self.rows if is_trained_on(row, source)]
        return [row for row in saw if not self.without(row)][:1] or saw


def _matrix(study: StudyRecord, group: Sequence[Gathered]) -> SourceMatrix | None:
    real_sources, columns = data_sources(study, group[0])
    members: dict[tuple[str, ...], Gathered] = {}
    for each in group:
        # Of two that were trained on the same sources the first counts.
        trained = tuple(source for source in (*real_sources, *columns) if is_trained_on(each, source))
        members.setdefault(trained, each)
    every = sorted(members.values(), key=lambda each: not all(is_trained_on(each, name) for name in columns))
    alike = _Alike(columns, real_sources, tuple(every), {each.name: FoldPairs.of(each) for each in every})
    if len(columns) < 2 or not any(alike.without(row) for row in alike.rows):
        return None
    cells = tuple(cell for row in alike.rows for cell in _cells(alike, row))
    names = tuple(row.name for row in alike.rows)
    matrix = SourceMatrix(names[0], names, columns, cells)
    return _with_findings(matrix, {row.name: row for row in alike.rows})


def _cells(alike: _Alike, row: Gathered) -> Iterator[MatrixCell]:
    for column in alike.columns:
        auc = alike.pairs[row.name].auc(column, alike.reals(row))
        cell = MatrixCell(row.name, alike.without(row), auc, reason=auc.reason)
        yield _with_gap(cell, row, alike) if cell.is_held_out and not auc.reason else cell


def _with_gap(cell: MatrixCell, row: Gathered, alike: _Alike) -> MatrixCell:
    """Add what a row loses on a source that it never saw, or why that is not known."""
    source, others = cell.tested_on, alike.trained_with(cell.tested_on)
    if not others:
        return dataclasses.replace(cell, reason=f"no experiment of this kind was trained on {source}")
    inside = [alike.pairs[other.name].auc(source, alike.reals(row)) for other in others]
    for other, auc in zip(others, inside, strict=True):
        reason = pair_up(other, row, "auc", source).reason or (auc.reason and f"{other.name}: {auc.reason}")
        if reason:
            return dataclasses.replace(cell, reason=reason)
    with_source, without_it = np.mean([auc.values for auc in inside], axis=0), cell.auc.values
    test = corrected_paired_t_test(
        without_it,
        with_source,
        test_share=test_share([row, *others]),
        folds=row.folds,
        floor=LEAST_OF_A_GROUP * cell.auc.step,
    )
    reason = no_verdict(without_it, with_source, folds=row.folds, metric="auc", error=test.difference.error)
    if len(without_it) == 1:
        reason = reason or SINGLE_SPLIT
    if reason:
        test = dataclasses.replace(test, p_value=math.nan)
    gap = HeldOutGap(tuple(other.name for other in others), tuple(with_source.tolist()), test)
    return dataclasses.replace(cell, gap=gap, reason=reason)


def _with_findings(matrix: SourceMatrix, rows: Mapping[str, Gathered]) -> SourceMatrix:
    """Add what the held-out sources say together, where all that it rests on is there."""
    cells = matrix.of_sources()
    if any(cell.auc.interval is None for cell in cells):
        return matrix
    first = rows[cells[0].experiment]
    if any(pair_up(first, rows[cell.experiment], "auc", cell.tested_on).reason for cell in cells):
        return matrix
    share, folds = test_share([rows[cell.experiment] for cell in cells]), first.folds
    aucs = np.array([cell.auc.values for cell in cells])
    hardest = _chosen(cells, -aucs, (0, 1), test_share=share, folds=folds)
    found = dataclasses.replace(matrix, hardest=hardest)
    gaps = [cell.gap for cell in cells if cell.gap is not None]
    if len(gaps) < len(cells):
        return found
    with_source = np.array([gap.with_source for gap in gaps])
    mean_gap = corrected_paired_t_test(
        aucs.mean(axis=0),
        with_source.mean(axis=0),
        test_share=share,
        folds=folds,
        floor=float(np.mean([LEAST_OF_A_GROUP * cell.auc.step for cell in cells])),
    )
    if folds < MIN_FOLDS:
        mean_gap = dataclasses.replace(mean_gap, p_value=math.nan)
    contrast = _chosen(cells, with_source - aucs, (0, -1), test_share=share, folds=folds)
    return dataclasses.replace(found, mean_gap=mean_gap, contrast=contrast)


def _chosen(
    cells: Sequence[MatrixCell],
    values: np.ndarray,
    ranks: tuple[int, int],
    *,
    test_share: float,
    folds: int,
) -> ChosenSources | None:
    """Compare the sources at two ranks, 0 being that with the greatest mean; values are float [cells, n]."""
    if len(cells) < 2:
        return None
    order = np.argsort(-values.mean(axis=1), kind="stable")
    first, second = (int(order[rank]) for rank in ranks)
    floor = LEAST_OF_A_GROUP * max(cell.auc.step for cell in cells)
    test = chosen_pair(values, first, second, test_share=test_share, folds=folds, floor=floor)
    return ChosenSources(cells[first], cells[second], test, len(cells))


def _corrected(matrices: Sequence[SourceMatrix]) -> tuple[SourceMatrix, ...]:
    """Correct the p-values of all gaps of a phase together."""
    every = [cell for matrix in matrices for cell in matrix.held_out]
    p_values = holm([math.nan if cell.gap is None else cell.gap.test.p_value for cell in every])
    by_place = {(cell.experiment, cell.tested_on): p for cell, p in zip(every, p_values, strict=True)}

    def corrected(cell: MatrixCell) -> MatrixCell:
        if cell.gap is None:
            return cell
        p_holm = by_place[cell.experiment, cell.tested_on]
        return dataclasses.replace(cell, gap=dataclasses.replace(cell.gap, p_holm=p_holm))

    def chosen(found: ChosenSources | None) -> ChosenSources | None:
        if found is None:
            return None
        return dataclasses.replace(found, first=corrected(found.first), second=corrected(found.second))

    return tuple(
        dataclasses.replace(
            matrix,
            cells=tuple(map(corrected, matrix.cells)),
            hardest=chosen(matrix.hardest),
            contrast=chosen(matrix.contrast),
        )
        for matrix in matrices
    )
