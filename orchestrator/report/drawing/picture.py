"""Figures as parts of a page: palette, picture, panel, names that fit, and SVG that a page can take in.

Nothing here draws, so that a page that is left as it is never waits for matplotlib.

`inline` turns a figure into part of a page. Colours become the page's CSS variables there, which is what
lets one figure serve light and dark. Colours: blue and vermilion of Okabe and Ito (2008, "Color Universal
Design"), darkened for contrast; every distinction is also one of line style or place.
"""

import html
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

INK, MUTED, RULE, CARD = "#1b1f24", "#5b6470", "#dfe3e8", "#ffffff"
ACCENT, SECOND = "#0067a5", "#bf4e00"
CSS_NAMES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    CARD: "--card",
    ACCENT: "--accent",
    SECOND: "--second",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as the text of an SVG file and as the bytes of a PNG file, 722 px wide on white, if any."""

    svg: str
    png: bytes = b""


def inline(svg: str, label: str) -> str:
    """Turn a figure's SVG file into an element of an HTML page that reads `label` aloud."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert box is not None, "an SVG written here has a viewBox"
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)

    def variables(tag: re.Match[str]) -> str:
        return re.sub(r"#[0-9a-f]{6}\b", _as_variable, tag.group())

    head = f'<svg viewBox="{box.group(1)}" role="img" aria-label="{html.escape(label)}">'
    return head + re.sub(r"<[^>]*>", variables, body).strip()


def _as_variable(colour: re.Match[str]) -> str:
    name = CSS_NAMES.get(colour.group())
    return f"var({name})" if name else colour.group()


def short(text: str, length: int) -> str:
    """Cut a name that is too long for its place in the middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def shorts(names: Iterable[str], length: int) -> dict[str, str]:
    """Cut names that are too long so that different ones stay different: those alike to where they differ."""
    every = sorted(set(names))
    return _apart(every, {name: short(name, length) for name in every}, length)


def _apart(names: Sequence[str], cut: dict[str, str], length: int) -> dict[str, str]:
    for text in {cut[name] for name in names}:
        alike = [name for name in names if cut[name] == text]
        if len(alike) > 1:
            # They differ behind what they share, which is where each is cut out now.
            shared = sum(
                itertools.takewhile(bool, (len(set(here)) == 1 for here in zip(*alike, strict=False)))
            )
            start = max(0, shared - length // 3)
            cut |= {name: f"…{name[start : start + length - 2]}…" for name in alike}
            _apart(alike, cut, length)
    return cut


def fold_title(name: str, names: Iterable[str], found: int, expected: int) -> str:
    """Name one of the experiments in a figure; where folds are missing, that is part of its name."""
    if found == expected:
        return shorts(names, 38)[name]
    return f"{shorts(names, 22)[name]} ({found} of {expected} folds)"
