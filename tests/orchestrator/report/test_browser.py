"""The page as a browser has it: nothing wrong in the console, nothing wider than a phone, keys reach it all.

Skipped where there is no Chromium.
"""

from itertools import pairwise
from typing import Any

import pytest

from tests.cases import fast_first

PHONE_PX, DESK_PX = 390, 1280
TITLE_OF_FOCUS = "document.activeElement.className || document.activeElement.tagName.toLowerCase()"


@pytest.mark.parametrize("width", [PHONE_PX, DESK_PX])
@pytest.mark.parametrize("dark", fast_first([False, True], 1), ids=["light", "dark"])
@pytest.mark.parametrize("phase", fast_first(["two_classes", "five_classes", "hostile_phase"], 1))
def test_page_opens_without_complaint_and_fits(
    browser: Any, request: pytest.FixtureRequest, phase: str, width: int, dark: bool
) -> None:
    """Catches markup that a browser stumbles over, requests to elsewhere, and scrolling sideways."""
    browser.open(request.getfixturevalue(phase).page, width=width, dark=dark)
    browser.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert browser.complaints() == []
    assert browser.ask("document.documentElement.scrollWidth") == width
    # The boxes of tables scroll by themselves; nothing else sticks out of the window.
    outside = browser.ask(
        "[...document.querySelectorAll('main *, header *')].filter(each => !each.closest('.scroll')"
        " && !each.closest('svg') && each.getBoundingClientRect().right > innerWidth + 1)"
        ".map(each => each.outerHTML.slice(0, 80))"
    )
    assert outside == []


def test_every_link_leads_somewhere(browser: Any, two_classes: Any) -> None:
    """Catches a link to a section or a file that is not there."""
    browser.open(two_classes.page, width=DESK_PX)
    links = browser.ask("[...document.querySelectorAll('a')].map(each => each.getAttribute('href'))")
    assert len(links) > 100
    for link in links:
        if link.startswith("#"):
            assert browser.ask(f"document.getElementById({link[1:]!r}) !== null"), link
        else:
            assert (two_classes.page.parent / link).is_file(), link


@pytest.mark.slow
def test_tab_reaches_the_skip_link_first_and_then_every_table(browser: Any, two_classes: Any) -> None:
    """Catches a table that only a mouse can scroll, and a skip link that does not skip."""
    browser.open(two_classes.page, width=PHONE_PX)
    boxes = browser.ask("document.querySelectorAll('.scroll:not(details .scroll)').length")
    browser.press("Tab")
    assert browser.ask(TITLE_OF_FOCUS) == "skip"
    assert browser.ask("document.activeElement.getBoundingClientRect().top") >= 0
    visited: list[str] = []
    while not visited or visited[-1] not in ("skip", "body"):
        browser.press("Tab")
        visited.append(browser.ask(TITLE_OF_FOCUS))
    assert visited.count("scroll") == boxes > 8
    browser.ask("document.querySelector('a.skip').click()")
    assert browser.ask("document.activeElement.id") == "answer"


def test_focus_can_be_seen(browser: Any, two_classes: Any) -> None:
    browser.open(two_classes.page, width=DESK_PX)
    for _ in range(2):
        browser.press("Tab")
    shown = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.ask(TITLE_OF_FOCUS) == "a" and browser.ask(shown) == "solid"


def test_headings_come_in_order_and_figures_are_named(browser: Any, two_classes: Any) -> None:
    """Catches a level that is left out, on which a screen reader's reader loses the way."""
    browser.open(two_classes.page, width=DESK_PX)
    levels = browser.ask("[...document.querySelectorAll('h1, h2, h3')].map(each => Number(each.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = browser.ask("[...document.querySelectorAll('svg')].map(each => each.getAttribute('aria-label'))")
    assert len(names) > 15 and len(set(names)) == len(names)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, two_classes: Any, dark: bool) -> None:
    """Catches colours of one scheme in the other: WCAG asks for a contrast of 4.5 for text."""
    browser.open(two_classes.page, width=DESK_PX, dark=dark)
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    tones = ("ink", "muted", "accent", "second", "good", "bad", "warn")
    for ground in ("paper", "card"):
        for tone in tones:
            pair = [browser.ask(colour.format(name)) for name in (tone, ground)]
            assert contrast(*pair) >= 4.5, (tone, ground, pair)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours such as #0067a5 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
