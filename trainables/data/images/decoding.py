"""Decoding of image files to pixels: the square that is kept, upright, 8-bit RGB, resized once.

JPEG files are decoded at 1/2, 1/4 or 1/8 of their size where what is left of the square is still MIN_REDUCED
times as wide as the target. On photographs that changes a pixel by 0.3 to 0.6 of 255 levels on average, in
the worst image by 1.2 (MAX_DIFFERENCE is what the benchmark and the tests allow); nearer to the target size
it grows fast. An image that is changed before it is cut is decoded in full.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from trainables.data.images.crops import Square, central_square
from trainables.errors import ChangedFileError, InputError

MIN_REDUCED = 2.25
# Of an image: mean absolute difference to full decoding, in 0..255.
MAX_DIFFERENCE = 1.5
ORIENTATION = 0x0112
# How a picture that is stored with each orientation of EXIF is turned upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)


def read_unchanged(path: Path, digest: str) -> bytes:
    """Read a file whose content hash is known; InputError when it is gone or another one by now."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} was scanned but can't be read now ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ChangedFileError(path)
    return content


def changed_square(
    image: Image.Image,
    size_px: int,
    region: Square | None = None,
    *,
    change: Callable[[Image.Image], Image.Image],
) -> np.ndarray:
    """Cut a square out of the upright image after a change of all of it: uint8 [S, S, 3] RGB.

    Arguments are those of `square`; `change` takes and gives the whole image, upright, 8-bit RGB.
    """
    return square(change(eight_bit_rgb(ImageOps.exif_transpose(image))), size_px, region)


def square(image: Image.Image, size_px: int, region: Square | None = None) -> np.ndarray:
    """Cut a square out of the upright image and resize it once (Lanczos): uint8 [S, S, 3] RGB.

    Args:
        image: freshly opened, so that a JPEG can still be decoded at a part of its size.
        size_px: side of the outcome.
        region: in pixels of the upright image; None = the largest central square.
    """
    factor, (width, height) = 1.0, image.size
    if image.format in ("JPEG", "MPO"):
        side = min(width, height) if region is None else region.side
        wanted = max((part for part in (1, 2, 4, 8) if side >= part * MIN_REDUCED * size_px), default=1)
        drafted = image.draft(None, (max(1, width // wanted), max(1, height // wanted)))
        # The decoder takes the nearest part that it can, and says which.
        factor = width / drafted[1][2] if drafted else 1.0
    image.load()
    # Other formats may turn themselves upright while they are loaded.
    turn = image.getexif().get(ORIENTATION, 1)
    if factor == 1.0:
        width, height = image.size
    upright_size = (height, width) if turn in LYING else (width, height)
    left, top, side = _stored(region or central_square(*upright_size), turn, *upright_size)
    box = (left / factor, top / factor, (left + side) / factor, (top + side) / factor)
    small = eight_bit_rgb(image).resize((size_px, size_px), Image.Resampling.LANCZOS, box=box)
    return np.asarray(small.transpose(TURNS[turn]) if turn in TURNS else small)


def _stored(region: Square, turn: int, width: int, height: int) -> tuple[int, int, int]:
    """Say where a square of the upright image (`width` x `height`) lies in the picture as it is stored."""
    left, top, side = region.left, region.top, region.side
    from_right, from_bottom = width - left - side, height - top - side
    corner = {
        2: (from_right, top),
        3: (from_right, from_bottom),
        4: (left, from_bottom),
        5: (top, left),
        6: (top, from_right),
        7: (from_bottom, from_right),
        8: (from_bottom, left),
    }.get(turn, (left, top))
    return *corner, side


def central_part(image: Image.Image) -> Image.Image:
    """Return the largest central square of the upright image: 8-bit RGB at its own size."""
    upright = eight_bit_rgb(ImageOps.exif_transpose(image))
    region = central_square(*upright.size)
    return upright.crop((region.left, region.top, region.left + region.side, region.top + region.side))


def eight_bit_rgb(image: Image.Image) -> Image.Image:
    """Convert any picture to RGB; 16-bit values are scaled, transparency is dropped."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow would cut 16-bit values off at 255; 65,535 / 257 = 255.
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65_535) // 257
        image = Image.fromarray(values.astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")
