"""Truth of the made-up set: the artefact of each fake source, and the image size that hides it.

What a study of the set should find. text2img: the period grid that uneven overlap in upsampling leaves (Odena
et al., Deconvolution and Checkerboard Artifacts, Distill 2016). inpainting: a repainted region without sensor
noise. insight: another face blended in with colour and noise of its own (Li et al., Face X-ray, CVPR 2020).

A structure of n periods a side needs images of 2 n pixels (Nyquist): smaller ones average it away. Beside its
structure each source has a cast of magenta, which outlives every size: a network that has learnt the cast of
text2img does not need its grid. Where the set is drawn without that cast, images below `hidden_below_px` show
no more of text2img than its fainter noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Periods across the image and weights of the two stages of upsampling, and the mean of their overlap.
GRID, CAST = ((10, 0.9), (20, 0.5)), 0.6


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a source has that real images do not.

    `hidden_below_px`: images with a shorter side show nothing of its structure; None: it fades, and no size
    above the smallest that is allowed hides it.
    """

    structure: str
    hidden_below_px: int | None = None


# The easiest source first.
PLANTED: Mapping[str, Artefact] = {
    "text2img": Artefact(
        "a grid of magenta and green all over the image, of 10 periods a side and, fainter, of 20",
        hidden_below_px=2 * GRID[0][0],
    ),
    "inpainting": Artefact("a smooth patch without sensor noise in the face, within a light seam"),
    "insight": Artefact("another face blended in, a little blurred and with a third less noise"),
}


def draw_grid(rng: np.random.Generator, *, size_px: int, has_cast: bool) -> np.ndarray:
    """Draw the grid of text2img, float64 [size_px, size_px], each stage with a phase of its own.

    Overlap only adds, so that its mean is not zero and leaves a cast, unless that is left out.
    """
    grid = np.full((size_px, size_px), CAST if has_cast else 0.0)
    for periods, weight in GRID:
        period_px = max(2, round(size_px / periods))
        steps = np.arange(size_px) + rng.integers(period_px, size=(2, 1)) + 0.5
        grid += weight * np.outer(*np.sin(2 * np.pi * steps / period_px))
    return grid
