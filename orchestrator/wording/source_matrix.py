"""Sentences about matrices of sources: the hardest one, what one not trained on costs, what is missing."""

import math
from collections.abc import Iterator, Sequence

from orchestrator.analysis.comparing import SIGNIFICANT
from orchestrator.analysis.holdout import FLAGGED
from orchestrator.analysis.source_matrix import (
    ChosenSources,
    HeldOutGap,
    MatrixCell,
    MissingSources,
    SourceMatrix,
)
from orchestrator.statistics import Interval, PairedTest
from orchestrator.wording.numbers import number, p_text, signed

MOST_NAMED = 4
WHY_NONE: dict[MissingSources, str] = {
    "several classes": (
        "There is no matrix of sources: it needs two classes, real and fake, and this data has more."
    ),
    "one source": (
        "There is no matrix of sources: holding a source of fakes out needs at least two, and this data has "
        "fewer."
    ),
}
NOTHING_HELD_OUT = (
    "No source of fakes was left out of training (train_sources), so that nothing here says how a detector "
    "does on a generator that it has never seen."
)


def no_matrix_sentence(reason: MissingSources) -> str:
    """Say why a phase has no matrix of sources."""
    return WHY_NONE[reason]


def matrix_sentences(matrix: SourceMatrix) -> tuple[str, ...]:
    """Say which held-out source is the hardest, what holding out costs, and where no answer is possible."""
    return (*_hardest(matrix), *_mean_gap(matrix), *_contrast(matrix), *_incomplete(matrix))


def gap_family_sentence(matrices: Sequence[SourceMatrix]) -> str:
    """Say which of several gaps are shown after Holm's correction; empty where none could be tested."""
    cells = [cell for matrix in matrices for cell in matrix.held_out]
    if len(cells) < 2:
        # The sentence on the mean gap has said it.
        return ""
    tested = [(cell, cell.gap) for cell in cells if cell.gap is not None and not math.isnan(cell.gap.p_holm)]
    if not tested:
        return ""
    shown = [_gap_text(cell, gap) for cell, gap in tested if gap.p_holm < SIGNIFICANT]
    of, corrected = f"of {len(cells)} held-out cells", f", after Holm’s correction over {len(cells)} tests"
    if not shown:
        return f"Taken alone, no gap {of} is shown to differ from 0{corrected}; none is shown to be 0 either."
    more = len(shown) - MOST_NAMED
    named = "; ".join(shown[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return f"Taken alone, {len(shown)} {of} have a gap that differs from 0{corrected}: {named}."


def gap_note(gap: HeldOutGap) -> str:
    """Write a gap and its interval in a few letters."""
    difference = gap.test.difference
    if math.isnan(difference.low):
        return f"gap {number(difference.mean, sign=True)}"
    bounds = f"{difference.low:+.2f} to {difference.high:+.2f}".replace("-", "−")
    return f"gap {number(difference.mean, sign=True)} ({bounds})"


def row_name(without: Sequence[str]) -> str:
    """Name a row by what was left out of training."""
    return f"without {' + '.join(without)}" if without else "trained on all"


def _hardest(matrix: SourceMatrix) -> Iterator[str]:
    found, cells = matrix.hardest, matrix.of_sources()
    if found is not None and found.first.auc.interval is not None and found.second.auc.interval is not None:
        first, second = found.first.auc.interval, found.second.auc.interval
        said = (
            f"Not trained on, {found.first.tested_on} is the hardest of {found.num_sources} sources of "
            f"fakes: AUC {number(first.mean)}{_interval_text(first)}. "
        )
        other = f"{found.second.tested_on}, AUC {number(second.mean)}{_interval_text(second)}"
        yield said + _told_apart(found, other)
    elif len(cells) == 1 and cells[0].auc.interval is not None:
        interval = cells[0].auc.interval
        yield (
            f"Only {cells[0].tested_on} was held out: AUC {number(interval.mean)}{_interval_text(interval)}; "
            "with one source nothing can be said of which one is the hardest."
        )


def _told_apart(found: ChosenSources, other: str) -> str:
    if math.isnan(found.test.p_value):
        return f"Too few folds tell it apart from the next, {other}."
    numbers = f"{_difference_text(found.test)}{_over_pairs(found)}"
    if found.test.p_value < SIGNIFICANT:
        return f"It is harder than the next ({numbers}), {other}."
    return f"It is not told apart ({numbers}) from the next, {other}."


def _mean_gap(matrix: SourceMatrix) -> Iterator[str]:
    if matrix.mean_gap is None:
        return
    cells = matrix.of_sources()
    difference, p = matrix.mean_gap.difference, matrix.mean_gap.p_value
    over = "" if len(cells) == 1 else f", on average over {len(cells)} sources"
    against = matrix.trained_on_all
    trained = f"{against}, which was trained on all" if against else "the experiments that were trained on it"
    basis = f"against {trained}, on the same test images"
    size = number(abs(difference.mean))
    if math.isnan(p):
        yield (
            f"Leaving a source out of training moves the AUC on it by {signed(-difference.mean)}{over}, "
            f"{basis}; too few folds for a test."
        )
    elif p < SIGNIFICANT:
        verb = "costs" if difference.mean > 0 else "gains"
        above = (
            f" The whole interval is above {FLAGGED:.2f}, from which on a model is taken to have learned "
            "what belongs to the sources that it saw."
            if difference.low > FLAGGED
            else ""
        )
        numbers = f"{_interval_text(difference, sign=True)[:-1]}, {p_text(p)})"
        yield f"Leaving a source out of training {verb} {size} AUC on it{over}{numbers}, {basis}.{above}"
    else:
        yield (
            f"That leaving a source out of training costs AUC on it is not shown: the mean gap is "
            f"{_difference_text(matrix.mean_gap)}{over}, {basis}. Nor is it shown to cost nothing."
        )


def _contrast(matrix: SourceMatrix) -> Iterator[str]:
    found = matrix.contrast
    if found is None or found.first.gap is None or found.second.gap is None:
        return
    if math.isnan(found.test.p_value):
        return
    greatest, least = (
        f"{cell.tested_on} ({signed(gap.test.difference.mean)})"
        for cell, gap in ((found.first, found.first.gap), (found.second, found.second.gap))
    )
    numbers = f"difference {_difference_text(found.test)}{_over_pairs(found)}"
    if found.test.p_value < SIGNIFICANT:
        yield f"The gap depends on the source: it is greater on {greatest} than on {least}, {numbers}."
    else:
        yield (
            f"That the gap depends on the source is not shown: it is greatest on {greatest} and least on "
            f"{least}, {numbers}."
        )


def _incomplete(matrix: SourceMatrix) -> Iterator[str]:
    lacking = [cell for cell in matrix.held_out if cell.gap is None]
    for cell in lacking[:MOST_NAMED]:
        what = "AUC and gap" if cell.auc.interval is None else "gap"
        yield (
            f"No {what} of {cell.experiment} ({row_name(cell.trained_without)}) on {cell.tested_on}: "
            f"{cell.reason}."
        )
    if len(lacking) > MOST_NAMED:
        yield f"{len(lacking) - MOST_NAMED} more held-out cells have no gap either."
    if len(matrix.of_sources()) > 1 and matrix.hardest is None:
        yield (
            "Which source is the hardest, and what holding out costs on average, is said when all of them "
            "are complete and were tested on the same images."
        )
    elif lacking and matrix.mean_gap is None:
        yield "What holding out costs on average is said when all of them have a gap."


def _gap_text(cell: MatrixCell, gap: HeldOutGap) -> str:
    difference = gap.test.difference
    return (
        f"{cell.tested_on} for {cell.experiment}, {signed(difference.mean)} "
        f"({signed(difference.low)} to {signed(difference.high)}; {p_text(gap.p_holm)})"
    )


def _over_pairs(found: ChosenSources) -> str:
    pairs = found.num_sources * (found.num_sources - 1) // 2
    return f" after Holm’s correction over {pairs} pairs" if pairs > 1 else ""


def _difference_text(test: PairedTest) -> str:
    difference = test.difference
    bounds = f"95 % interval {signed(difference.low)} to {signed(difference.high)}"
    return f"{signed(difference.mean)}, {bounds}, {p_text(test.p_value)}"


def _interval_text(interval: Interval, *, sign: bool = False) -> str:
    if math.isnan(interval.low):
        return " (a single split, which gives no interval)" if interval.n == 1 else ""
    low, high = (signed(each) if sign else number(each) for each in (interval.low, interval.high))
    return f" (95 % interval {low} to {high}, {interval.n} folds)"
