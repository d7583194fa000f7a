"""Section of the spectra: mean power spectra of each source, in two dimensions and over frequency."""

from collections.abc import Iterator, Mapping

import numpy as np

from orchestrator.report.drawing.canvas import limits
from orchestrator.report.drawing.data_set import draw_radial_spectrum, paint_spectrum, spectrum_bounds
from orchestrator.report.image_set import ImageSet
from orchestrator.report.section import Block, Panel, Section, Thumbnail, Thumbnails, figure, note, prose
from trainables.data.overview import Looks


def spectra_section(images: ImageSet) -> Section:
    """Show at which frequencies sources differ."""
    seen = {source: each for source, each in images.looks.items() if each.num_spectra}
    side = f"{images.crop_px} × {images.crop_px}"
    if not seen:
        nothing = prose(f"No picture has {side} pixels, so there is no spectrum.")
        return Section.of("spectra", "Spectra", [nothing])
    skipped = sum(each.num_images - each.num_spectra for each in images.looks.values())
    left_out = f" {skipped} pictures are smaller than that and left out." if skipped else ""
    reference = images.reference()
    caption = (
        "The same over all directions: log10 of the mean power."
        if reference is None
        else "The same over all directions, relative to the real sources: 0.3 is twice the power of the real "
        "images at that frequency, −0.3 half of it."
    )
    blocks: list[Block | None] = [
        Thumbnails(tuple(_pictures(seen, images.crop_px)), "spectra"),
        note(
            f"Mean power spectrum of the brightness in the central {side} pixels, Hann window, logarithmic, "
            "one scale for all sources; zero frequency is in the middle, the edges are half a cycle per "
            "pixel. Bright points or a grid away from the middle are what up-sampling leaves "
            f"behind.{left_out}"
        ),
        figure(_radial(seen, reference), caption),
    ]
    return Section.of("spectra", "Spectra", blocks)


def _pictures(seen: Mapping[str, Looks], crop_px: int) -> Iterator[Thumbnail]:
    bounds = spectrum_bounds({source: each.spectrum for source, each in seen.items()})
    for source, each in seen.items():
        alt = f"Mean log spectrum of {source}, {each.num_spectra} images, zero frequency in the middle."
        image = paint_spectrum(each.spectrum, bounds=bounds)
        yield Thumbnail.of(image, "png", alt=alt, name=source, side_px=crop_px)


def _radial(seen: Mapping[str, Looks], reference: np.ndarray | None) -> Iterator[Panel]:
    is_relative = reference is not None
    curves = {
        source: each.radial - (0.0 if reference is None else reference) for source, each in seen.items()
    }
    # The one real source, relative to itself, would be a line along zero.
    curves = {source: curve for source, curve in curves.items() if curve.any()}
    bounds = limits(np.concatenate([np.zeros(1 if is_relative else 0), *curves.values()]))
    said = "Mean log power over frequency" + (", relative to the real images" if is_relative else "")
    for source, curve in curves.items():
        drawn = draw_radial_spectrum(curve, source=source, bounds=bounds, is_relative=is_relative)
        yield Panel("", drawn, f"{said}: {source}, {curve[-1]:.2f} at the highest frequency.")
