"""The deck as one HTML page: a section for each slide, with all that the slide holds."""

from dataclasses import replace

from orchestrator.report.section import Document, Figure, Items, Section, Table, link, note
from orchestrator.report.slides.slide import Deck, Slide


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
            note(slide.note) if slide.note else None,
            note("More of it: ", link(f"../{slide.more}", f"reports/{slide.more}")) if slide.more else None,
        ],
    )
