"""What every figure of every page is drawn with: palette, panel, title, and SVG that a page can take in.

Every figure is one small panel, as wide as a phone's screen; pages lay panels out side by side. So the same
file is legible on a phone, in two columns of a paper and beside its peers on a wide screen. Text stays text,
and the same frames give the same bytes: no date, no random ids.

`inline` turns a figure into part of a page. Colours become the page's CSS variables there, which is what
lets one figure serve light and dark. Colours: blue and vermilion of Okabe and Ito (2008, "Color Universal
Design"), darkened for contrast; every distinction is also one of line style or place.
"""

import html
import io
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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

# Points, as in the SVG's viewBox. Shown 340 px wide, a point is 1.3 px.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 260.0, 34.0, 10.0, 30.0, 32.0

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.formatter.useoffset": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "path.simplify": True,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
PNG_DPI = 200
# Half of the time that the default takes, for a tenth more bytes.
_PNG = {"compress_level": 3}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as the text of an SVG file and as the bytes of a PNG file, 722 px wide on white."""

    svg: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure on a page: the name of its files, its picture, and what it shows in words."""

    name: str
    svg: str
    label: str
    png: bytes = b""

    @classmethod
    def of(cls, name: str, picture: Picture, label: str) -> "Panel":
        """Name a picture and say what it shows."""
        return cls(name, picture.svg, label, picture.png)


def style(salt: str) -> AbstractContextManager[None]:
    """Set the style for one figure; the salt keeps ids of figures on one page apart."""
    settings: Any = {**_STYLE, "svg.hashsalt": salt}
    return matplotlib.rc_context(settings)


def panel(
    height: float, *, left: float = LEFT, top: float = TOP, bottom: float = BOTTOM
) -> tuple[Figure, Axes]:
    """Return a figure of `height` points with one plot in it; the margins are points too."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), facecolor=CARD)
    box = (
        left / WIDTH,
        bottom / height,
        (WIDTH - left - RIGHT) / WIDTH,
        (height - bottom - top) / height,
    )
    axes = figure.add_axes(box, facecolor="none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelsize=8, length=2.5, width=0.6)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.label.set(color=MUTED, size=8)
    axes.yaxis.label.set(color=MUTED, size=8)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return figure, axes


def title(figure: Figure, text: str) -> None:
    """Write the title at the top left."""
    top = 1 - 14 / (figure.get_figheight() * 72)
    figure.text(RIGHT / WIDTH, top, text, color=INK, fontsize=9.5, fontweight="bold", ha="left")


def limits(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis that shows every finite value, with a little room."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.06 * (high - low) or max(0.01, 0.01 * abs(high))
    return low - room, high + room


def short(text: str, length: int) -> str:
    """Cut a name that is too long for its place in the middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def picture(figure: Figure) -> Picture:
    """Return the figure in both formats; no date, no name of a program."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None}, pil_kwargs=_PNG)
    return Picture(svg(figure), buffer.getvalue())


def svg(figure: Figure) -> str:
    """Return the figure as the text of an SVG file."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    text = re.sub(r"<!DOCTYPE.*?>\s*", "", buffer.getvalue(), count=1, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # Tags only: what stands between them may be a name that people gave.
    return re.sub(r"<[^>]*>", _tidy, text)


def _tidy(tag: re.Match[str]) -> str:
    text = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number.group()):.2f}", tag.group())
    text = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    # Groups are called axes_1 and so on in every figure; nothing refers to them, and a page has many figures.
    return re.sub(r'^<g id="[^"]*"', "<g", text).replace("\n", " ")


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
