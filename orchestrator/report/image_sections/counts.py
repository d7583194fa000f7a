"""Section of the counts: how many images there are of what, and which files are not what they seem."""

from orchestrator.report.drawing.data_set import draw_image_counts
from orchestrator.report.grid import Grid, grid
from orchestrator.report.image_set import MAX_LINES, ImageSet, first_lines
from orchestrator.report.section import (
    Block,
    Definitions,
    Group,
    Heading,
    Panel,
    Section,
    Span,
    Table,
    figure,
    note,
)
from orchestrator.wording.numbers import DASH, integer
from trainables.data import overview
from trainables.data.dataset.groups import described
from trainables.data.images.path_checks import printable


def counts_section(images: ImageSet) -> Section:
    """Count images by source, class and split."""
    facts = tuple(((name,), (Span(value, "verbatim"),)) for name, value in _facts(images))
    sources, shown = images.rows["source"].nunique(), images.shown["source"].nunique()
    blocks: list[Block | None] = [
        Group("split", (Definitions(facts), Table(_counts(images)))),
        figure([_panel(images)]),
    ]
    if shown < sources:
        blocks.append(note(f"The figures and samples show the first {shown} of {sources} sources."))
    excluded = images.manifest.excluded
    if (found := first_lines("Files kept out", ["File", "Reason"], excluded)) is not None:
        blocks += [Heading("Files kept out"), Table(found)]
        if len(excluded) > MAX_LINES:
            blocks.append(note(_first(len(excluded))))
    misnamed = overview.misnamed(images.rows)
    if (found := first_lines("Files whose suffix misleads", ["File", "Content"], misnamed)) is not None:
        first = f" {_first(len(misnamed))}" if len(misnamed) > MAX_LINES else ""
        said = note(f"They are used: what a file is, its content says.{first}")
        blocks += [Heading("Files whose suffix misleads"), Table(found), said]
    return Section.of("counts", "Counts", blocks)


def _first(number: int) -> str:
    return f"The first {MAX_LINES} of {number}."


def _facts(images: ImageSet) -> list[tuple[str, str]]:
    manifest, rows = images.manifest, images.rows
    formats = rows["format"].value_counts()
    return [
        ("Folder", printable(images.folder)),
        ("Layout", manifest.layout),
        ("Classes", ", ".join(manifest.classes)),
        ("Names", printable(manifest.polarity)),
        ("Images", integer(len(rows))),
        ("Groups", f"{integer(rows['group'].nunique())}, by {described(manifest.group_by)}"),
        ("Bytes", f"{rows['bytes'].sum() / 2**20:.1f} MiB"),
        ("Formats", ", ".join(f"{name} {integer(count)}" for name, count in formats.items())),
    ]


def _counts(images: ImageSet) -> Grid:
    table = overview.counts(images.manifest)
    lines = [
        [str(source), str(name), str(split) or DASH, integer(int(count))]
        for source, name, split, count in table.itertuples(index=False, name=None)
    ]
    return grid("Images by source, class and split", ["Source", "Class", "Split", "Images"], lines, 3)


def _panel(images: ImageSet) -> Panel:
    table = overview.counts(images.manifest)
    table = table[table["source"].isin(list(images.looks))]
    total = table.groupby("source", sort=True)["images"].sum()
    said = "; ".join(f"{source} {count}" for source, count in total.items())
    return Panel("", draw_image_counts(table), f"Images of each source: {said}.")
