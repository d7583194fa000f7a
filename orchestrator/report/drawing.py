"""What every figure of every page is drawn with: panel, title, and both formats of the picture.

Every figure is one small panel, as wide as a phone's screen; pages lay panels out side by side. So the same
file is legible on a phone, in two columns of a paper and beside its peers on a wide screen. Text stays text,
and the same frames give the same bytes: no date, no random ids.
"""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from orchestrator.report.panels import CARD, INK, MUTED, RULE, Picture

# Points, as in the SVG's viewBox. Shown 340 px wide, a point is 1.3 px.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 260.0, 34.0, 10.0, 30.0, 32.0

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    # At 200 dots an inch hinting is not seen, and takes a sixth of the time that a figure takes.
    "text.hinting": "no_hinting",
    "axes.formatter.useoffset": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "path.simplify": True,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
PNG_DPI = 200
# Half of the time that the default takes, for a tenth more bytes.
COMPRESS_LEVEL = 3


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
    pixels = io.BytesIO()
    figure.savefig(pixels, format="raw", dpi=PNG_DPI)
    # Compressing needs no interpreter, and goes on while the other format is drawn.
    with ThreadPoolExecutor(1) as pool:
        png = pool.submit(_as_png, pixels.getvalue(), int(figure.get_figwidth() * PNG_DPI))
        return Picture(svg(figure), png.result())


def _as_png(pixels: bytes, width_px: int) -> bytes:
    """Write pixels, RGBA of 8 bits in rows, as a PNG file."""
    buffer = io.BytesIO()
    image = Image.frombuffer("RGBA", (width_px, len(pixels) // (4 * width_px)), pixels)
    image.save(buffer, format="png", dpi=(PNG_DPI, PNG_DPI), compress_level=COMPRESS_LEVEL)
    return buffer.getvalue()


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
