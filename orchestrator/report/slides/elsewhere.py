"""Slide on evaluations: what finished models reach on other images and under perturbations."""

import math
from collections.abc import Iterator, Sequence

from orchestrator.analysis.elsewhere import ElsewhereScore
from orchestrator.analysis.elsewhere_pairs import HomeLoss
from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.analysis.robustness import HEADLINE, RobustMean
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.slides.slide import Slide, page_of, points_of
from orchestrator.wording.evaluation_text import all_warnings, evaluation_lead
from orchestrator.wording.numbers import DASH, between, number, p_text
from orchestrator.wording.robustness import robust_difference_sentence

MOST_EVALUATIONS, MOST_ROWS, MOST_WARNINGS, MOST_PAIRS = 3, 6, 1, 1


def elsewhere_slide(evaluations: Sequence[EvaluationTables]) -> Slide:
    """Show the first MOST_EVALUATIONS evaluations by their names, a row for each of their detectors."""
    shown = evaluations[:MOST_EVALUATIONS]
    rows = [row for tables in shown for row in _rows(tables)]
    more = len(evaluations) - len(shown)
    places = ", ".join(f"reports/{page_of(f'evaluation-{each.record.name}')}" for each in shown[1:])
    notes = [
        f"{more} more evaluations have pages of their own." if more > 0 else "",
        f"{len(rows) - MOST_ROWS} more detectors are in their tables." if len(rows) > MOST_ROWS else "",
        f"Others: {places}." if places else "",
    ]
    return Slide(
        "elsewhere",
        "On other images, and under perturbations",
        points_of(sentence for tables in shown for sentence in _sentences(tables)),
        grid=_grid(rows[:MOST_ROWS]) if rows else None,
        note=" ".join(
            [
                "AUC: mean over models; below it the 95 % interval for other models and other images. Lost: "
                "on the models’ own test folds less there. Perturbed: mean over clean images and each kind.",
                *filter(None, notes),
            ]
        ),
        more=page_of(f"evaluation-{shown[0].record.name}"),
    )


def _sentences(tables: EvaluationTables) -> Iterator[str]:
    """What the table does not say: why there is no number, what weakens those that there are, differences."""
    if not tables.summary:
        yield evaluation_lead(tables)
    yield from all_warnings(tables.record)[:MOST_WARNINGS]
    pairs = sorted(tables.robustness.differences, key=lambda row: (math.isnan(row.p_holm), row.p_holm))
    yield from map(robust_difference_sentence, pairs[:MOST_PAIRS])


def _rows(tables: EvaluationTables) -> Iterator[list[GridCell | str]]:
    robust = {row.detector: row for row in tables.robustness.means}
    for name in tables.record.detectors:
        score = tables.score(name, HEADLINE)
        yield [
            name, tables.record.name, _reached(score), _lost(tables.loss(name, HEADLINE)),
            _reached(robust.get(name)),
        ]  # fmt: skip


def _grid(rows: Sequence[Sequence[GridCell | str]]) -> Grid:
    heads = ["Detector", "Images", "AUC there", "AUC lost", "AUC, perturbed"]
    return grid("Detectors on other images", heads, rows, 2)


def _reached(row: ElsewhereScore | RobustMean | None) -> GridCell:
    if row is None or math.isnan(row.mean):
        return GridCell(DASH)
    return _with_interval(number(row.mean), between(row.ci_low, row.ci_high))


def _lost(row: HomeLoss | None) -> GridCell:
    if row is None or math.isnan(row.loss):
        return GridCell(DASH)
    bounds = between(row.ci_low, row.ci_high, sign=True)
    tested = "" if math.isnan(row.p_holm) else f", {p_text(row.p_holm)}"
    return _with_interval(number(row.loss, sign=True), DASH if bounds == DASH else f"{bounds}{tested}")


def _with_interval(value: str, interval: str) -> GridCell:
    return GridCell(value, "" if interval == DASH else interval)
