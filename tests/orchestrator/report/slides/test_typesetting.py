"""The deck as a PDF and as pictures of its pages."""

import io

import numpy as np
from PIL import Image

from orchestrator.report.drawing.picture import Picture
from orchestrator.report.grid import grid
from orchestrator.report.section import Panel, Span
from orchestrator.report.slides.slide import HIGHEST_PANEL, Deck, Slide, fitting, panel_height, points_of
from orchestrator.report.slides.typesetting import deck_pages, deck_pdf

# Every letter that means something to typst or HTML, and what would read a file or run code.
HOSTILE = (
    '#panic("x") $x_1^2$ [a] *b* _c_ `d` <e> @f // g /* h */ ~ -- \\ \\u{41} "q" \'s\' {i} = j <script>&amp;'
)
MARGIN_PX = 40


def deck(*slides: Slide) -> Deck:
    return Deck("A study", "of faces", "It says this.", "1 phase", slides)


def panel(height: float) -> Panel:
    box = f'<rect width="260" height="{height}" style="fill: #0067a5"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 260 {height}">{box}</svg>'
    return Panel("panel", Picture(svg), "a panel")


def pixels(page: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page)).convert("L"))


def has_clean_margins(page: np.ndarray) -> bool:
    """Whether nothing is drawn at the left and right edge of a page, nor at its top and bottom."""
    sides = (page[:, :MARGIN_PX], page[:, -MARGIN_PX:], page[:8], page[-8:])
    return all(bool((side == 255).all()) for side in sides)


def test_what_people_wrote_is_no_markup_wherever_it_stands() -> None:
    """Catches text that typst would run, refuse, or swallow."""
    hostile = Slide(
        "a",
        HOSTILE,
        (*points_of([HOSTILE]), (Span(HOSTILE, "code"), Span(HOSTILE, "strong"))),
        grid=grid(HOSTILE, [HOSTILE, "n"], [[HOSTILE, HOSTILE]]),
        note=HOSTILE,
    )
    pages = deck_pages(Deck(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (hostile,)))
    assert len(pages) == 2
    plain = deck_pages(deck(Slide("a", "t", points_of(["x"]))))
    assert (pixels(pages[1]) < 128).sum() > 3 * (pixels(plain[1]) < 128).sum()


def test_the_same_deck_gives_the_same_bytes() -> None:
    """Catches a date, a random identifier, and an order that changes."""
    one = deck(Slide("a", "t", points_of(["x"]), panel=panel(100)))
    assert deck_pdf(one) == deck_pdf(one)
    assert b"CreationDate" not in deck_pdf(one)


def test_what_does_not_fit_goes_on_to_further_pages() -> None:
    """Catches lines that are cut off at the foot of a page."""
    said = "A sentence of some length that says one thing with its interval and its p-value. " * 3
    few, many = (
        deck_pages(deck(Slide("a", "t", tuple((f"{place} {said}",) for place in range(number)))))
        for number in (3, 20)
    )
    assert len(few) == 2 and len(many) > 2
    assert all(has_clean_margins(pixels(page)) for page in many[1:])


def test_long_names_stay_on_the_page() -> None:
    """Catches names without a place to break that run out of their column."""
    name = "p4b_" + "x" * 90
    cells = [[name, *["0.123 ± 0.456"] * 5] for _ in range(7)]
    table = grid("scores", ["Experiment", *(f"metric{place}" for place in range(5))], cells)
    pages = deck_pages(
        deck(
            Slide("a", name, points_of([name]), grid=table, note=name),
            Slide("b", name, points_of([name] * 2), panel=panel(HIGHEST_PANEL), note=name),
        )
    )
    assert all(has_clean_margins(pixels(page)) for page in pages[1:])


def test_a_panel_is_shown_where_its_text_stays_legible() -> None:
    low, high = panel(HIGHEST_PANEL), panel(HIGHEST_PANEL + 1)
    assert panel_height(low) == HIGHEST_PANEL
    assert fitting([high, low]) is low and fitting([high]) is None
    page = pixels(deck_pages(deck(Slide("a", "t", points_of(["x"]), panel=low)))[1])
    blue = np.argwhere((page > 50) & (page < 120))
    # 448 points wide, and all of its height above the foot of the page.
    assert np.ptp(blue[:, 1]) >= 440 and np.ptp(blue[:, 0]) >= 440 * HIGHEST_PANEL / 260
