"""Overlays: the image shows through where the map is 0, and colours get lighter with the map."""

import io

import numpy as np
from PIL import Image

from trainables.explain.overlays import overlay, webp


def test_a_place_that_does_not_matter_keeps_its_brightness_and_gets_no_colour() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    map_SS = np.zeros((8, 8), dtype=np.float16)
    map_SS[2, 3] = 1.0
    laid = overlay(pixels, map_SS)
    assert laid.dtype == np.uint8
    change = np.abs((laid.astype(float) - pixels) @ [0.299, 0.587, 0.114])
    assert np.argwhere(change > 1).tolist() == [[2, 3]]
    assert (np.ptp(laid, axis=2) <= np.ptp(pixels, axis=2))[change <= 1].all()
    grey = np.full((8, 8, 3), 100, dtype=np.uint8)
    assert np.array_equal(overlay(grey, np.zeros((8, 8))), grey)


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
