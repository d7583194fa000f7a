"""Sections of files and colours: facts of files, brightness and colour of pictures, by source."""

from collections.abc import Iterator, Sequence

import pandas as pd

from orchestrator.report.drawing.data_set import draw_colours, draw_spreads
from orchestrator.report.image_set import ImageSet
from orchestrator.report.section import Panel, Section, figure
from trainables.data import overview

FACTS = (
    ("width", "Width", "px"),
    ("height", "Height", "px"),
    ("aspect", "Width : height", ""),
    ("bits_per_pixel", "File size", "bits per pixel"),
)
LOOKS = (("brightness", "Brightness", ""), ("contrast", "Contrast", ""), ("saturation", "Saturation", ""))


def files_section(images: ImageSet) -> Section:
    """Show sizes of pictures and files."""
    caption = (
        "Thin line: from the 5th to the 95th percentile of a source’s files. Thick line: the middle half. "
        "Diamond: the median. Sources whose lines do not overlap can be told apart without a look at the "
        "picture; a detector will do that."
    )
    return Section.of("files", "Files", [figure(_spreads(images.shown, FACTS), caption)])


def colours_section(images: ImageSet) -> Section:
    """Show brightness, contrast, saturation and colours."""
    looks = (
        "Brightness: mean of the brightness from 0 to 1. Contrast: its standard deviation. Saturation: mean "
        f"of HSV’s S. Up to {images.per_source} pictures of each source; lines as above."
    )
    colours = "How often a value of red, green and blue comes, on one scale for all sources."
    blocks = [figure(_spreads(images.pixels, LOOKS), looks), figure(_colours(images), colours)]
    return Section.of("colours", "Colours", blocks)


def _spreads(frame: pd.DataFrame, facts: Sequence[tuple[str, str, str]]) -> Iterator[Panel]:
    for column, name, unit in facts:
        spread = overview.quantiles_by_source(frame, column)
        said = "; ".join(f"{source} {median:.3g}" for source, median in spread["median"].items())
        label = f"{name} by source. Medians{f' in {unit}' if unit else ''}: {said}."
        yield Panel("", draw_spreads(spread, name=name, unit=unit), label)


def _colours(images: ImageSet) -> Iterator[Panel]:
    top = max(float(each.colours.max()) for each in images.looks.values())
    for source, each in images.looks.items():
        label = f"Distribution of red, green and blue values of {source}, {each.num_images} images."
        yield Panel("", draw_colours(each.colours, source=source, top=top), label)
