"""real_norm: numpy's mean and standard deviation of the fold's real training images, and of nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.pixels import open_pixels
from trainables.errors import InputError
from trainables.training.batches import Images
from trainables.training.normalization import MIN_STD, NORMALIZATIONS, Normalization, normalization_of
from trainables.trial import run_trial

if TYPE_CHECKING:
    from tests.trainables.conftest import TrialData
    from trainables.recipe import Recipe

NUM_IMAGES = 150
LABELS = np.arange(NUM_IMAGES) % 3 % 2
TRAIN = np.arange(0, NUM_IMAGES, 2)


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (NUM_IMAGES, 8, 8, 3), dtype=np.uint8)


def real_norm(array: np.ndarray, rows: np.ndarray = TRAIN) -> Normalization:
    return normalization_of("real_norm", array, rows=rows, labels=LABELS[rows], num_classes=2)


def test_it_is_what_numpy_says_of_the_real_training_images() -> None:
    found = real_norm(pixels())
    chosen = pixels()[TRAIN[LABELS[TRAIN] == 0]].reshape(-1, 3) / 255.0
    np.testing.assert_allclose(found.mean, chosen.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std, chosen.std(axis=0), rtol=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_no_other_pixel_can_change_it(seed: int) -> None:
    """Catches statistics that fakes, validation rows or test rows leak into, and an order that matters."""
    array, changed = pixels(), pixels(seed + 1)
    real = TRAIN[LABELS[TRAIN] == 0]
    changed[real] = array[real]
    shuffled = np.random.default_rng(seed).permutation(TRAIN)
    assert real_norm(changed) == real_norm(array) == real_norm(changed, shuffled)


def test_every_real_training_image_does_change_it() -> None:
    """Catches images that are left out: the first, the last, and those at the edges of a block."""
    before = real_norm(pixels())
    for row in TRAIN[LABELS[TRAIN] == 0]:
        array = pixels()
        array[row] = 255 - array[row] // 2
        assert real_norm(array) != before


def test_large_sums_lose_nothing() -> None:
    """Catches sums in 32 bits or in floats: 255 ** 2 times the pixels of 120 images of 256 px."""
    array = np.full((120, 256, 256, 3), 255, np.uint8)
    array[0, 0, 0] = 254
    rows = np.arange(120)
    found = normalization_of("real_norm", array, rows=rows, labels=np.zeros(120, int), num_classes=2)
    count = 120 * 256 * 256
    assert found.mean[0] == pytest.approx(1 - 1 / (255 * count), abs=1e-15)
    assert found.std == (MIN_STD,) * 3


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_fixed_ones_are_what_they_are(name: str) -> None:
    found = normalization_of(name, pixels(), rows=TRAIN, labels=LABELS[TRAIN], num_classes=5)
    assert (found.mean, found.std) == NORMALIZATIONS[name]


def test_without_real_images_it_is_refused() -> None:
    with pytest.raises(InputError, match="no real image"):
        normalization_of("real_norm", pixels(), rows=TRAIN, labels=np.ones(len(TRAIN)), num_classes=2)
    with pytest.raises(InputError, match="the data has 5 classes"):
        normalization_of("real_norm", pixels(), rows=TRAIN, labels=LABELS[TRAIN], num_classes=5)


def test_batches_are_normalised_with_it() -> None:
    array = pixels()
    images = Images(
        array, normalization=real_norm(array), memory_format="contiguous", device=torch.device("cpu")
    )
    real = images.batch(TRAIN[LABELS[TRAIN] == 0]).double()
    assert real.mean(dim=(0, 2, 3)).abs().max() < 1e-6
    assert (real.std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_a_trial_keeps_what_new_images_need(
    trial_data: "TrialData", make_recipe: Callable[..., "Recipe"], tmp_path: Path
) -> None:
    """Catches statistics taken over the wrong rows of the cache, which is not in the table's order."""
    rows = trial_data.rows()
    metrics = run_trial(make_recipe(normalization="real_norm", epochs=1), rows, tmp_path / "trial")
    table = trial_data.table
    chosen = table.loc[(table["part"] == "train") & (table["label"] == 0), "sha256"]
    cache = open_pixels(rows.pixels)
    values = cache.array[cache.rows(list(chosen))].reshape(-1, 3) / 255.0
    np.testing.assert_allclose(metrics["normalization"]["mean"], values.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(metrics["normalization"]["std"], values.std(axis=0), rtol=1e-9)
    fixed = run_trial(make_recipe(epochs=1), rows, tmp_path / "fixed")
    mean, std = NORMALIZATIONS["imagenet"]
    assert fixed["normalization"] == {"mean": list(mean), "std": list(std)}
