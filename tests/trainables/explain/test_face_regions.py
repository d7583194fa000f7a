"""Regions of a face: its box where the network sees it, and shares of a map."""

import numpy as np
import pytest

from trainables.data.faces import DetectedFaces
from trainables.explain.face_regions import REGIONS, box_in_input, map_shares, region_masks
from trainables.recipe import RecipeKeys

FACE = DetectedFaces("a", 400, 200, ((150.0, 50.0, 230.0, 150.0),), (0.99,))


def test_a_box_follows_the_central_square_and_the_size() -> None:
    """By hand: the square is 100..300 across, and 200 pixels become 100."""
    box = box_in_input(FACE, RecipeKeys(image_size=100))
    assert box == pytest.approx((25.0, 25.0, 65.0, 75.0))


def test_a_box_follows_the_crop_to_the_face() -> None:
    """By hand: 100 pixels and half as much on each side make 200, from 90 across; they become 50."""
    recipe = RecipeKeys(image_size=50, face_crop=True, face_crop_margin=0.5)
    assert box_in_input(FACE, recipe) == pytest.approx((15.0, 12.5, 35.0, 37.5))


def test_there_is_no_box_without_a_face_or_outside_of_the_picture() -> None:
    nobody = DetectedFaces("a", 400, 200, ((150.0, 50.0, 230.0, 150.0),), (0.5,))
    aside = DetectedFaces("a", 400, 200, ((10.0, 50.0, 90.0, 150.0),), (0.99,))
    assert box_in_input(nobody, RecipeKeys(image_size=100)) is None
    assert box_in_input(aside, RecipeKeys(image_size=100)) is None


def test_every_pixel_belongs_to_one_region() -> None:
    for box in ((20.0, 20.0, 60.0, 70.0), (-10.0, -20.0, 50.0, 90.0), (0.0, 0.0, 100.0, 100.0)):
        masks = region_masks(box, size_px=100)
        assert tuple(masks) == REGIONS
        assert (np.sum(list(masks.values()), axis=0) == 1).all()


def test_shares_are_those_of_the_places_where_the_map_is() -> None:
    box = (20.0, 20.0, 60.0, 70.0)
    map_SS = np.zeros((100, 100), dtype=np.float16)
    map_SS[38, 30], map_SS[59, 40], map_SS[22, 40], map_SS[10, 40], map_SS[95, 95] = (
        0.5,
        0.25,
        0.125,
        0.0625,
        1,
    )
    shares = map_shares(map_SS, box)
    assert shares is not None
    total = 1.9375
    found = (shares.eyes, shares.mouth, shares.face_rest, shares.hair, shares.background)
    assert found == pytest.approx((0.5 / total, 0.25 / total, 0.125 / total, 0.0625 / total, 1 / total))
    assert shares.inside_face == pytest.approx(0.875 / total)
    assert map_shares(np.zeros((100, 100)), box) is None
