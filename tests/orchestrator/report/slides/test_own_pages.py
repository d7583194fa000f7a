"""Slides that people write in a small part of Markdown."""

import pytest

from orchestrator.report.section import Span
from orchestrator.report.slides.own_pages import UNTITLED, own_slides


def words(text: str) -> list[str]:
    (slide,) = own_slides(text)
    return ["".join(part if isinstance(part, str) else part.text for part in point) for point in slide.points]


def test_each_heading_is_a_slide_with_its_points_and_table() -> None:
    first, second = own_slides(
        "# GAN ##\n\nTrained for\n100 epochs.\n\n- one\n* two\n1. three\n\n"
        "## Scores\n| metric | value |\n|---|---:|\n| FID | 12.5 |\n| IS |\n"
    )
    assert first.title == "GAN"
    assert [point[0] for point in first.points] == [
        Span(text, "verbatim") for text in ("Trained for 100 epochs.", "one", "two", "three")
    ]
    assert second.title == "Scores" and second.grid is not None
    assert second.grid.columns == ("metric", "value")
    assert [[cell.text for cell in row] for row in second.grid.rows] == [["FID", "12.5"], ["IS", ""]]
    assert first.anchor != second.anchor


def test_a_text_without_a_heading_has_the_usual_title() -> None:
    (slide,) = own_slides("We used StyleGAN2.")
    assert slide.title == UNTITLED


def test_marks_within_a_text_become_spans() -> None:
    (slide,) = own_slides("- a **b** *c* `d*e*` [f](https://example.org/x)")
    assert slide.points[0] == (
        Span("a ", "verbatim"), Span("b", "strong"), Span(" ", "verbatim"), Span("c", "work"),
        Span(" ", "verbatim"), Span("d*e*", "code"), Span(" ", "verbatim"), Span("f", "verbatim"),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["<b>bold</b> & $x$ #let [a] 2 * 3 * 4 \\ \"'", "**open", "a * b"])
def test_anything_else_is_kept_as_it_is_written(text: str) -> None:
    """Catches a letter of a user that is taken for markup, or lost."""
    assert words(text) == [text.strip()]


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_nothing_written_is_no_slide(text: str) -> None:
    assert own_slides(text) == ()
