"""Squares that are cut out of images: the central one, and one around a face with a margin.

All coordinates are pixels of the upright image (turned as its EXIF block says), x to the right, y down, from
the upper left corner. A square lies inside its image and is never enlarged past it: it is moved inside first,
and made smaller only where the image is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FaceRule = Literal["largest", "central"]
# left, top, right, bottom
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, order=True)
class Square:
    """A square in whole pixels of the upright image; `side` is at least 1."""

    left: int
    top: int
    side: int


def central_square(width: int, height: int) -> Square:
    """Return the largest square in the middle of an image."""
    side = min(width, height)
    return Square((width - side) // 2, (height - side) // 2, side)


def face_square(box: Box, *, width: int, height: int, margin: float) -> Square:
    """Return the square around a face's box.

    Args:
        box: of the face; what lies outside the image is cut off first, and some of it must lie inside.
        width: of the upright image.
        height: of the upright image.
        margin: share of the box's longer side that is added on each side: 0.6 makes the square 2.2 times as
            wide as the face. A square that would leave the image is moved inside; one that is larger than the
            image gets the image's shorter side.
    """
    left, top, right, bottom = _inside(box, width=width, height=height)
    assert right > left and bottom > top, "the face lies outside the image"
    wanted = math.floor(max(right - left, bottom - top) * (1 + 2 * margin) + 0.5)
    side = max(1, min(wanted, width, height))
    return Square(
        _first_pixel((left + right) / 2, side=side, length=width),
        _first_pixel((top + bottom) / 2, side=side, length=height),
        side,
    )


def choose_face(boxes: Sequence[Box], *, width: int, height: int, rule: FaceRule) -> int | None:
    """Return the number of the face that an image is cropped to; None when no box lies inside the image.

    `largest`: the greatest area inside the image. `central`: the centre nearest to the image's. Of equals,
    the first in the order given.
    """
    best: tuple[float, int] | None = None
    for number, box in enumerate(boxes):
        left, top, right, bottom = _inside(box, width=width, height=height)
        if right <= left or bottom <= top:
            continue
        if rule == "largest":
            cost = -(right - left) * (bottom - top)
        else:
            cost = math.hypot((left + right - width) / 2, (top + bottom - height) / 2)
        if best is None or cost < best[0]:
            best = cost, number
    return None if best is None else best[1]


def _inside(box: Box, *, width: int, height: int) -> Box:
    left, top, right, bottom = box
    return max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)


def _first_pixel(centre: float, *, side: int, length: int) -> int:
    return min(max(0, math.floor(centre - side / 2 + 0.5)), length - side)
