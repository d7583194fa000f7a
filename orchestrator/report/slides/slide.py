"""Slides as plain values: a title, points, and one figure or table beside or below them.

Nothing here is markup: typst and HTML are two ways of drawing the same values, and each escapes what people
wrote. A slide shows a figure, a table or pictures, or none of these; what does not fit goes on to a further
page.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator.report.grid import Grid, GridCell
from orchestrator.report.section import Panel, Span, Text

# The highest panel, in its own points, that fits beside points at a size at which its text is 12 pt.
HIGHEST_PANEL = 248.0
MOST_POINTS = 8


@dataclass(frozen=True, slots=True)
class SlidePicture:
    """A square picture, as the bytes of a WebP file, and what stands below it."""

    content: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class Slide:
    """One slide. `anchor` is unique in its deck; `note` explains a figure or a table in small print.

    `more` is where there is more of it: the page of a phase below reports/, with the anchor of a section.
    """

    anchor: str
    title: str
    points: tuple[Text, ...] = ()
    panel: Panel | None = None
    grid: Grid | None = None
    pictures: tuple[SlidePicture, ...] = ()
    note: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Deck:
    """All slides, and what the first page says: title, what it is about, its message, and facts in a line."""

    title: str
    subtitle: str
    lead: str
    facts: str
    slides: tuple[Slide, ...]


def page_of(phase: str, section: str = "") -> str:
    """Return where the page of a phase is below reports/, or a section of it."""
    return f"{phase}/index.html{f'#{section}' if section else ''}"


def points_of(sentences: Iterable[str], most: int = MOST_POINTS) -> tuple[Text, ...]:
    """Return sentences as points, each once, the first `most` of them; empty ones are left out."""
    return tuple((sentence,) for sentence in [*dict.fromkeys(filter(None, sentences))][:most])


def asked_point(question: str, answer: str) -> Text:
    """Return a point that answers a question, which is set apart."""
    return (Span(question, "strong"), f" {answer}")


def fitting(panels: Sequence[Panel]) -> Panel | None:
    """Return the first of panels that fits on a slide; None where none does."""
    return next((panel for panel in panels if panel_height(panel) <= HIGHEST_PANEL), None)


def panel_height(panel: Panel) -> float:
    """Return how high a panel is, in points at a width of 260."""
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', panel.picture.svg)
    assert box is not None, "an SVG written here has a viewBox"
    return 260.0 * float(box.group(2)) / float(box.group(1))


def columns_of(table: Grid, names: Sequence[str]) -> Grid:
    """Return the columns of a table that are called `names`, in its order; those of words stay first."""
    places = [place for place, name in enumerate(table.columns) if name in names]
    rows = tuple(tuple(row[place] for place in places) for row in table.rows)
    num_text = sum(place < table.num_text for place in places)
    return Grid(table.label, tuple(table.columns[place] for place in places), rows, num_text)


def without_reason(cell: GridCell) -> GridCell:
    """Return a cell that says that it has no number, and leaves the reason to the page of the phase."""
    return replace(cell, note=cell.note.partition(":")[0]) if cell.tone == "muted" else cell
