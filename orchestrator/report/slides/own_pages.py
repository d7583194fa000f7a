r"""Slides that people write: results/slides.md, a small part of Markdown, as slides.

A heading (`#` to `######`) begins a slide. A list item (`-`, `*`, `1.`) and a paragraph are a point each; the
next lines of a paragraph belong to it. Lines of `|` are a table with its first row as heads. Within a text,
`**strong**`, `*work*`, `` `code` `` and `[text](address)` are known, of which a link keeps its text. Anything
else, HTML too, is shown as it is written. Points before the first heading go on a slide of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.report.grid import Grid, grid
from orchestrator.report.section import Span, Text
from orchestrator.report.slides.slide import Slide

UNTITLED = "Generated data"
HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+(.*)")
RULE = re.compile(r"[|\s:\-]+")
SPAN = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<work>[^*\s][^*]*)\*|\[(?P<link>[^\]]+)\]\([^)\s]*\)"
)


@dataclass(slots=True)
class _Page:
    title: str
    points: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def own_slides(text: str) -> tuple[Slide, ...]:
    """Return the slides that a text describes, in its order; a heading without anything below is one, too."""
    pages = [_Page(UNTITLED)]
    goes_on = False
    for line in text.replace("\t", " ").splitlines():
        said = line.strip()
        if heading := HEADING.fullmatch(said):
            pages.append(_Page(heading.group(1)))
        elif said.startswith("|"):
            _add_row(pages[-1], said)
        elif item := ITEM.fullmatch(said):
            pages[-1].points.append(item.group(1))
        elif said and goes_on:
            pages[-1].points[-1] += f" {said}"
        elif said:
            pages[-1].points.append(said)
        goes_on = bool(said) and not heading and not said.startswith("|")
    found = pages if pages[0].points or pages[0].rows else pages[1:]
    return tuple(
        Slide(f"own-{place}", page.title, tuple(map(_text, page.points)), grid=_table(page))
        for place, page in enumerate(found, start=1)
    )


def _add_row(page: _Page, line: str) -> None:
    if not RULE.fullmatch(line):
        page.rows.append([cell.strip() for cell in line.strip("|").split("|")])


def _table(page: _Page) -> Grid | None:
    if not page.rows:
        return None
    heads, *rows = page.rows
    width = len(heads)
    whole = [[*row, *[""] * width][:width] for row in rows]
    return grid(page.title, heads, whole, width)


def _text(line: str) -> Text:
    return tuple(_parts(line))


def _parts(line: str) -> Iterator[str | Span]:
    """Yield the parts of a line; what is not set apart is what people wrote, and stays as it is."""
    at = 0
    for found in SPAN.finditer(line):
        if found.start() > at:
            yield Span(line[at : found.start()], "verbatim")
        at = found.end()
        if found["code"] is not None:
            yield Span(found["code"], "code")
        elif found["strong"] is not None:
            yield Span(found["strong"], "strong")
        elif found["work"] is not None:
            yield Span(found["work"], "work")
        else:
            yield Span(found["link"], "verbatim")
    if at < len(line):
        yield Span(line[at:], "verbatim")
