"""Slides on what stands behind the scores: where models look, other sources, more data, and costs."""

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.analysis.source_matrix import why_no_matrix
from orchestrator.report.material import Material
from orchestrator.report.sections.cost import cost_grid, fronts_of
from orchestrator.report.sections.scaling import scaling_figure, sizes_grid
from orchestrator.report.sections.source_matrix import gaps_grid, matrices_figure
from orchestrator.report.shown import choose_shown
from orchestrator.report.slides.attention import attention_slide
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.elsewhere import elsewhere_slides
from orchestrator.report.slides.slide import Slide, columns_of, fitting, page_of, points_of
from orchestrator.wording.front_text import front_sentences
from orchestrator.wording.scaling import scaling_sentences
from orchestrator.wording.source_matrix import (
    NOTHING_HELD_OUT,
    WHY_NONE,
    gap_family_sentence,
    matrix_sentences,
)

MOST_SENTENCES, MOST_ROWS = 4, 6
# Of the columns of the table of costs: they hang on the machine, or lead to a figure.
NOT_ON_A_SLIDE = ("#", "Images/s", "Hours in all", "Money in all", "Device")
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
    """Yield the slides on where models look, on sources not trained on, on more data, and on costs."""
    yield attention_slide(material)
    yield generalisation_slide(material)
    yield from elsewhere_slides(material)
    for phase in material.phases:
        if phase.tables.curves.models:
            yield scaling_slide(phase)
    if (cost := cost_slide(material)) is not None:
        yield cost


def generalisation_slide(material: DeckMaterial) -> Slide:
    """Show what models do on a source of fakes that they were not trained on, or say why nobody knows."""
    found = next((each for each in reversed(material.phases) if each.tables.matrices), None)
    if found is None:
        reasons = {why_no_matrix(each.study, each.tables.experiments) for each in material.phases}
        said = [NOTHING_HELD_OUT] if "nothing held out" in reasons else []
        said += [WHY_NONE[reason] for reason in WHY_NONE if reason in reasons and not said]
        return Slide("generalisation", GENERALISATION, points_of(said))
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


def cost_slide(material: DeckMaterial) -> Slide | None:
    """Show parameters and operations beside scores, of the phase that compares most networks."""
    by_networks = {place: _num_networks(phase) for place, phase in enumerate(material.phases)}
    place = max(by_networks, key=lambda each: (by_networks[each], each))
    phase = material.phases[place]
    sentences = front_sentences(phase.tables.pareto)
    if by_networks[place] < 2 or not sentences:
        return None
    names = choose_shown(phase.tables, phase.decision, MOST_ROWS).names
    costs = [each for each in phase.costs if each.experiment in names]
    table = cost_grid(costs, phase.tables.headline, fronts_of(phase.tables.pareto))
    return Slide(
        "cost",
        f"Size against performance: {phase.study.phase.title}",
        points_of(sentences, 2),
        grid=columns_of(table, [name for name in table.columns if name not in NOT_ON_A_SLIDE]),
        more=page_of(phase.study.phase.name, "cost"),
    )


def _num_networks(phase: Material) -> int:
    return len({each.recipe.backbone for each in phase.study.experiments})
