"""The deck as a PDF: values as JSON into a template of typst, compiled in this process.

Nothing is read from the network or from the system: fonts are those of typst and matplotlib. The same deck
gives the same bytes, as it carries no date.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from orchestrator.report.grid import Grid
from orchestrator.report.rendering import BREAK, typeset_prose
from orchestrator.report.section import Panel, Span, Text
from orchestrator.report.slides.slide import Deck, Slide, panel_height

TEMPLATE = Path(__file__).parent / "deck.typ"
# Where a line may break that shows no hyphen there.
ZERO_WIDTH_SPACE = "\u200b"
# In a run of letters that is too long for a column, where the line may break.
LONG_RUN = re.compile(rf"[^\s{ZERO_WIDTH_SPACE}]{{12}}(?=[^\s{ZERO_WIDTH_SPACE}]{{6}})")
# The longest text of a column of words that takes no more than it needs.
LONGEST_NARROW = 24
SCREEN_FONTS, EMBEDDED_FONT = "system-ui, sans-serif", "DejaVu Sans"


def deck_pdf(deck: Deck) -> bytes:
    """Return the deck as a PDF file."""
    return _compile(deck, "pdf")[0]


def deck_pages(deck: Deck, *, dots_per_inch: float = 72.0) -> list[bytes]:
    """Return each page of the deck as a PNG file; 960 × 540 px at 72 dots per inch."""
    return _compile(deck, "png", ppi=dots_per_inch)


def _compile(deck: Deck, kind: Literal["pdf", "png"], ppi: float | None = None) -> list[bytes]:
    import matplotlib
    import typst

    made: bytes | list[bytes] = typst.compile(
        TEMPLATE,
        format=kind,
        ppi=ppi,
        sys_inputs={"deck": json.dumps(_deck_values(deck))},
        font_paths=[Path(matplotlib.get_data_path()) / "fonts" / "ttf"],
        ignore_system_fonts=True,
    )
    # Several pages of pictures are a list, which typst's own declaration leaves out.
    return made if isinstance(made, list) else [made]


def _deck_values(deck: Deck) -> dict[str, JsonValue]:
    return {
        "title": deck.title,
        "subtitle": _breakable(deck.subtitle),
        "lead": _breakable(typeset_prose(deck.lead)),
        "facts": deck.facts,
        "slides": [_slide_values(slide) for slide in deck.slides],
    }


def _slide_values(slide: Slide) -> dict[str, JsonValue]:
    return {
        "title": _breakable(slide.title),
        "points": [list(_text_values(point)) for point in slide.points],
        "panel": None if slide.panel is None else _panel_values(slide.panel),
        "grid": None if slide.grid is None else _grid_values(slide.grid),
        "pictures": [
            {"content": list(each.content), "caption": _breakable(each.caption)} for each in slide.pictures
        ],
        "note": _breakable(typeset_prose(" ".join(filter(None, [slide.note, _more(slide)])))),
    }


def _more(slide: Slide) -> str:
    return f"More of it: reports/{slide.more}" if slide.more else ""


def _text_values(text: Text) -> Iterator[dict[str, JsonValue]]:
    for part in text:
        if isinstance(part, Span):
            yield {"kind": part.kind, "text": _breakable(part.text)}
        else:
            yield {"kind": "plain", "text": _breakable(typeset_prose(part))}


def _panel_values(panel: Panel) -> dict[str, JsonValue]:
    # In tags only: what stands between them may be a name that people gave.
    svg = re.sub(r"<[^>]*>", lambda tag: tag.group().replace(SCREEN_FONTS, EMBEDDED_FONT), panel.picture.svg)
    return {"svg": svg, "label": panel.label, "height": panel_height(panel)}


def _grid_values(grid: Grid) -> dict[str, JsonValue]:
    rows: list[JsonValue] = [
        [
            {"text": _breakable(cell.text) if place < grid.num_text else cell.text, "note": cell.note}
            for place, cell in enumerate(row)
        ]
        for row in grid.rows
    ]
    return {
        "columns": [_breakable(name) for name in grid.columns],
        "num_text": grid.num_text,
        "is_wide": list(_wide_columns(grid)),
        "rows": rows,
    }


def _wide_columns(grid: Grid) -> Iterator[bool]:
    """Tell of each column whether it takes what others leave: the first, and those of long texts."""
    for place, name in enumerate(grid.columns):
        longest = max((len(row[place].text) for row in grid.rows), default=len(name))
        yield place == 0 or (place < grid.num_text and longest > LONGEST_NARROW)


def _breakable(text: str) -> str:
    """Let lines break within names: behind what parts them, and within a run longer than a column."""
    parts = ZERO_WIDTH_SPACE.join(BREAK.split(text))
    return LONG_RUN.sub(lambda run: f"{run.group()}{ZERO_WIDTH_SPACE}", parts)
