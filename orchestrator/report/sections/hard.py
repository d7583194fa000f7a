"""Section of single images: those that most experiments get wrong, and those whose labels are doubted.

Cards with pictures come from the evidence that the trained models gave (`explain-images`); without it there
are the tables alone.
"""

from collections.abc import Iterator, Sequence

from orchestrator.analysis.hard_examples import HardExample
from orchestrator.analysis.image_findings import ImageFindings
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Details,
    Group,
    Heading,
    Prose,
    Section,
    Span,
    Table,
    Thumbnail,
    Thumbnails,
    link,
    note,
    prose,
)
from orchestrator.store.hard_files import Evidence, HardRecord, hard_folder, known_hard
from orchestrator.wording.hard_text import (
    alarm_text,
    alarms_sentence,
    doubt_sentences,
    hard_sentence,
    kind_text,
    not_counted_sentences,
)
from orchestrator.wording.numbers import class_name, integer, number

MOST_ROWS, MOST_SCORES, MOST_OPEN, SIDE_PX = 12, 6, 6, 128
# What the pictures may take of the page, in bytes as they are written.
MOST_BYTES = 1_100_000


def hard_section(material: Material) -> Section:
    """Show hard examples and doubted labels, with what speaks for either."""
    found, classes = material.tables.images, _classes(material)
    blocks: list[Block | None] = []
    if not found.experiments:
        blocks.append(prose("No experiment is complete, so no image can be called hard."))
    else:
        blocks.append(prose(hard_sentence(found.hard, classes, len(found.experiments)), tone="says"))
        blocks += map(note, not_counted_sentences(found))
        blocks += _hard_blocks(found, classes)
        blocks += [Heading("Doubted labels"), *map(prose, doubt_sentences(found.doubted, classes))]
        blocks += _doubt_blocks(found, classes)
        blocks += _evidence_blocks(material, classes)
    return Section.of("hard", "Hard examples and doubted labels", blocks, name="Hard examples")


def _classes(material: Material) -> Sequence[str]:
    """The names of the classes of the data set that was looked through."""
    counted = material.tables.images.experiments[:1]
    data = {each.name: each.data for each in material.study.experiments if each.name in counted}
    return next((each.classes for each in material.study.data if each.root in data.values()), ())


def _hard_blocks(found: ImageFindings, classes: Sequence[str]) -> Iterator[Block]:
    examples = found.hard.examples
    if not examples:
        return
    yield Table(hard_grid(examples[:MOST_ROWS], classes), "hard-examples", "wide")
    shown = min(MOST_ROWS, len(examples))
    yield note(
        f"The first {shown} of {len(examples)} in ",
        link("tables/hard_examples.csv", "hard_examples.csv"),
        "; what every trial said of each is in ",
        link("tables/hard_scores.csv", "hard_scores.csv"),
        ". Wrong is judged at each trial’s own threshold. The order: by the share of experiments that are "
        "wrong, by their number, then by the mean probability of the image’s own class, the classes in turn.",
    )


def hard_grid(examples: Sequence[HardExample], classes: Sequence[str]) -> Grid:
    """Typeset hard examples."""
    rows: list[list[GridCell | str]] = [
        [
            each.path,
            class_name(classes, each.label),
            kind_text(each.kind),
            f"{each.wrong} of {each.experiments}",
            number(each.own_class),
        ]
        for each in examples
    ]
    heads = ["Image", "Class", "Mistake", "Wrong in", "Mean probability of its class"]
    return grid("Hard examples", heads, rows, 3)


def _doubt_blocks(found: ImageFindings, classes: Sequence[str]) -> Iterator[Block]:
    doubts = found.doubted.doubts
    if not doubts:
        return
    rows: list[list[GridCell | str]] = [
        [
            each.path,
            class_name(classes, each.label),
            class_name(classes, each.suggested),
            number(each.given_probability),
            number(each.suggested_probability),
            number(each.margin),
        ]
        for each in doubts[:MOST_ROWS]
    ]
    heads = ["Image", "Label", "Suggested", "P(label)", "P(suggested)", "Margin"]
    yield Table(grid("Doubted labels", heads, rows, 3), "label-errors", "wide")
    yield note(
        f"The first {len(rows)} of {integer(found.doubted.num_found)} by margin, the probability of the "
        "label minus the greatest other; more are in ",
        link("tables/label_errors.csv", "label_errors.csv"),
        ". Method: confident learning (Northcutt, Jiang & Chuang 2021) on probabilities averaged over the "
        "experiments, each from trials that did not train on the image.",
    )


def _evidence_blocks(material: Material, classes: Sequence[str]) -> Iterator[Block]:
    phase = material.study.phase.name
    record = known_hard(material.store, phase)
    yield Heading("Pictures and training images")
    if record is None:
        how = Span(f"python -m orchestrator explain-images {phase}", "code")
        yield note("Pictures, maps and the nearest training images of these: ", how, ".")
        return
    yield from (note(problem) for problem in record.problems)
    if record.rows:
        yield prose(alarms_sentence(record.rows), tone="says")
    cards, spent = list[Block](), 0
    for row in record.rows:
        pictures = _pictures(material, record, row, classes)
        spent += sum(len(each.uri) for each in pictures)
        cards.append(_card(material, row, pictures if spent <= MOST_BYTES else (), classes))
    yield from cards[:MOST_OPEN]
    if others := cards[MOST_OPEN:]:
        yield Details((f"The other {len(others)} images",), tuple(others))
    yield note(
        f"By the trials of {record.experiment} that tested the images. Left to right: the image as the model "
        "saw it, its Grad-CAM map for the predicted class, and the training image with the most similar "
        "features (cosine). Near-duplicates are looked for among all training images of the trial."
    )


def _pictures(
    material: Material, record: HardRecord, row: Evidence, classes: Sequence[str]
) -> tuple[Thumbnail, ...]:
    folder = hard_folder(material.store, record.phase)
    near = f"nearest: {class_name(classes, row.nearest_label)}, cosine {number(row.nearest_similarity)}"
    named = (
        (row.seen, f"seen: {class_name(classes, row.label)}"), (row.overlay, "map"), (row.nearest, near),
    )  # fmt: skip
    return tuple(
        Thumbnail.of(
            (folder / name).read_bytes(), "webp", alt=f"{row.path}, {said}", name=said, side_px=SIDE_PX
        )
        for name, said in named
        if name and (folder / name).is_file()
    )


def _card(
    material: Material, row: Evidence, pictures: tuple[Thumbnail, ...], classes: Sequence[str]
) -> Group:
    blocks: list[Block] = [Heading(row.path, is_name=True)]
    if alarm := alarm_text(row, classes):
        blocks.append(Prose((alarm,), "says"))
    if pictures:
        blocks.append(Thumbnails(pictures, "evidence"))
    why = " and ".join(
        said for said, holds in (("hard", row.is_hard), ("label doubted", row.is_doubted)) if holds
    )
    near = class_name(classes, row.nearest_label)
    blocks.append(
        note(
            f"{why}; {class_name(classes, row.label)} from {row.source}; {row.format} "
            f"{row.width}×{row.height}, {integer(row.bytes)} bytes; "
            f"nearest training image {row.nearest_path} ({near}).",
        )
    )
    if (scores := _scores_grid(material, row)) is not None:
        blocks.append(Table(scores, has_links=False))
    return Group("card", tuple(blocks))


def _scores_grid(material: Material, row: Evidence) -> Grid | None:
    """What the experiments that the page shows said of an image; None where it is not among the hard ones."""
    names = material.bounds.lines.names
    every = [each for each in material.tables.images.hard.examples if each.path == row.path]
    said = [score for each in every for score in each.scores if score.experiment in names][:MOST_SCORES]
    if not said:
        return None
    rows: list[list[GridCell | str]] = [
        [
            each.experiment,
            str(each.fold),
            number(each.score),
            number(each.threshold),
            "wrong" if each.is_wrong else "right",
        ]
        for each in said
    ]
    return grid(f"Scores of {row.path}", ["Experiment", "Fold", "Score", "Threshold", "Outcome"], rows)
