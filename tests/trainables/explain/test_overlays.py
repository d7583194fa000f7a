"""Overlays: the image shows where the map is 0, and colours get lighter with the map."""

import io

import numpy as np
from PIL import Image

from trainables.explain.overlays import overlay, webp


def test_a_place_that_does_not_matter_stays_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    map_SS = np.zeros((8, 8), dtype=np.float16)
    map_SS[2, 3] = 1.0
    laid = overlay(pixels, map_SS)
    assert laid.dtype == np.uint8
    assert np.argwhere((laid != pixels).any(axis=2)).tolist() == [[2, 3]]


def test_colours_only_get_lighter() -> None:
    """CIE lightness from the sRGB definition, on top of black, divided by what the overlay lets through."""
    values = np.linspace(0, 1, 64)
    laid = overlay(np.zeros((8, 8, 3), dtype=np.uint8), values.reshape(8, 8)).reshape(-1, 3) / 255
    linear = np.where(laid <= 0.04045, laid / 12.92, ((laid + 0.055) / 1.055) ** 2.4)
    assert (np.diff(linear @ [0.2126, 0.7152, 0.0722]) >= -1e-4).all()


def test_a_picture_is_encoded_at_the_size_that_is_asked_for_and_always_alike() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    content = webp(pixels, side_px=24)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (24, 24))
    assert content == webp(pixels, side_px=24)
    assert len(webp(pixels, side_px=24, quality=10)) < len(content)
