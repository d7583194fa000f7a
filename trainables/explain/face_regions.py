"""Regions of a face by its box, in the coordinates of a network's input, and a map's share of each.

A box is that of the detector (trainables.data.face_detector), brought to where the recipe's square and its
size put it. It may reach out of the image. Regions are shares of the box: nothing finer is known of a face.
"""

from dataclasses import dataclass

import numpy as np

from trainables.data.faces import DetectedFaces
from trainables.data.images.crops import Box, Square, central_square, choose_face
from trainables.recipe import RecipeKeys

REGIONS = ("eyes", "mouth", "face_rest", "hair", "background")
# left, top, right, bottom as shares of the box's width and height.
EYES: Box = (0.08, 0.25, 0.92, 0.5)
MOUTH: Box = (0.2, 0.66, 0.8, 0.9)
HAIR: Box = (-0.25, -0.4, 1.25, 1.0)


@dataclass(frozen=True, slots=True)
class MapShares:
    """Shares of a map's sum: inside the box, and by region (their sum is 1)."""

    inside_face: float
    eyes: float
    mouth: float
    face_rest: float
    hair: float
    background: float


def box_in_input(found: DetectedFaces, recipe: RecipeKeys) -> Box | None:
    """Return the box of an image's face in pixels of the network's input; None without one in the picture.

    The face is the one that the recipe crops to, or would crop to.
    """
    faces = found.faces()
    chosen = choose_face(faces, width=found.width, height=found.height, rule=recipe.face_rule)
    if chosen is None:
        return None
    cut: Square | None = None
    if recipe.face_crop:
        cut = found.square(margin=recipe.face_crop_margin, rule=recipe.face_rule)
    cut = cut or central_square(found.width, found.height)
    scale = recipe.image_size / cut.side
    left, top, right, bottom = faces[chosen]
    box = (
        (left - cut.left) * scale,
        (top - cut.top) * scale,
        (right - cut.left) * scale,
        (bottom - cut.top) * scale,
    )
    inside = box[2] > 0 and box[3] > 0 and max(box[0], box[1]) < recipe.image_size
    return box if inside else None


def region_masks(box: Box, *, size_px: int) -> dict[str, np.ndarray]:
    """Return which pixels (by their centres) belong to each of REGIONS: boolean [S, S], none to two."""
    face, eyes, mouth, hair = (
        _inside(_part(box, shares), size_px) for shares in ((0.0, 0.0, 1.0, 1.0), EYES, MOUTH, HAIR)
    )
    return {
        "eyes": eyes,
        "mouth": mouth,
        "face_rest": face & ~eyes & ~mouth,
        "hair": hair & ~face,
        "background": ~hair,
    }


def map_shares(map_SS: np.ndarray, box: Box) -> MapShares | None:
    """Return a map's shares of a face's regions; None where the map is 0 everywhere."""
    exact = map_SS.astype(np.float64)
    total = exact.sum()
    if total == 0:
        return None
    masks = region_masks(box, size_px=len(map_SS))
    shares = {name: float(exact[mask].sum() / total) for name, mask in masks.items()}
    return MapShares(inside_face=sum(shares[name] for name in REGIONS[:3]), **shares)


def _part(box: Box, shares: Box) -> Box:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return (
        left + shares[0] * width,
        top + shares[1] * height,
        left + shares[2] * width,
        top + shares[3] * height,
    )


def _inside(box: Box, size_px: int) -> np.ndarray:
    centres = np.arange(size_px) + 0.5
    across = (centres >= box[0]) & (centres < box[2])
    down = (centres >= box[1]) & (centres < box[3])
    return down[:, None] & across[None, :]
