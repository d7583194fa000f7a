"""Batches: the order of an epoch, and pixels that reach the model as the formula says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.training import batches
from trainables.training.batches import Images, training_batches

MEAN_STD = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
CPU = torch.device("cpu")
MIB = 2**20


@pytest.mark.parametrize(("resident_mib", "fits"), [(None, True), (3, True), (2.9, False), (0, False)])
def test_images_are_kept_on_a_card_by_plan(
    monkeypatch: pytest.MonkeyPatch, resident_mib: float | None, fits: bool
) -> None:
    """Catches a look at what is free at the moment, which is the same for all who look at once."""
    card = type("Card", (), {"total_memory": 12 * MIB})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    array = np.zeros(3 * MIB, dtype=np.uint8)
    assert batches._fits(array, torch.device("cuda"), resident_mib) is fits
    assert not batches._fits(array, CPU, resident_mib)


def test_a_card_that_is_fuller_than_planned_gets_batches_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as context:
        context.setattr(torch.Tensor, "to", full)
        assert batches._kept(np.zeros(3, dtype=np.uint8), CPU) is None
    kept = batches._kept(np.zeros(3, dtype=np.uint8), CPU)
    assert kept is not None and kept.shape == (3,)


def order(num_rows: int, *, batch_size: int = 8, seed: int = 1, epoch: int = 0) -> list[int]:
    batches = training_batches(num_rows, batch_size=batch_size, seed=seed, epoch=epoch)
    return [int(position) for batch in batches for position in batch]


@settings(max_examples=60)
@given(num_rows=st.integers(2, 200), batch_size=st.integers(2, 33), epoch=st.integers(0, 3))
def test_every_row_comes_once_and_no_batch_holds_a_single_image(
    num_rows: int, batch_size: int, epoch: int
) -> None:
    """Batch normalisation can't train on one image; the one left over joins the batch before it."""
    batches = list(training_batches(num_rows, batch_size=batch_size, seed=5, epoch=epoch))
    assert sorted(np.concatenate(batches)) == list(range(num_rows))
    sizes = [len(batch) for batch in batches]
    assert min(sizes) >= 2 and max(sizes) <= batch_size + 1
    assert all(size == batch_size for size in sizes[:-1])


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    torch.manual_seed(1)
    first = order(50)
    torch.manual_seed(2)
    np.random.default_rng(0).random(3)
    assert order(50) == first == order(50, batch_size=16)
    assert first != order(50, epoch=1) != order(50, seed=2) != first
    assert first != list(range(50))


@pytest.mark.parametrize("normalization", MEAN_STD)
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
@pytest.mark.parametrize("mapped", [False, True])
def test_a_batch_is_the_pixels_minus_mean_over_std_in_the_layout_asked_for(
    tmp_path: Path, normalization: str, memory_format: str, mapped: bool
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), dtype=np.uint8)
    source = pixels
    if mapped:
        np.save(tmp_path / "pixels.npy", pixels)
        source = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    images = Images(source, normalization=normalization, memory_format=memory_format, device=CPU)  # type: ignore[arg-type]
    rows = np.array([4, 0, 4])
    x_BCHW = images.batch(rows)
    mean, std = (np.array(values) for values in MEAN_STD[normalization])
    expected = ((pixels[rows] / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    assert x_BCHW.dtype == torch.float32 and x_BCHW.shape == (3, 3, 9, 9)
    np.testing.assert_allclose(x_BCHW.numpy(), expected, atol=2e-6)
    last = x_BCHW.is_contiguous(memory_format=torch.channels_last)
    assert (last, x_BCHW.is_contiguous()) == (
        memory_format == "channels_last",
        memory_format == "contiguous",
    )


def test_a_batch_is_a_copy_so_that_training_cannot_write_into_the_cache() -> None:
    pixels = np.full((2, 4, 4, 3), 7, dtype=np.uint8)
    images = Images(pixels, normalization="none", memory_format="channels_last", device=CPU)
    images.batch(np.array([0, 1])).zero_()
    assert (pixels == 7).all()


def test_a_weighted_epoch_draws_every_class_equally_often() -> None:
    labels = np.array([0] * 900 + [1] * 100)

    def drawn(epoch: int) -> np.ndarray:
        return np.concatenate(list(training_batches(1000, batch_size=32, seed=3, epoch=epoch, labels=labels)))

    first = drawn(0)
    assert len(first) == 1000 and 0.45 < labels[first].mean() < 0.55
    assert np.array_equal(first, drawn(0)) and not np.array_equal(first, drawn(1))
