"""Pictures of maps: laid over the image in colours, and small files of them.

The colours run from dark violet over red to light yellow, straight in OKLab (Ottosson, A perceptual color
space for image processing, 2020), where equal steps look equally large and lightness only rises: the order is
still seen without colour vision and in a grey print. A place that does not matter stays as it is.
"""

import functools
import io

import numpy as np
from PIL import Image

# sRGB of the map's values 0, 0.5, 1.
ANCHORS = ((40, 11, 84), (212, 72, 66), (252, 250, 160))
# How much of the image the colour hides where the map is 1.
OPACITY = 0.7
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def overlay(pixels_SS3: np.ndarray, map_SS: np.ndarray) -> np.ndarray:
    """Lay a map over its image: uint8 [S, S, 3].

    Args:
        pixels_SS3: the image, uint8.
        map_SS: 0..1; where it is 0 the image shows unchanged.
    """
    values = map_SS.astype(np.float64).clip(0.0, 1.0)
    colours = _colours()[(values * 255).round().astype(np.int64)]
    share = OPACITY * values[..., None]
    mixed: np.ndarray = (1 - share) * pixels_SS3 + share * colours
    return mixed.round().astype(np.uint8)


def webp(pixels: np.ndarray, *, side_px: int, quality: int = 80) -> bytes:
    """Encode a square picture, uint8 [S, S, 3], as WebP of `side_px` x `side_px` pixels."""
    image = Image.fromarray(pixels)
    if image.size != (side_px, side_px):
        image = image.resize((side_px, side_px), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="WEBP", quality=quality, method=4)
    return stream.getvalue()


@functools.cache
def _colours() -> np.ndarray:
    """The colours of 256 values from 0 to 1, float64 [256, 3], 0..255."""
    srgb = np.array(ANCHORS) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    anchors = np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T
    at = np.linspace(0, len(ANCHORS) - 1, 256)
    lab = np.stack([np.interp(at, range(len(ANCHORS)), anchors[:, axis]) for axis in range(3)], axis=1)
    back = ((lab @ np.linalg.inv(TO_LAB).T) ** 3 @ np.linalg.inv(TO_LMS).T).clip(0.0, 1.0)
    gamma = np.where(back <= 0.0031308, back * 12.92, 1.055 * back ** (1 / 2.4) - 0.055)
    return (255 * gamma).clip(0, 255)
