"""Section of attention: where the maps of each experiment lie on a face, on average and by region."""

import pandas as pd

from orchestrator.analysis.attention import ALL_OUTCOMES, Attention
from orchestrator.report.drawing.attention import draw_mean_maps, draw_region
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Heading,
    Items,
    Panel,
    Section,
    Table,
    figure,
    link,
    note,
    prose,
)
from orchestrator.store.explanation_files import OUTCOMES
from orchestrator.wording.attention_text import OUTCOME_NAMES, REGION_NAMES, TOO_FEW, attention_answer
from orchestrator.wording.numbers import DASH, between, capital, number, p_value

MOST_ROWS = 30
MAPS_CAPTION = (
    "Mean of the maps of an experiment’s images by outcome, each moved and stretched so that its face lies "
    "in the middle: brighter is more of the map, and the dashed box is the face’s. Images without a face "
    "are left out."
)
REGIONS_CAPTION = (
    "Share of the map on a region minus the region’s part of the picture: mean over images, and 95 % "
    "interval with groups of images as units. At the right: the share itself. Intervals are not corrected "
    "for the number of regions."
)
READING = (
    "A map shows where the last layer with places finds what speaks for the class, on a coarse grid, and "
    "not what it finds there. Regions are parts of the box that the face detector gives. Differences are "
    "treatment − baseline of the share above the region’s part of the picture, paired over the same "
    "images, with groups as units; Holm corrects over all pairs and regions. Intervals and tests are of "
    "other images for these trained models: that another training run may look elsewhere is not in them."
)


def attention_section(material: Material) -> Section | None:
    """Show where models look; None where nothing was explained."""
    if material.explained is None:
        return None
    attention = material.explained.attention
    answer = attention_answer(attention)
    more = attention.differences
    blocks: list[Block | None] = [
        prose(answer.sentences[0], tone="says"),
        Items(tuple((line,) for line in answer.sentences[1:])) if answer.sentences[1:] else None,
        figure(_map_panels(material), MAPS_CAPTION),
        figure(_region_panels(material, attention), REGIONS_CAPTION) if attention.shares else None,
    ]
    if more:
        blocks += [
            Heading("Differences between experiments"),
            Table(differences_grid(attention), "attention_differences", "wide"),
            note(
                f"The {MOST_ROWS} with the smallest p of {len(more)} rows; all of them: ",
                link("tables/attention.csv"),
                ".",
            )
            if len(more) > MOST_ROWS
            else None,
        ]
    blocks.append(note(READING, " All numbers: ", link("tables/attention.csv"), "."))
    return Section.of("attention", "What the models look at", blocks, name="Attention")


def differences_grid(attention: Attention) -> Grid:
    """Typeset the differences of shares between experiments, of many those with the smallest p."""
    every = attention.differences
    if len(every) > MOST_ROWS:
        every = tuple(sorted(every, key=lambda each: (not each.p_holm == each.p_holm, each.p_holm)))
    rows: list[list[GridCell | str]] = [
        [
            each.treatment,
            each.baseline,
            REGION_NAMES[each.region],
            number(each.difference.mean, sign=True),
            TOO_FEW
            if each.difference.is_too_few
            else between(each.difference.low, each.difference.high, sign=True),
            p_value(each.p_holm) if each.p_holm == each.p_holm else DASH,
            str(each.difference.num_images),
        ]
        for each in every[:MOST_ROWS]
    ]
    heads = ["Treatment", "Baseline", "Region", "Difference", "95 % interval", "p (Holm)", "Images"]
    return grid("Differences of attention", heads, rows, 3)


def _map_panels(material: Material) -> list[Panel]:
    explained = material.explained
    assert explained is not None, "asked for where there is something"
    panels = []
    for name in explained.shown(material.bounds.curves.names):
        found = {each: explained.found.mean_map(name, each) for each in OUTCOMES}
        maps = {outcome: values for outcome, values in found.items() if values is not None}
        if not maps:
            continue
        counts = {
            each.outcome: each.num_faces for each in explained.attention.maps if each.experiment == name
        }
        names = [f"{OUTCOME_NAMES[outcome]} ({counts.get(outcome, 0)})" for outcome in maps]
        drawn = draw_mean_maps(list(maps.values()), names=names, heading=name)
        label = f"Mean maps of {name}: {', '.join(names)}."
        panels.append(Panel(f"attention-{material.order[name]:02d}", drawn, label))
    return panels


def _region_panels(material: Material, attention: Attention) -> list[Panel]:
    explained = material.explained
    assert explained is not None, "asked for where there is something"
    names = explained.shown(material.bounds.lines.names)
    panels = []
    for region, called in REGION_NAMES.items():
        shares = [each for each in attention.shares if each.region == region and each.experiment in names]
        rows = pd.DataFrame(
            [
                (each.experiment, above.mean, above.low, above.high, number(each.share.mean))
                for each in shares
                for above in (each.above_uniform,)
            ],
            columns=["experiment", "above", "ci_low", "ci_high", "beside"],
        )
        said = "; ".join(f"{each.experiment} {number(each.above_uniform.mean, sign=True)}" for each in shares)
        label = f"Share of the maps on {called} above its part of the picture: {said}."
        panels.append(Panel(f"region-{region}", draw_region(rows, region=capital(called)), label))
    return panels


def maps_grid(attention: Attention, experiment: str) -> Grid:
    """Typeset whether the maps of an experiment matter, over all its images and by outcome."""
    rows: list[list[GridCell | str]] = []
    for each in attention.maps:
        if each.experiment != experiment:
            continue
        cells = [each.deletion, each.random, each.gain_road, each.similarity, each.inside_face]
        rows.append(
            [
                "all images" if each.outcome == ALL_OUTCOMES else OUTCOME_NAMES[each.outcome],
                str(each.num_images),
                *(
                    GridCell(
                        number(cell.mean, sign=signed),
                        TOO_FEW if cell.is_too_few else between(cell.low, cell.high, sign=signed),
                    )
                    for cell, signed in zip(cells, (False, False, True, False, False), strict=True)
                ),
            ]
        )
    heads = [
        "Outcome", "Images", "Deletion ↓", "Random maps", "Deletion − random ↓",
        "Similarity to random weights", "Inside the face",
    ]  # fmt: skip
    return grid(f"Maps of {experiment}", heads, rows)
