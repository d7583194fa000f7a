"""Every kind of block becomes its markup, and what people wrote stays text."""

import re
from html.parser import HTMLParser
from typing import get_args

import pytest

from orchestrator.report.drawing.picture import Picture
from orchestrator.report.grid import GridCell, grid
from orchestrator.report.rendering import render_page
from orchestrator.report.section import (
    Block,
    Callout,
    Definitions,
    Details,
    Document,
    Figure,
    Group,
    Heading,
    Items,
    Panel,
    Prose,
    Section,
    Span,
    Table,
    Thumbnail,
    Thumbnails,
    every_block,
    figure,
    link,
    note,
    prose,
)

EVIL = "<b onclick=alert(1)>\"'& {{ 7*7 }}"
SVG = '<svg viewBox="0 0 2 1"><path d="M 0 0"/></svg>'
SPANS = ("code", "name", "verbatim", "mark", "sub", "work")
EVERY: tuple[Block, ...] = (
    Heading(EVIL),
    prose(EVIL, *(Span(EVIL, kind) for kind in SPANS), tone="says"),
    Items(((EVIL, link("#first", EVIL)),), "files"),
    Definitions((((EVIL,), (Span(EVIL, "code"),)),)),
    Table(grid(EVIL, [EVIL, "n"], [[EVIL, GridCell("1", EVIL, "heat", 0.5)]]), "paper", "wide"),
    Figure((Panel("drawn", Picture(SVG), EVIL),), EVIL),
    Thumbnails((Thumbnail.of(b"png", "png", alt=EVIL, name=EVIL, side_px=8),), "spectra"),
    Details((EVIL,), (Group("card", (Heading(EVIL), note(EVIL))),)),
)  # fmt: skip


class Tree(HTMLParser):
    """The elements of a page in their order, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "wbr", "path"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "path":
            assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(*blocks: Block | None) -> str:
    first = Section.of("first", "First", blocks, name="One")
    return render_page(Document(EVIL, EVIL, (first,), EVIL, EVIL, (Callout(EVIL, ((EVIL,),)),), "0" * 64))


def test_all_kinds_of_blocks_are_tried() -> None:
    """Catches a new kind of block that the template does not know."""
    assert {type(block) for block in every_block(EVERY)} == set(get_args(Block))


@pytest.mark.parametrize("block", EVERY, ids=lambda block: block.kind)
def test_a_block_is_well_formed_and_what_people_wrote_is_text(block: Block) -> None:
    """Catches an element that is left open, and markup that gets in with a name."""
    found = Tree(page(block))
    assert not found.opened and "b" not in found.tags
    assert found.text.replace("\u00a0", " ").count(EVIL) >= 6


def test_sections_are_linked_by_their_short_names_and_the_first_can_be_skipped_to() -> None:
    html = page(prose("text"))
    assert '<a class="skip" href="#first">Skip to the one</a>' in html
    assert '<nav aria-label="Sections"><a href="#first">One</a></nav>' in html
    assert '<section id="first" tabindex="-1">\n<h2>First</h2>' in html


def test_links_lead_to_files_that_there_are() -> None:
    """Catches links below a picture or a table that has no files beside the page."""
    drawn, table = Picture(SVG), grid("T", ["a"], [["x"]])
    named = page(figure([Panel("roc-1", drawn, "")]), Table(table, "scores"))
    assert re.findall(r'href="((?:figures|tables)/[^"]*)"', named) == [
        "figures/roc-1.svg", "figures/roc-1.png", "tables/paper/scores.csv", "tables/paper/scores.md",
        "tables/paper/scores.tex",
    ]  # fmt: skip
    unnamed = page(figure([Panel("", drawn, "")]), Table(table), Table(table, "scores", has_links=False))
    assert not re.findall(r'href="(?:figures|tables)/', unnamed)


def test_what_is_not_there_leaves_nothing() -> None:
    assert figure([], "a caption without panels") is None
    assert Section.of("a", "A", [None, prose("x"), None]).blocks == (Prose(("x",)),)


def test_text_is_typeset_and_names_are_left_as_they_are() -> None:
    """Catches a folder whose name on the page can't be copied."""
    html = page(prose("by -0.5 (95 % interval)", Span(" -1 ", "verbatim"), Span(" -2 ", "code")))
    assert "by −0.5 (95\u00a0% interval)" in html and " -1 " in html and "<code> -2 </code>" in html
