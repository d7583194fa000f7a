"""Section of the images: what there is, what was kept out and why, and what their files alone give away."""

from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, grid
from orchestrator.report.section import Block, Definitions, Group, Heading, Section, Span, Table, note, prose
from orchestrator.report.shortcuts import shortcut_grid
from orchestrator.wording.evaluation_text import image_sentences
from orchestrator.wording.numbers import DASH, class_name, integer

MOST_COUNTS = 40


def images_section(material: EvaluationMaterial) -> Section:
    """Describe the images that were scored."""
    record = material.record
    facts = [
        ("Folder", record.data),
        ("Layout", record.layout),
        ("Names", record.polarity),
        ("Images", f"{integer(record.images)} in {integer(record.groups)} groups, by {record.group_by}"),
    ]
    pairs = tuple(((name,), (Span(value or DASH, "verbatim"),)) for name, value in facts)
    blocks: list[Block | None] = [
        Group("split", (Definitions(pairs), Table(_counts(material)))),
        *map(prose, image_sentences(record)),
    ]
    if len(record.counts) > MOST_COUNTS:
        blocks.append(note(f"The first {MOST_COUNTS} of {len(record.counts)} counts."))
    if record.shortcut is not None and (found := shortcut_grid([record.shortcut])) is not None:
        blocks += [
            Heading("Shortcuts"),
            Table(found, style="wide"),
            note(
                "Models that never see a face, learnt and scored on folds of these images: on how the files "
                "were written, and on trivial pixels. “Refused” is what a study on these images would be."
            ),
        ]
    return Section.of("images", "The images", blocks, name="Images")


def _counts(material: EvaluationMaterial) -> Grid:
    record = material.record
    rows = [
        [each.source, class_name(record.classes, each.label), each.split or DASH, integer(each.count)]
        for each in record.counts[:MOST_COUNTS]
    ]
    return grid("Images by source, class and split", ["Source", "Class", "Split", "Images"], rows, 3)
