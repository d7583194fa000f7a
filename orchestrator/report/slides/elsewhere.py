"""Slides on evaluations: what finished models reach on data that they did not come from."""

from collections.abc import Iterator

from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import Slide, page_of, points_of
from orchestrator.wording.evaluation_text import all_warnings, evaluation_lead, evaluation_sentences

MOST_EVALUATIONS, MOST_SENTENCES, MOST_WARNINGS = 3, 4, 2


def elsewhere_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield a slide for each evaluation, the first MOST_EVALUATIONS by their names."""
    for tables in material.evaluations[:MOST_EVALUATIONS]:
        yield _evaluation_slide(tables, num_more=len(material.evaluations) - MOST_EVALUATIONS)


def _evaluation_slide(tables: EvaluationTables, *, num_more: int) -> Slide:
    record = tables.record
    said = evaluation_sentences(tables)[:MOST_SENTENCES]
    return Slide(
        f"elsewhere-{record.name}",
        f"On other images: {record.name}",
        points_of([evaluation_lead(tables), *all_warnings(record)[:MOST_WARNINGS], *said]),
        note=f"{num_more} more evaluations have pages of their own." if num_more > 0 else "",
        more=page_of(f"evaluation-{record.name}"),
    )
