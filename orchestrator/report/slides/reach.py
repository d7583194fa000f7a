"""Slides on what stands behind the scores: where models look, other sources and images, more data."""

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.report.material import Material
from orchestrator.report.sections.scaling import scaling_figure, sizes_grid
from orchestrator.report.sections.source_matrix import gaps_grid, matrices_figure
from orchestrator.report.slides.attention import attention_slide
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.elsewhere import elsewhere_slide
from orchestrator.report.slides.slide import Slide, columns_of, fitting, page_of, points_of
from orchestrator.wording.scaling import scaling_sentences
from orchestrator.wording.source_matrix import (
    gap_family_sentence,
    matrix_sentences,
)

MOST_SENTENCES, MOST_ROWS = 4, 6
GENERALISATION = "Generalisation to a source that was not trained on"
GAPS = (
    "Experiment",
    "Trained",
    "Tested on",
    "AUC without it",
    "AUC with it",
    "Gap",
    "95 % interval",
    "p (Holm)",
)


def reach_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield the slides on where models look, on sources not trained on, on other images, and on more data."""
    for slide in (attention_slide(material), generalisation_slide(material)):
        if slide is not None:
            yield slide
    if material.evaluations:
        yield elsewhere_slide(material.evaluations)
    for phase in material.phases:
        if phase.tables.curves.models:
            yield scaling_slide(phase)


def generalisation_slide(material: DeckMaterial) -> Slide | None:
    """Show what models do on a source of fakes that they were not trained on; None where nobody knows."""
    found = next((each for each in reversed(material.phases) if each.tables.matrices), None)
    if found is None:
        return None
    matrices = found.tables.matrices
    sentences = [said for matrix in matrices[:2] for said in matrix_sentences(matrix)]
    drawn = matrices_figure(matrices, matrices[:1])
    panel = None if drawn is None else fitting(drawn.panels)
    gaps = columns_of(gaps_grid(matrices), GAPS)
    return Slide(
        "generalisation",
        GENERALISATION,
        points_of([*sentences, gap_family_sentence(matrices)], MOST_SENTENCES),
        panel=panel,
        grid=None if panel is not None else replace(gaps, rows=gaps.rows[:MOST_ROWS]),
        note="Gap: AUC when trained with the source − without it, on the same folds.",
        more=page_of(found.study.phase.name, "source-matrix"),
    )


def scaling_slide(phase: Material) -> Slide:
    """Show what more data gives."""
    found, name = phase.tables.curves, phase.study.phase.name
    drawn = scaling_figure(found)
    panel = None if drawn is None else fitting(drawn.panels)
    return Slide(
        f"scaling-{name}",
        "What more data gives",
        points_of(scaling_sentences(found), MOST_SENTENCES),
        panel=panel,
        grid=sizes_grid(found) if panel is None else None,
        note="" if panel is None else panel.label,
        more=page_of(name, "scaling"),
    )
