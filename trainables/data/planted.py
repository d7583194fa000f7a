"""Truth of the made-up set: the artefact of each fake source, and the image size that hides it.

What a study of the set should find. A structure of n periods a side needs images of 2 n pixels (Nyquist):
smaller ones average it away. All three artefacts also leave a cast of magenta, which outlives every size, so
that no source is at chance where its structure is hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Periods across the image and weights of the two stages of upsampling.
GRID = ((10, 0.9), (20, 0.5))


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
