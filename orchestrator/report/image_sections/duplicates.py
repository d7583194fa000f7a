"""Section of the duplicates: pictures that are there more than once, or nearly so, side by side."""

from collections.abc import Iterator, Sequence

from orchestrator.report.image_set import ImageSet
from orchestrator.report.section import Block, Group, Heading, Section, Thumbnail, Thumbnails, note, prose
from orchestrator.wording.numbers import number
from trainables.data import overview

# What they may take of the page, in bytes as they are written.
PAIR_BYTES = 700_000
MAX_PAIRS = 24


def duplicates_section(images: ImageSet) -> Section:
    """Show what is there twice."""
    identical = overview.identical(images.rows)
    copies = _within(_copies(images, identical))
    blocks: list[Block | None] = []
    if copies:
        total = len(identical)
        blocks += [
            prose(
                f"{total} {'picture is' if total == 1 else 'pictures are'} there more than once, byte for "
                "byte. Cross-validation keeps them on one side; the data set’s own splits (protocol "
                "official) are taken as they are."
            ),
            Group("pairs", copies),
        ]
        if total > len(copies):
            blocks.append(note(f"The first {len(copies)} of {total}."))
    else:
        blocks.append(prose("No two files are identical."))
    if near := _within(_near(images)):
        blocks += [Heading("Nearly the same"), Group("pairs", near)]
        if (total := len(images.near_duplicates)) > len(near):
            blocks.append(note(f"The {len(near)} most alike of {total} pairs."))
    return Section.of("twice", "Duplicates", blocks)


def _copies(images: ImageSet, identical: Sequence[tuple[str, ...]]) -> Iterator[tuple[list[Thumbnail], str]]:
    """Each content that is there more than once: the picture, and how its files differ in class and split."""
    rows, classes = images.rows, images.manifest.classes
    about = {
        path: (classes[label] if label >= 0 else "unlabelled", split)
        for path, label, split in zip(rows["path"], rows["label"], rows["split"], strict=True)
    }
    for paths in identical[:MAX_PAIRS]:
        names, splits = ({about[path][side] for path in paths} for side in (0, 1))
        differing = ["different classes"] if len(names) > 1 else []
        differing += ["different splits"] if len(splits) > 1 else []
        more = f", {len(paths)} copies" if len(paths) > 2 else ""
        said = f"Identical files{more}: {', '.join(differing) or 'same class and split'}"
        yield images.thumbnails(paths[:2], alt="A picture that is there twice"), said


def _near(images: ImageSet) -> Iterator[tuple[list[Thumbnail], str]]:
    ordered = sorted(images.near_duplicates, key=lambda pair: (-pair[2], pair[:2]))
    for one, other, correlation in ordered[:MAX_PAIRS]:
        pictures = images.thumbnails([one, other], alt="One of two pictures that are nearly the same")
        yield pictures, f"Correlation {number(correlation)}"


def _within(pairs: Iterator[tuple[list[Thumbnail], str]]) -> tuple[Block, ...]:
    """As many pairs as the page has room for."""
    kept: list[Block] = []
    total = 0
    for pictures, said in pairs:
        total += sum(len(picture.uri) for picture in pictures)
        if total > PAIR_BYTES:
            break
        kept.append(Group("pair", (Thumbnails(tuple(pictures)), prose(said))))
    return tuple(kept)
