"""Pixels of a few images at every step from a file to what a network sees, to be looked at.

    whole image with what is cut out of it -> square -> changed as for training -> normalised

Each step is done by the functions that a trial uses; its outcome is kept as a picture. Nothing is cached.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw, ImageOps

from trainables.data.faces import DetectedFaces
from trainables.data.images.crops import Square, central_square
from trainables.data.images.decoding import eight_bit_rgb, square
from trainables.data.images.inspection import open_image
from trainables.errors import InputError
from trainables.recipe import Augment
from trainables.training.augmentation import Augmenter
from trainables.training.normalization import Normalization

FACE, CUT, PAPER = (242, 149, 92), (92, 179, 236), (128, 128, 128)
# Normalised values that are shown as black and as white.
DARKEST, BRIGHTEST = -3.0, 3.0


def outlined(
    root: Path,
    rows: pd.DataFrame,
    *,
    side_px: int,
    squares: Mapping[str, Square],
    faces: Mapping[str, DetectedFaces],
) -> np.ndarray:
    """Draw what is cut out of each whole image, blue, and the faces that were found, orange.

    Args:
        root: the folder that the paths are below.
        rows: columns path and sha256, N rows.
        side_px: side S of the pictures; an image that is no square is put on grey.
        squares: what is cut out, by content hash; any other image is cut to its central square.
        faces: what the detector found, by content hash.

    Returns:
        uint8 [N, S, S, 3], in the order of `rows`.

    Raises:
        InputError: a file can't be read.
    """
    found = []
    for path, digest in zip(rows["path"], rows["sha256"], strict=True):
        with _opened(root / path) as image:
            upright = eight_bit_rgb(ImageOps.exif_transpose(image))
        cut = squares.get(digest) or central_square(*upright.size)
        boxes = faces[digest].faces() if digest in faces else []
        scale = side_px / max(upright.size)
        size = [max(1, round(length * scale)) for length in upright.size]
        picture = Image.new("RGB", (side_px, side_px), PAPER)
        picture.paste(upright.resize((size[0], size[1]), Image.Resampling.LANCZOS))
        draw = ImageDraw.Draw(picture)
        for box in boxes:
            draw.rectangle([edge * scale for edge in box], outline=FACE, width=2)
        ends = (cut.left, cut.top, cut.left + cut.side, cut.top + cut.side)
        left, top, right, bottom = (edge * scale for edge in ends)
        draw.rectangle((left, top, min(right, side_px) - 1, min(bottom, side_px) - 1), outline=CUT, width=2)
        found.append(np.asarray(picture))
    return np.stack(found)


def cut_out(
    root: Path, rows: pd.DataFrame, *, size_px: int, squares: Mapping[str, Square] | None = None
) -> np.ndarray:
    """Cut images as a trial does and resize them: uint8 [N, S, S, 3], in the order of `rows`.

    Args:
        root: the folder that the paths are below.
        rows: columns path and sha256.
        size_px: side S.
        squares: what is cut out, by content hash; any other image is cut to its central square.

    Raises:
        InputError: a file can't be read.
    """
    found = []
    for path, digest in zip(rows["path"], rows["sha256"], strict=True):
        with _opened(root / path) as image:
            found.append(square(image, size_px, (squares or {}).get(digest)))
    return np.stack(found)


def augmented(pixels: np.ndarray, settings: Augment, *, seed: int, epoch: int) -> np.ndarray:
    """Change images, uint8 [N, S, S, 3], as training does in an epoch (from 0); the same shape."""
    x_BCHW = torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255
    changed = Augmenter(settings, seed=seed)(x_BCHW, positions=np.arange(len(pixels)), epoch=epoch)
    return np.asarray((changed * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())


def normalised(pixels: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Normalise images, uint8 [N, S, S, 3], to what a network gets: float32 [N, S, S, 3]."""
    mean, std = (np.asarray(values, np.float32) for values in (normalization.mean, normalization.std))
    return np.asarray((pixels.astype(np.float32) / np.float32(255) - mean) / std)


def as_picture(values: np.ndarray) -> np.ndarray:
    """Show normalised values as grey levels: DARKEST is black, BRIGHTEST white; uint8 of the same shape."""
    share = (values - DARKEST) / (BRIGHTEST - DARKEST)
    return np.asarray((share.clip(0.0, 1.0) * 255).round().astype(np.uint8))


def jpeg(pixels: np.ndarray, *, quality: int = 92) -> bytes:
    """Write one picture, uint8 [H, W, 3], as a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def channel_means(values: np.ndarray, sources: Sequence[str]) -> pd.DataFrame:
    """Average normalised images, float32 [N, S, S, 3], by source: index source, columns red, green, blue."""
    means = pd.DataFrame(values.mean(axis=(1, 2), dtype=np.float64), columns=["red", "green", "blue"])
    return means.groupby(pd.Series(list(sources), name="source")).mean()


def _opened(path: Path) -> Image.Image:
    try:
        return open_image(path)
    except OSError as error:
        raise InputError(f"{path} was scanned but can't be read now ({error})") from error
