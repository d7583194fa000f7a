"""Augmentation: each change does what its name says, and what an image goes through is its own affair."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainables.recipe import Augment
from trainables.training.augmentation import Augmenter, Mixing

EVERY: dict[str, Mapping[str, Any]] = {
    "flip": {"hflip_p": 1.0},
    "rotation": {"rotation_degrees": 30.0},
    "crop": {"random_resized_crop": (0.3, 0.6)},
    "brightness": {"brightness": 0.5},
    "contrast": {"contrast": 0.5},
    "saturation": {"saturation": 0.9},
    "hue": {"hue": 0.3},
    "grey": {"grayscale_p": 1.0},
    "blur": {"blur_p": 1.0},
    "jpeg": {"jpeg_p": 1.0, "jpeg_quality": (10, 20)},
    "quantise": {"quantise_p": 1.0, "quantise_bits": 2},
    "noise": {"noise_p": 1.0, "noise_std": 0.1},
    "erase": {"erase_p": 1.0},
    "cutout": {"cutout_p": 1.0},
}


def pictures(count: int = 6, size_px: int = 32) -> Tensor:
    """Smooth colourful images in 0.2..0.8."""
    rng = torch.Generator().manual_seed(4)
    coarse = torch.rand(count, 3, 4, 4, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, size=size_px, mode="bilinear", align_corners=False)
    return 0.2 + 0.6 * smooth


def change(
    x_BCHW: Tensor, positions: Any = None, *, seed: int = 1, epoch: int = 0, **settings: Any
) -> Tensor:
    chosen = np.arange(len(x_BCHW)) if positions is None else np.asarray(positions)
    return Augmenter(Augment(**settings), seed=seed)(x_BCHW.clone(), positions=chosen, epoch=epoch)


def test_nothing_asked_for_changes_nothing() -> None:
    assert torch.equal(change(pictures()), pictures())


@pytest.mark.parametrize("name", EVERY)
def test_each_change_changes_images_within_their_range(name: str) -> None:
    changed = change(pictures(), **EVERY[name])
    assert changed.shape == pictures().shape and changed.dtype == torch.float32
    assert 0 <= changed.min() and changed.max() <= 1
    assert not torch.allclose(changed, pictures(), atol=1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_an_image_is_changed_the_same_way_in_any_batch(name: str) -> None:
    """Catches choices that hang on the batch, its size, or the order: resuming would change numbers."""
    together = change(pictures(), **EVERY[name])
    for positions in ([3], [5, 3, 0]):
        alone = change(pictures()[positions], positions, **EVERY[name])
        torch.testing.assert_close(alone, together[positions], atol=1e-5, rtol=0)


@pytest.mark.parametrize("other", [{"seed": 2}, {"epoch": 1}])
def test_another_seed_or_epoch_is_another_choice(other: dict[str, int]) -> None:
    settings = {"brightness": 0.5, "rotation_degrees": 30.0}
    assert not torch.allclose(change(pictures(), **settings), change(pictures(), **settings, **other))


def test_a_probability_is_for_each_image_on_its_own() -> None:
    same = (change(pictures(400, 8), hflip_p=0.3) == pictures(400, 8)).all(dim=(1, 2, 3))
    assert 0.22 < 1 - same.float().mean() < 0.38


def test_a_flip_is_exact_alone_and_with_a_warp() -> None:
    assert torch.equal(change(pictures(), hflip_p=1.0), pictures().flip(3))
    warped = change(pictures(), hflip_p=1.0, random_resized_crop=(1.0, 1.0))
    torch.testing.assert_close(warped, pictures().flip(3), atol=1e-5, rtol=0)


def test_a_rotation_keeps_the_middle_and_turns_the_rest() -> None:
    dot = torch.zeros(1, 3, 33, 33)
    dot[..., 16, 16] = 1.0
    assert change(dot, rotation_degrees=90.0)[0, 0, 16, 16] > 0.99


def test_a_crop_shows_a_part_of_the_image_larger() -> None:
    ramp = torch.linspace(0.2, 0.8, 32).expand(4, 3, 32, 32)
    spread = [float(image.max() - image.min()) for image in change(ramp, random_resized_crop=(0.25, 0.25))]
    # A quarter of the area is half of the width.
    assert spread == pytest.approx([0.3] * 4, abs=0.03)


def test_grey_has_equal_channels_and_the_same_luma() -> None:
    changed = change(pictures(), grayscale_p=1.0)
    assert torch.equal(changed[:, 0], changed[:, 1]) and torch.equal(changed[:, 0], changed[:, 2])
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    torch.testing.assert_close(changed[:, 0], (pictures() * weights).sum(1), atol=1e-5, rtol=0)


def test_hue_turns_colours_and_keeps_luma_and_greys() -> None:
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    pale = 0.45 + 0.1 * pictures()
    torch.testing.assert_close(
        (change(pale, hue=0.5) * weights).sum(1), (pale * weights).sum(1), atol=2e-3, rtol=0
    )
    grey = pictures()[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(change(grey, hue=0.5), grey, atol=2e-3, rtol=0)


def test_blur_takes_fine_structure_and_keeps_plain_areas() -> None:
    checks = torch.tensor([0.2, 0.8]).repeat(16)[:, None].expand(32, 32)
    image = checks.expand(2, 3, 32, 32).contiguous()
    assert change(image, blur_p=1.0).std() < image.std()
    plain = torch.full((2, 3, 32, 32), 0.4)
    torch.testing.assert_close(change(plain, blur_p=1.0), plain)


def test_a_low_jpeg_quality_loses_more_than_a_high_one() -> None:
    def loss(quality: int) -> float:
        changed = change(pictures(), jpeg_p=1.0, jpeg_quality=(quality, quality))
        return float((changed - pictures()).abs().mean())

    assert 0 < loss(95) < loss(30) < loss(5)


def test_bits_are_levels() -> None:
    assert len(change(pictures(), quantise_p=1.0, quantise_bits=3).unique()) <= 8


def test_noise_has_the_deviation_asked_for() -> None:
    noise = change(torch.full((4, 3, 64, 64), 0.5), noise_p=1.0, noise_std=0.05) - 0.5
    assert float(noise.std()) == pytest.approx(0.05, rel=0.05) and abs(float(noise.mean())) < 0.003


def test_cutout_paints_a_sixteenth_black() -> None:
    painted = change(pictures(), cutout_p=1.0) == 0
    assert [int(each[0].sum()) for each in painted] == [8 * 8] * 6


def test_erasing_paints_one_rectangle_of_one_colour() -> None:
    for before, after in zip(pictures(), change(pictures(), erase_p=1.0), strict=True):
        rows, columns = torch.nonzero((before != after).any(dim=0), as_tuple=True)
        patch = after[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert torch.equal(patch, patch[:, :1, :1].expand_as(patch))
        assert 0.01 < patch[0].numel() / before[0].numel() < 0.4


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0)])
def test_mixing_keeps_the_share_that_it_says(mixup: float, cutmix: float) -> None:
    """Image n is the constant n: its mean says how much of whom is in it."""
    x_BCHW = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 3, 32, 32).contiguous()
    mixing = Mixing(mixup=mixup, cutmix=cutmix, seed=1)
    shares = set()
    for batch in range(20):
        mixed = mixing(x_BCHW, epoch=0, batch=batch)
        own, other = torch.arange(6.0), mixed.partner.float()
        expected = mixed.share * own + (1 - mixed.share) * other
        torch.testing.assert_close(mixed.images.mean(dim=(1, 2, 3)), expected, atol=1e-4, rtol=0)
        values = {round(float(value), 4) for value in mixed.images.unique()}
        assert mixup or values <= set(range(6))
        shares.add(round(mixed.share, 6))
    assert len(shares) > 10 and all(0 <= share <= 1 for share in shares)


def test_mixing_hangs_on_seed_epoch_and_batch_alone() -> None:
    x_BCHW = pictures()
    one = Mixing(mixup=0.4, cutmix=1.0, seed=1)(x_BCHW, epoch=2, batch=3)
    torch.manual_seed(99)
    again = Mixing(mixup=0.4, cutmix=1.0, seed=1)(x_BCHW, epoch=2, batch=3)
    assert torch.equal(one.images, again.images) and one.share == again.share
    other = Mixing(mixup=0.4, cutmix=1.0, seed=1)(x_BCHW, epoch=2, batch=4)
    assert one.share != other.share
