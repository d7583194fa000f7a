"""Sections of a page as plain values: a title, and blocks of prose, figures and tables in their order.

Nothing here is markup: a template, slides or a terminal decide how a block looks, and whoever shows a text
escapes it. A block is one of few kinds, each of which the template draws in one way. `tone` and `style` are
names that the style sheet knows; where there is no style sheet they can be passed over.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from orchestrator.report.drawing.picture import Picture
from orchestrator.report.grid import Grid


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text that is set apart: code, a name, what people wrote, a link to `target` ..."""

    text: str
    kind: Literal["code", "name", "verbatim", "link", "mark", "sub", "work", "strong"]
    target: str = ""


# A text as its parts; those that are strings are sentences of ours.
Text = tuple[str | Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A title within a section; `is_name` where it is the name of an experiment or of a source."""

    kind: ClassVar = "heading"
    text: str
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    kind: ClassVar = "prose"
    text: Text
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    kind: ClassVar = "items"
    items: tuple[Text, ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Definitions:
    """Definitions, each with what there is to say of it."""

    kind: ClassVar = "definitions"
    pairs: tuple[tuple[Text, Text], ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. With a `name`, files of that name lie beside the page; `has_links` leads to them."""

    kind: ClassVar = "table"
    grid: Grid
    name: str = ""
    style: str = ""
    has_links: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a figure, what it shows in words, and the name of its files beside the page, if any."""

    name: str
    picture: Picture
    label: str


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels side by side, and what they show."""

    kind: ClassVar = "figure"
    panels: tuple[Panel, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small square picture, as the address that holds its bytes."""

    uri: str
    alt: str
    name: str
    side_px: int

    @classmethod
    def of(
        cls, content: bytes, suffix: Literal["jpeg", "png", "webp"], *, alt: str, name: str, side_px: int
    ) -> Self:
        """Take the bytes of a file into the page."""
        return cls(f"data:image/{suffix};base64,{base64.b64encode(content).decode()}", alt, name, side_px)


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """A sheet of small pictures with their names."""

    kind: ClassVar = "thumbnails"
    pictures: tuple[Thumbnail, ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that are folded up behind a line."""

    kind: ClassVar = "details"
    summary: Text
    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that belong together: a card, things side by side."""

    kind: ClassVar = "group"
    style: Literal["card", "card decision", "split", "matrices", "matrix", "fold", "pairs", "pair"]
    blocks: tuple["Block", ...]


Block = Heading | Prose | Items | Definitions | Table | Figure | Thumbnails | Details | Group


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: its anchor, its short name in the list of sections, its title, its blocks."""

    anchor: str
    name: str
    title: str
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, anchor: str, title: str, blocks: Iterable[Block | None], *, name: str = "") -> Self:
        """Build a section from what there is to show: None is left out."""
        return cls(anchor, name or title, title, present(blocks))


@dataclass(frozen=True, slots=True)
class Callout:
    """What a reader has to know before the first section."""

    title: str
    lines: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A page: what stands above its sections, and the sections.

    `lead` is its message in a sentence, `facts` are what it is about in a line, `inputs` is the hash of all
    that it was made of.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    lead: str = ""
    facts: str = ""
    callouts: tuple[Callout, ...] = ()
    inputs: str = ""


def prose(*parts: str | Span, tone: str = "") -> Prose:
    """Build a paragraph from its parts."""
    return Prose(parts, tone)


def note(*parts: str | Span) -> Prose:
    """Build a paragraph that explains what stands above it."""
    return Prose(parts, "note")


def link(target: str, text: str = "") -> Span:
    """Build a link; it is called what it leads to unless told otherwise."""
    return Span(text or target, "link", target)


def figure(panels: Iterable[Panel], caption: str = "") -> Figure | None:
    """Build a figure; None without panels."""
    every = tuple(panels)
    return Figure(every, caption) if every else None


def present(blocks: Iterable[Block | None]) -> tuple[Block, ...]:
    """Return the blocks that are there."""
    return tuple(block for block in blocks if block is not None)


def every_block(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks and those inside them."""
    for block in blocks:
        yield block
        if isinstance(block, Details | Group):
            yield from every_block(block.blocks)
