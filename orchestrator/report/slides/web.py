"""The deck as one HTML page: a section for each slide, with all that the slide holds."""

import base64
from dataclasses import replace

from orchestrator.report.section import (
    Document,
    Figure,
    Items,
    Section,
    Table,
    Thumbnail,
    Thumbnails,
    link,
    note,
)
from orchestrator.report.slides.slide import Deck, Slide, SlidePicture

# As wide as four of them are on a page.
SIDE_PX = 224


def deck_document(deck: Deck) -> Document:
    """Return the page of a deck."""
    return Document(
        deck.title,
        deck.subtitle,
        tuple(_section(slide) for slide in deck.slides),
        lead=deck.lead,
        facts=deck.facts,
    )


def _section(slide: Slide) -> Section:
    return Section.of(
        slide.anchor,
        slide.title,
        [
            Items(slide.points) if slide.points else None,
            # Its files lie beside the page of its phase.
            None if slide.panel is None else Figure((replace(slide.panel, name=""),)),
            None if slide.grid is None else Table(slide.grid, style="wide", has_links=False),
            Thumbnails(tuple(map(_thumbnail, slide.pictures))) if slide.pictures else None,
            note(slide.note) if slide.note else None,
            note("More of it: ", link(f"../{slide.more}", f"reports/{slide.more}")) if slide.more else None,
        ],
    )


def _thumbnail(picture: SlidePicture) -> Thumbnail:
    uri = f"data:image/webp;base64,{base64.b64encode(picture.content).decode()}"
    return Thumbnail(uri, picture.caption, picture.caption, SIDE_PX)
