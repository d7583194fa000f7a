"""Deletion curves: fillings, orders and areas, each against a case that is known otherwise."""

import numpy as np
import pytest
from scipy import linalg

from trainables.explain.deletion import (
    NEIGHBOURS,
    NOISE,
    STEPS,
    curve_height,
    deletion_areas,
    falling_order,
    filled_images,
    imputed,
    smooth_random_maps,
)

SIZE = 16


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


class NoNoise:
    """Draws zeros."""

    def normal(self, mean: float, spread: float, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


def test_imputation_solves_the_system_of_neighbours() -> None:
    """Against a dense solution that is written down pixel by pixel."""
    pixels, missing = picture(), np.zeros((SIZE, SIZE), dtype=bool)
    missing[:9, :7] = True
    missing[12, 12] = True
    system, known = np.eye(SIZE * SIZE), pixels.reshape(-1, 3).astype(float)
    for y, x in np.argwhere(missing):
        here, weights = y * SIZE + x, {}
        for across, down, weight in NEIGHBOURS:
            if 0 <= y + down < SIZE and 0 <= x + across < SIZE:
                weights[(y + down) * SIZE + x + across] = weight
        for place, weight in weights.items():
            system[here, place] -= weight / sum(weights.values())
        known[here] = 0
    expected = linalg.solve(system, known)[missing.ravel()]
    found = imputed(pixels, missing, rng=NoNoise())  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_imputation_of_a_plain_picture_is_its_colour_with_a_little_noise() -> None:
    pixels = np.full((64, 64, 3), 120, dtype=np.uint8)
    missing = np.zeros((64, 64), dtype=bool)
    missing[:, :32] = True
    found = imputed(pixels, missing, rng=np.random.default_rng(0)).astype(float)
    assert found.mean() == pytest.approx(120, abs=0.1)
    assert found.std() == pytest.approx(NOISE, rel=0.05)


@pytest.mark.parametrize("filling", ["blur", "road"])
def test_the_most_important_pixels_are_filled_first_and_the_others_stay(filling: str) -> None:
    pixels = picture()
    order = np.random.default_rng(1).permutation(SIZE * SIZE)
    images = filled_images(pixels, order, filling=filling, rng=np.random.default_rng(2))  # type: ignore[arg-type]
    assert images.shape == (len(STEPS), SIZE, SIZE, 3)
    for image, share in zip(images, STEPS, strict=True):
        count = round(share * SIZE * SIZE)
        changed = (image != pixels).any(axis=2).ravel()
        assert not changed[order[count:]].any()
        assert changed[order[:count]].mean() > 0.9


def test_the_height_of_a_curve() -> None:
    assert curve_height(0.8, np.full(len(STEPS), 0.8)) == pytest.approx(0.8)
    # Straight from 0.9 to 0 at the last step: half of it.
    assert curve_height(0.9, 0.9 - np.array(STEPS)) == pytest.approx(0.45)


def test_a_map_that_finds_what_counts_has_a_lower_curve_than_another() -> None:
    """The score is the share of the bright corner that is still there."""
    pixels = np.full((SIZE, SIZE, 3), 40, dtype=np.uint8)
    pixels[:4, :4] = 250
    finds = np.zeros((SIZE, SIZE))
    finds[:4, :4] = 1.0
    ties = np.random.default_rng(0).random((SIZE, SIZE))
    orders = [falling_order(each, ties_SS=ties) for each in (finds, 1 - finds)]
    sizes = []

    def score(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return (images[:, :4, :4] > 200).mean(axis=(1, 2, 3))

    rng = np.random.default_rng(1)
    found, missed = deletion_areas(pixels, orders, filling="road", score=score, start=1.0, rng=rng)
    assert found < 0.3 < 0.9 < missed <= 1.0
    assert sizes == [len(STEPS)] * 2


def test_equal_pixels_are_taken_as_drawn_and_not_from_the_upper_left_on() -> None:
    ties = np.random.default_rng(0).random((SIZE, SIZE))
    flat = falling_order(np.zeros((SIZE, SIZE), dtype=np.float16), ties_SS=ties)
    assert flat.tolist() == np.argsort(-ties.ravel()).tolist()
    map_SS = np.zeros((SIZE, SIZE))
    map_SS[3, 5] = 0.5
    assert falling_order(map_SS, ties_SS=ties)[0] == 3 * SIZE + 5


def test_random_maps_are_as_smooth_as_maps_of_the_grid() -> None:
    """Neighbours on a 4 x 4 grid enlarged to 64 differ by little; those of pure noise do not."""
    maps = smooth_random_maps(3, grid=(4, 4), size_px=64, rng=np.random.default_rng(0))
    assert maps.shape == (3, 64, 64)
    assert np.abs(np.diff(maps, axis=1)).max() < 1 / 15
    assert np.ptp(maps, axis=(1, 2)).min() > 0.5
    assert not np.allclose(maps[0], maps[1])
