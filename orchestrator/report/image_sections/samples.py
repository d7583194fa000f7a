"""Section of the samples: small pictures of each source, as many as the page has room for."""

from orchestrator.report.image_set import ImageSet
from orchestrator.report.section import Block, Heading, Section, Thumbnail, Thumbnails, note
from trainables.data import overview

# What they may take of the page, in bytes as they are written (base64 is a third longer than the file).
SHEET_BYTES = 1_800_000
MAX_SAMPLES = 16


def samples_section(images: ImageSet) -> Section:
    """Show a sheet of each source."""
    sources = sorted(images.shown["source"].unique())
    chosen = overview.sample(images.shown, per_source=MAX_SAMPLES)
    blocks: list[Block | None] = []
    for source in sources:
        paths = list(chosen.loc[chosen["source"] == source, "path"])
        pictures = images.thumbnails(paths, alt=f"An image of {source}")
        blocks += [
            Heading(str(source), is_name=True),
            Thumbnails(_within(pictures, SHEET_BYTES / len(sources))),
        ]
    blocks.append(
        note(
            "The central square of each picture, made small. The choice hangs on the files’ contents alone, "
            "which is as good as drawn at random."
        )
    )
    return Section.of("samples", "Samples", blocks)


def _within(pictures: list[Thumbnail], budget: float) -> tuple[Thumbnail, ...]:
    """As many pictures as fit, and one at the least."""
    kept: list[Thumbnail] = []
    total = 0
    for picture in pictures:
        total += len(picture.uri)
        if kept and total > budget:
            break
        kept.append(picture)
    return tuple(kept)
