"""Random changes of training images: what an image goes through hangs on (seed, epoch, its number) alone.

Each image has a generator of its own, so neither the batch it falls into, nor the device, nor an interruption
changes its choices. Choices are drawn on the CPU; the work is done where the batch is, on all images that
want a change at once. Order: crop, flip and rotation; colour; blur; JPEG; quantisation; noise; erasing.
Values stay in 0..1. Evaluation never comes here.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from trainables.recipe import Augment
from trainables.seeds import derived_seed

# Random erasing (Zhong et al. 2020): share of the image, and height over width.
ERASED_SHARE, ERASED_RATIO = (0.02, 0.33), (0.3, 3.3)
# Cutout (DeVries & Taylor 2017): side of the square over the side of the image.
CUTOUT_SIDE = 0.25
BLUR_SIGMA = (0.1, 2.0)
BLUR_RADIUS = 4
LUMA = (0.299, 0.587, 0.114)


class Augmenter:
    """Changes batches of training images.

    Args:
        settings: what is done, and how likely.
        seed: the trial's seed.
    """

    def __init__(self, settings: Augment, *, seed: int) -> None:
        self._settings, self._seed = settings, seed

    def __call__(self, x_BCHW: Tensor, *, positions: np.ndarray, epoch: int) -> Tensor:
        """Change images in 0..1, float32 [B, 3, S, S]; `positions` number them among the training rows."""
        rngs = [np.random.default_rng(derived_seed(self._seed, epoch, int(n), "augment")) for n in positions]
        wanted = self._settings
        x_BCHW = _warp(x_BCHW, rngs, wanted)
        x_BCHW = _colour(x_BCHW, rngs, wanted)
        for probability, change in (
            (wanted.blur_p, _blur),
            (wanted.jpeg_p, _jpeg),
            (wanted.quantise_p, _quantise),
            (wanted.noise_p, _noise),
            (wanted.erase_p, _erase),
            (wanted.cutout_p, _cutout),
        ):
            x_BCHW = _some(x_BCHW, rngs, probability, change, wanted)
        return x_BCHW.clamp(0.0, 1.0)


Rngs = list[np.random.Generator]
Change = Callable[[Tensor, Rngs, Augment], Tensor]


def _some(x_BCHW: Tensor, rngs: Rngs, probability: float, change: Change, wanted: Augment) -> Tensor:
    """Apply a change to those images whose draw is below its probability."""
    if probability == 0.0:
        return x_BCHW
    chosen = [number for number, rng in enumerate(rngs) if rng.random() < probability]
    if not chosen:
        return x_BCHW
    index = torch.tensor(chosen, device=x_BCHW.device)
    changed = change(x_BCHW[index], [rngs[number] for number in chosen], wanted)
    return x_BCHW.index_copy(0, index, changed.to(x_BCHW.dtype))


def _warp(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Crop and resize, flip, rotate: one resampling for all three, none for a flip alone."""
    if wanted.random_resized_crop is None and not wanted.rotation_degrees:
        return _some(x_BCHW, rngs, wanted.hflip_p, lambda x, _, __: x.flip(3), wanted)
    matrices = np.stack([_affine(rng, wanted) for rng in rngs])
    theta = torch.from_numpy(matrices).to(x_BCHW)
    grid = functional.affine_grid(theta, list(x_BCHW.shape), align_corners=False)
    return functional.grid_sample(
        x_BCHW, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _affine(rng: np.random.Generator, wanted: Augment) -> np.ndarray:
    """Where each pixel of the outcome comes from, in coordinates of -1..1, float64 [2, 3]."""
    angle = math.radians(rng.uniform(-1, 1) * wanted.rotation_degrees)
    flip = -1.0 if rng.random() < wanted.hflip_p else 1.0
    low, high = wanted.random_resized_crop or (1.0, 1.0)
    side = math.sqrt(rng.uniform(low, high))
    centre = rng.uniform(-1, 1, size=2) * (1 - side)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.column_stack([side * turn @ np.diag([flip, 1.0]), centre])


def _colour(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Brightness, contrast, saturation, hue by random factors, then grey."""

    def factors(spread: float) -> Tensor:
        values = [rng.uniform(max(0.0, 1 - spread), 1 + spread) for rng in rngs]
        return torch.tensor(values, dtype=x_BCHW.dtype, device=x_BCHW.device).view(-1, 1, 1, 1)

    if wanted.brightness:
        x_BCHW = (x_BCHW * factors(wanted.brightness)).clamp(0, 1)
    if wanted.contrast:
        mean = _grey(x_BCHW).mean(dim=(2, 3), keepdim=True)
        x_BCHW = (mean + (x_BCHW - mean) * factors(wanted.contrast)).clamp(0, 1)
    if wanted.saturation:
        grey = _grey(x_BCHW)
        x_BCHW = (grey + (x_BCHW - grey) * factors(wanted.saturation)).clamp(0, 1)
    if wanted.hue:
        turns = torch.tensor([rng.uniform(-wanted.hue, wanted.hue) for rng in rngs])
        x_BCHW = _turn_hue(x_BCHW, turns.to(x_BCHW)).clamp(0, 1)
    return _some(x_BCHW, rngs, wanted.grayscale_p, lambda x, _, __: _grey(x).expand_as(x), wanted)


def _grey(x_BCHW: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, dtype=x_BCHW.dtype, device=x_BCHW.device).view(1, 3, 1, 1)
    return (x_BCHW * weights).sum(dim=1, keepdim=True)


def _turn_hue(x_BCHW: Tensor, turns: Tensor) -> Tensor:
    """Turn the colour plane (YIQ) by a part of a full turn for each image; luma stays."""
    to_yiq = torch.tensor([LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)]).to(x_BCHW)
    angle = 2 * math.pi * turns
    turn = torch.zeros(len(turns), 3, 3).to(x_BCHW)
    turn[:, 0, 0] = 1.0
    turn[:, 1, 1] = turn[:, 2, 2] = torch.cos(angle)
    turn[:, 1, 2], turn[:, 2, 1] = -torch.sin(angle), torch.sin(angle)
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("bij,bjhw->bihw", matrix, x_BCHW)


def _blur(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Gaussian blur of a random width, rows and columns one after the other."""
    sigma = torch.tensor([rng.uniform(*BLUR_SIGMA) for rng in rngs]).to(x_BCHW)
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1).to(x_BCHW)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)
    size, channels = x_BCHW.shape[2:], len(kernel)
    flat = functional.pad(x_BCHW, (BLUR_RADIUS,) * 4, mode="reflect").flatten(0, 1)[None]
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=channels)
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=channels)
    return flat.view(-1, 3, *size)


def _jpeg(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Encode as JPEG of a random quality and decode again, by the library that reads the images."""
    low, high = wanted.jpeg_quality
    pixels = (x_BCHW * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    decoded = []
    for image, rng in zip(pixels, rngs, strict=True):
        with io.BytesIO() as file:
            Image.fromarray(image).save(file, format="JPEG", quality=int(rng.integers(low, high + 1)))
            with Image.open(file) as read:
                decoded.append(np.asarray(read))
    x_BCHW = torch.from_numpy(np.stack(decoded)).to(x_BCHW.device).permute(0, 3, 1, 2).float()
    return x_BCHW / 255


def _quantise(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Keep so many bits of each value."""
    steps = float(2**wanted.quantise_bits - 1)
    return (x_BCHW * steps).round() / steps


def _noise(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Add Gaussian noise; noise_std is in units of 0..1."""
    drawn = np.stack([rng.standard_normal(x_BCHW.shape[1:], dtype=np.float32) for rng in rngs])
    return x_BCHW + wanted.noise_std * torch.from_numpy(drawn).to(x_BCHW)


def _erase(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Paint a random rectangle of each image in its mean colour."""

    def box(rng: np.random.Generator) -> tuple[float, float]:
        share = rng.uniform(*ERASED_SHARE)
        ratio = math.exp(rng.uniform(*np.log(ERASED_RATIO)))
        return min(1.0, math.sqrt(share * ratio)), min(1.0, math.sqrt(share / ratio))

    return _paint(x_BCHW, rngs, box, x_BCHW.mean(dim=(2, 3)))


def _cutout(x_BCHW: Tensor, rngs: Rngs, wanted: Augment) -> Tensor:
    """Paint a square of each image black."""
    return _paint(x_BCHW, rngs, lambda _: (CUTOUT_SIDE, CUTOUT_SIDE), torch.zeros_like(x_BCHW[:, :, 0, 0]))


def _paint(
    x_BCHW: Tensor,
    rngs: Rngs,
    box: Callable[[np.random.Generator], tuple[float, float]],
    colour_BC: Tensor,
) -> Tensor:
    painted = x_BCHW.clone()
    height, width = x_BCHW.shape[2:]
    for image, rng, colour_C in zip(painted, rngs, colour_BC, strict=True):
        tall, wide = box(rng)
        rows, columns = max(1, round(tall * height)), max(1, round(wide * width))
        top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
        image[:, top : top + rows, left : left + columns] = colour_C[:, None, None]
    return painted


@dataclass(frozen=True, slots=True)
class Mixed:
    """Mixed images [B, 3, S, S], each one's partner, int64 [B], and its own share of the label."""

    images: Tensor
    partner: Tensor
    share: float


class Mixing:
    """MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019) of the images of a batch.

    Args:
        mixup: alpha of MixUp, 0 = never.
        cutmix: alpha of CutMix, 0 = never; with both, each batch takes one of them by a coin.
        seed: the trial's seed.
    """

    def __init__(self, *, mixup: float, cutmix: float, seed: int) -> None:
        self._mixup, self._cutmix, self._seed = mixup, cutmix, seed

    def __call__(self, x_BCHW: Tensor, *, epoch: int, batch: int) -> Mixed:
        """Mix the images of a batch, [B, 3, S, S]."""
        rng = np.random.default_rng(derived_seed(self._seed, epoch, batch, "mix"))
        partner = torch.from_numpy(rng.permutation(len(x_BCHW))).to(x_BCHW.device)
        cut = self._cutmix > 0 and (self._mixup == 0 or rng.random() < 0.5)
        alpha = self._cutmix if cut else self._mixup
        share = float(rng.beta(alpha, alpha))
        if not cut:
            return Mixed(share * x_BCHW + (1 - share) * x_BCHW[partner], partner, share)
        height, width = x_BCHW.shape[2:]
        side = math.sqrt(1 - share)
        middle = rng.random(2)
        top, bottom = _span(middle[0], side, height)
        left, right = _span(middle[1], side, width)
        mixed = x_BCHW.clone()
        mixed[:, :, top:bottom, left:right] = x_BCHW[partner][:, :, top:bottom, left:right]
        # What was really pasted: the border may have cut it.
        return Mixed(mixed, partner, 1 - (bottom - top) * (right - left) / (height * width))


def _span(middle: float, side: float, pixels: int) -> tuple[int, int]:
    """The pixels that a part around `middle` covers, cut at the border."""
    low, high = ((middle + half) * pixels for half in (-side / 2, side / 2))
    return max(0, round(low)), min(pixels, round(high))
