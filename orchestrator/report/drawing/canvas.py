"""Canvas of every figure of every page: panel, title, and both formats of the picture.

Every figure is one small panel, as wide as a phone's screen; pages lay panels out side by side. So the same
file is legible on a phone, in two columns of a paper and beside its peers on a wide screen. Text stays text,
and the same frames give the same bytes: no date, no random ids.
"""

import io
import math
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation
from PIL import Image

from orchestrator.report.drawing.picture import CARD, INK, MUTED, RULE, Picture

# Points, as in the SVG's viewBox. Shown 340 px wide, a point is 1.3 px.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 260.0, 34.0, 10.0, 30.0, 32.0
# How high a panel is whose plot is as high as wide.
SQUARE = TOP + BOTTOM + WIDTH - LEFT - RIGHT
# Of a scale: its letters, the length and the thickness of its marks, and from a mark to its number.
SIZE, MARK, THIN, PAD = 8.0, 2.5, 0.6, 3.5

_STYLE: dict[str, str | float | bool] = {
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
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
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
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return figure, axes


def title(figure: Figure, text: str) -> None:
    """Write the title at the top left."""
    top = 1 - 14 / (figure.get_figheight() * 72)
    figure.text(RIGHT / WIDTH, top, text, color=INK, fontsize=9.5, fontweight="bold", ha="left")


def below_title(figure: Figure, text: str, *, colour: str = MUTED, is_right: bool = False) -> None:
    """Write what marks mean, or where is better, in the line below the title, at its left or right end."""
    top = 1 - 28 / (figure.get_figheight() * 72)
    x, side = (1 - RIGHT / WIDTH, "right") if is_right else (RIGHT / WIDTH, "left")
    figure.text(x, top, text, color=colour, fontsize=7.5, ha=side)


def beside_row(
    axes: Axes,
    y: float,
    text: str,
    *,
    colour: str = INK,
    size: float = 8.0,
    va: Literal["center", "baseline"] = "center",
    is_right: bool = False,
) -> None:
    """Write a text at the height of a row, at the left or the right end of the plot."""
    place, ha = (1.0, "right") if is_right else (0.0, "left")
    axes.text(place, y, text, transform=axes.get_yaxis_transform(), color=colour, fontsize=size, va=va, ha=ha)


def hide_scales(axes: Axes) -> None:
    """Leave out both scales, the grid and the line below: what is drawn carries its numbers."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


def unit_square(axes: Axes) -> None:
    """Show 0 to 1 on both scales."""
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)


def boxes(
    axes: Axes, x: np.ndarray, y: np.ndarray, width: float | np.ndarray, height: float, colours: Any
) -> None:
    """Draw filled boxes from their corners of least x and y, float [N]: one colour, or one each, [N, 4]."""
    right = x + width
    corners = [(x, y), (right, y), (right, y + height), (x, y + height)]
    outlines = np.stack([np.stack(np.broadcast_arrays(*corner), axis=-1) for corner in corners], axis=1)
    axes.add_collection(PolyCollection(list(outlines), facecolors=colours, edgecolors="none"), autolim=False)


def limits(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis that shows every finite value, with a little room."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.06 * (high - low) or max(0.01, 0.01 * abs(high))
    return low - room, high + room


def picture(figure: Figure) -> Picture:
    """Return the figure in both formats; no date, no name of a program."""
    _settle(figure)
    pixels = io.BytesIO()
    figure.savefig(pixels, format="raw", dpi=PNG_DPI)
    # Compressing needs no interpreter, and goes on while the other format is drawn.
    with ThreadPoolExecutor(1) as pool:
        png = pool.submit(_as_png, pixels.getvalue(), int(figure.get_figwidth() * PNG_DPI))
        return Picture(_as_svg(figure), png.result())


def vector_picture(figure: Figure) -> Picture:
    """Return the figure for a page without files beside it: as SVG alone."""
    _settle(figure)
    return Picture(_as_svg(figure))


def _settle(figure: Figure) -> None:
    """Draw the scales of a finished figure as a few artists.

    An axis of matplotlib makes four artists of every tick and lays each label out twice: a figure takes 64 ms
    this way and 82 ms otherwise, in both formats (two runs of 30 figures). What the axis says stays its own:
    places, names, grid, label.
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_visible():
                _scale(axes, axis)
                axis.set_visible(False)


def _scale(axes: Axes, axis: Axis) -> None:
    is_x = axis is axes.xaxis
    low, high = sorted(axis.get_view_interval())
    every = np.asarray(axis.get_majorticklocs(), dtype=float)
    # In this order: the names give the formatter its offset.
    names = axis.get_major_formatter().format_ticks(every.tolist())
    room = 1e-6 * (high - low)
    seen = [(at, name) for at, name in zip(every, names, strict=True) if low - room <= at <= high + room]
    places = np.array([at for at, _ in seen])
    given = axis.get_tick_params()
    across = axes.get_xaxis_transform() if is_x else axes.get_yaxis_transform()
    if given["gridOn"]:
        ends = np.array([[[at, 0.0], [at, 1.0]] for at in places]).reshape(-1, 2, 2)
        lines = LineCollection(
            list(ends if is_x else ends[:, :, ::-1]),
            colors=RULE,
            linewidths=THIN,
            transform=across,
            zorder=0.5,
        )
        axes.add_collection(lines, autolim=False)
    if is_x:
        axes.plot(
            places, np.zeros(len(places)), linestyle="none", marker=TICKDOWN, markersize=MARK,
            markeredgewidth=THIN, color=MUTED, transform=across, clip_on=False, scalex=False, scaley=False,
        )  # fmt: skip
    size = float(given.get("labelsize", SIZE))
    for at, name in seen:
        _beside(axes, axis, at, name, PAD + MARK * is_x, size=size)
    middle = (low + high) / 2 if axis.get_scale() == "linear" else math.sqrt(low * high)
    widest = max((len(name) for _, name in seen), default=0)
    # Below the numbers, or left of the widest; a letter of "0.25" is 0.56 of its size wide, a line 1.16 high.
    away = PAD + MARK + 1.16 * size + 4.0 if is_x else PAD + 0.56 * size * widest + 2.0
    _beside(axes, axis, middle, axis.get_label_text(), away, rotation=0.0 if is_x else 90.0)
    offset = axis.get_major_formatter().get_offset()
    if offset:
        # What every number is to be multiplied by: above the end of the scale.
        end = axis.get_view_interval()[1]
        transform = across + ScaledTranslation(0.0, 3.0 / 72, axes.figure.dpi_scale_trans)
        place = (end, 0.0) if is_x else (0.0, end)
        axes.text(*place, f"× {offset}", transform=transform, ha="right", color=MUTED, fontsize=size)


def _beside(
    axes: Axes, axis: Axis, at: float, text: str, away: float, *, size: float = SIZE, rotation: float = 0.0
) -> None:
    """Write a text `away` points from an axis at one of its values."""
    is_x = axis is axes.xaxis
    transform, va, ha = (axes.get_xaxis_text1_transform if is_x else axes.get_yaxis_text1_transform)(away)
    if rotation:
        va = "center"
    place = (at, 0.0) if is_x else (0.0, at)
    axes.text(*place, text, transform=transform, va=va, ha=ha, color=MUTED, fontsize=size, rotation=rotation)


def _as_png(pixels: bytes, width_px: int) -> bytes:
    """Write pixels, RGBA of 8 bits in rows on paper that nothing shines through, as a PNG file."""
    buffer = io.BytesIO()
    image = Image.frombuffer("RGBA", (width_px, len(pixels) // (4 * width_px)), pixels).convert("RGB")
    image.save(buffer, format="png", dpi=(PNG_DPI, PNG_DPI), compress_level=COMPRESS_LEVEL)
    return buffer.getvalue()


def _as_svg(figure: Figure) -> str:
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
