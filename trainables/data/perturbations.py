"""Perturbations of images: how a picture changes on its way through the world, exactly and repeatably.

    jpeg:90       JPEG of quality 1 to 100, chroma 4:2:0
    webp:50       lossy WebP of quality 1 to 100
    blur:1        Gaussian of this standard deviation in pixels
    resize:0.5    smaller by the factor, then back to the size, bicubic
    noise:4       Gaussian of this standard deviation in grey levels, each channel on its own
    contrast:0.5  distances of a channel's levels from their mean, times the factor
    gamma:2       levels on 0 to 1, to this power

They change the whole upright 8-bit RGB image at its own size, before it is cut and resized, as whoever sends
the file on would. Compression and resizing are what forensics asks first (Rössler et al. 2019,
"FaceForensics++", ICCV); blur, noise and contrast follow Hendrycks & Dietterich (2019, "Benchmarking neural
network robustness to common corruptions and perturbations", ICLR), with strengths in units instead of levels
1 to 5. Same image, same condition: same pixels, also of noise, whose seed is made of both.
"""

import hashlib
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from trainables.errors import InputError, nearest

# Raise when the same image and condition give other pixels.
VERSION = 1
# 4:2:0, which cameras and services write.
SUBSAMPLING = 2
MOST_WEBP_PX = 16_383
# Pixels further away than that many standard deviations have no weight: it would be below 1e-4.
BLUR_REACH = 4.0

# Changes an RGB image by a strength; the number is a seed for those that draw.
Change = Callable[[Image.Image, float, int], Image.Image]


@dataclass(frozen=True, slots=True)
class PerturbationKind:
    """A kind of perturbation: what its strength is, from `low` to `high`, and which one changes nothing.

    Without an `identity` every strength changes something; its mildest one is then `high`.
    """

    strength: str
    low: float
    high: float
    identity: float | None
    example: float
    change: Change
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A kind and a strength, both checked."""

    kind: str
    strength: float

    @property
    def text(self) -> str:
        """The condition as it is written everywhere, like jpeg:90."""
        return f"{self.kind}:{self.strength:g}"

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return self.strength == KINDS[self.kind].identity

    @property
    def severity(self) -> tuple[float, float]:
        """Sorts the strengths of one kind from the mildest on."""
        kind = KINDS[self.kind]
        if kind.identity is None:
            return -self.strength, 0.0
        if kind.identity == 0.0:
            return self.strength, 0.0
        return abs(math.log(self.strength / kind.identity)), self.strength


def parse_perturbation(text: str) -> Perturbation:
    """Read one condition, like jpeg:90.

    Raises:
        InputError: no such kind, or a strength outside of its range.
    """
    name, _, number = text.strip().partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise InputError(f"--perturb {text}: there is no perturbation {name!r}; {nearest(name, KINDS)}")
    means = f"{name} takes a {kind.strength} from {kind.low:g} to {kind.high:g}"
    try:
        # As it is written in tables, so that the text says all.
        strength = float(f"{float(number):g}")
    except ValueError:
        raise InputError(f"--perturb {text}: {means}, as in {name}:{kind.example:g}") from None
    if not kind.low <= strength <= kind.high:
        raise InputError(f"--perturb {text}: {means}, not {number}")
    if kind.is_whole and strength != int(strength):
        raise InputError(f"--perturb {text}: {means}, a whole number, not {number}")
    return Perturbation(name, strength)


def parse_perturbations(words: Sequence[str]) -> tuple[Perturbation, ...]:
    """Read conditions, like jpeg:90,70 blur:1: kinds in the order given, each from its mildest strength on.

    What is named twice is there once.

    Raises:
        InputError: as `parse_perturbation` does.
    """
    found: dict[str, set[Perturbation]] = {}
    for word in words:
        name, _, numbers = word.strip().partition(":")
        for number in numbers.split(","):
            found.setdefault(name, set()).add(parse_perturbation(f"{name}:{number}"))
    return tuple(each for group in found.values() for each in sorted(group, key=lambda each: each.severity))


def perturb(image: Image.Image, perturbation: Perturbation, *, digest: str) -> Image.Image:
    """Return the image changed by a perturbation, of the same size.

    Args:
        image: upright, 8-bit RGB.
        perturbation: what is done.
        digest: the content hash of its file, which the seed of noise is made of.

    Raises:
        InputError: it is too large for the format.
    """
    if perturbation.is_identity:
        return image
    seed = int.from_bytes(hashlib.sha256(f"{digest} {perturbation.text}".encode()).digest()[:16])
    return KINDS[perturbation.kind].change(image, perturbation.strength, seed)


def _jpeg(image: Image.Image, quality: float, seed: int) -> Image.Image:
    return _coded(image, "JPEG", quality=int(quality), subsampling=SUBSAMPLING)


def _webp(image: Image.Image, quality: float, seed: int) -> Image.Image:
    if max(image.size) > MOST_WEBP_PX:
        raise InputError(
            f"an image of {image.width} x {image.height} px is larger than a WebP file can be "
            f"({MOST_WEBP_PX:,} px a side); leave webp out"
        )
    return _coded(image, "WEBP", quality=int(quality))


def _coded(image: Image.Image, name: str, **options: int) -> Image.Image:
    """Write the image as a file, and read it again."""
    file = io.BytesIO()
    image.save(file, name, **options)
    with Image.open(file, formats=[name]) as coded:
        return coded.convert("RGB")


def _blur(image: Image.Image, sigma: float, seed: int) -> Image.Image:
    # Here, since it takes a while to import and most runs never blur.
    from scipy.ndimage import gaussian_filter

    levels = np.asarray(image, dtype=np.float32)
    return _image(gaussian_filter(levels, (sigma, sigma, 0.0), mode="nearest", truncate=BLUR_REACH))


def _resize(image: Image.Image, factor: float, seed: int) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


def _noise(image: Image.Image, std: float, seed: int) -> Image.Image:
    levels = np.asarray(image, dtype=np.float32)
    drawn = np.random.default_rng(seed).standard_normal(levels.shape, dtype=np.float32)
    return _image(levels + np.float32(std) * drawn)


def _contrast(image: Image.Image, factor: float, seed: int) -> Image.Image:
    levels = np.asarray(image, dtype=np.float32)
    means = levels.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return _image((levels - means) * np.float32(factor) + means)


def _gamma(image: Image.Image, power: float, seed: int) -> Image.Image:
    table = np.rint(255.0 * (np.arange(256) / 255.0) ** power).astype(np.uint8).tolist()
    return image.point(table * 3)


def _image(levels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(levels), 0.0, 255.0).astype(np.uint8))


KINDS = {
    "jpeg": PerturbationKind("quality", 1, 100, None, 90, _jpeg, is_whole=True),
    "webp": PerturbationKind("quality", 1, 100, None, 50, _webp, is_whole=True),
    "blur": PerturbationKind("standard deviation in pixels", 0, 20, 0.0, 1, _blur),
    "resize": PerturbationKind("factor", 0.05, 1, 1.0, 0.5, _resize),
    "noise": PerturbationKind("standard deviation in grey levels", 0, 100, 0.0, 4, _noise),
    "contrast": PerturbationKind("factor", 0.05, 4, 1.0, 0.5, _contrast),
    "gamma": PerturbationKind("power", 0.1, 10, 1.0, 2, _gamma),
}
