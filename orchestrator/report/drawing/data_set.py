"""The figures of the data report: tables and arrays of `trainables.data.overview` in, SVG or PNG out."""

import io
from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, MaxNLocator
from PIL import Image

from orchestrator.report.drawing.canvas import (
    RIGHT,
    TOP,
    WIDTH,
    beside_row,
    limits,
    panel,
    style,
    title,
    vector_picture,
)
from orchestrator.report.drawing.picture import ACCENT, CARD, MUTED, Picture, short

ROW = 30.0
# Mid tones that are told apart on light and dark paper, and by their line style.
SIGNS = {"-": "—", "--": "- -", ":": "···"}
CHANNELS = (("red", "#d0453b", "-"), ("green", "#2f9557", "--"), ("blue", "#4f7fd6", ":"))


def draw_image_counts(table: pd.DataFrame) -> Picture:
    """Draw the number of images of each source; `table` has the columns source and images."""
    total = table.groupby("source", sort=True)["images"].sum()
    with style("image counts"):
        figure, axes = panel(TOP + 18.0 + ROW * len(total), left=RIGHT, bottom=8.0)
        title(figure, "Images")
        for y, (source, count) in enumerate(total.items()):
            axes.barh(y + 0.18, count, height=0.3, color=ACCENT)
            beside_row(axes, y - 0.16, short(str(source), 34), size=8.5, va="baseline")
            beside_row(axes, y - 0.16, f"{count:,}", colour=MUTED, size=8.5, va="baseline", is_right=True)
        axes.set_xlim(0, float(total.max()))
        _rows(axes, len(total))
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        return vector_picture(figure)


def draw_spreads(table: pd.DataFrame, *, name: str, unit: str = "") -> Picture:
    """Draw a fact by source: a line from the 5th to the 95th percentile, a thick one for the middle half, the
    median.

    Args:
        table: what `overview.quantiles_by_source` gives.
        name: the fact.
        unit: its unit.
    """
    with style(f"spread {name}"):
        figure, axes = panel(TOP + 24.0 + ROW * len(table), left=RIGHT, bottom=24.0)
        title(figure, f"{name}{f' ({unit})' if unit else ''}")
        for y, (source, row) in enumerate(table.iterrows()):
            axes.plot([row["low"], row["high"]], [y + 0.2] * 2, color=MUTED, linewidth=0.9)
            axes.plot([row["quarter"], row["three_quarters"]], [y + 0.2] * 2, color=ACCENT, linewidth=3.4)
            axes.plot(
                row["median"],
                y + 0.2,
                "D",
                color=ACCENT,
                markersize=5.0,
                markeredgecolor=CARD,
                markeredgewidth=0.8,
            )
            beside_row(axes, y - 0.16, short(str(source), 42), size=8.5, va="baseline")
        values = np.unique(table.to_numpy(dtype=float))
        axes.set_xlim(*limits(values))
        _rows(axes, len(table))
        # Where all files are the same, one number says it; others would only look like a scale.
        axes.xaxis.set_major_locator(
            FixedLocator([float(values[0])]) if len(values) == 1 else MaxNLocator(4, prune="both")
        )
        return vector_picture(figure)


def draw_colours(histogram: np.ndarray, *, source: str, top: float) -> Picture:
    """Draw the distribution of red, green and blue of one source, float [3, bins], scaled to `top`."""
    with style(f"colours {source}"):
        figure, axes = panel(150.0, left=RIGHT)
        title(figure, short(source, 26))
        bins = histogram.shape[1]
        for place, values, (name, colour, line) in zip((0.66, 0.82, 0.96), histogram, CHANNELS, strict=True):
            axes.plot((np.arange(bins) + 0.5) * 256 / bins, values * 100, line, color=colour, linewidth=1.5)
            figure.text(place, 1 - 14 / 150.0, f"{SIGNS[line]} {name}", color=colour, fontsize=8, ha="right")
        axes.set_xlim(0, 256)
        axes.set_ylim(0, top * 105)
        axes.set_xticks([0, 64, 128, 192, 255])
        axes.yaxis.set_visible(False)
        axes.set_xlabel("value from 0 to 255")
        return vector_picture(figure)


def draw_radial_spectrum(
    radial: np.ndarray, *, source: str, bounds: tuple[float, float], is_relative: bool
) -> Picture:
    """Draw log10 power over frequency: of a source, or relative to the real ones, the line at zero."""
    with style(f"radial {source}"):
        figure, axes = panel(165.0, left=28.0)
        title(figure, short(source, 30))
        if is_relative:
            axes.axhline(0.0, linestyle="--", color=MUTED, linewidth=1.2)
            figure.text(1 - RIGHT / WIDTH, 1 - 14 / 165.0, "- - real", color=MUTED, fontsize=8, ha="right")
        axes.plot(np.arange(len(radial)) / (2 * len(radial)), radial, color=ACCENT, linewidth=1.6)
        axes.set_xlim(0, 0.5)
        axes.set_ylim(*bounds)
        axes.set_xlabel("frequency (cycles per pixel)")
        return vector_picture(figure)


def paint_spectrum(spectrum: np.ndarray, *, bounds: tuple[float, float]) -> bytes:
    """Paint a log spectrum as a PNG file of 256 colours, one scale for all sources."""
    low, high = bounds
    index = np.clip((spectrum - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    image = Image.fromarray(index).convert("P")
    table = (matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255).astype(np.uint8)
    image.putpalette(table.tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def spectrum_bounds(arrays: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """Return a scale that shows all of several arrays but their extreme thousandths."""
    values = np.concatenate([array[np.isfinite(array)].ravel() for array in arrays.values()])
    if not len(values):
        return 0.0, 1.0
    low, high = np.quantile(values, [0.002, 0.998])
    return float(low), float(high)


def _rows(axes: matplotlib.axes.Axes, count: int) -> None:
    axes.set_ylim(count - 0.45, -0.55)
    axes.yaxis.set_visible(False)
