"""Comparison of two thumbnails of perhaps the same photograph: aligned first, then compared piece by piece.

Alignment: Gauss-Newton on the squared difference over zoom, rotation and shift, with the best gain and offset
of brightness in each step (Lucas & Kanade 1981; Baker & Matthews 2004), at half size and then at full size.

Comparison: what is coarser than 5 pixels is taken away, since any two portraits agree in that, and the
thumbnail is divided into 4 x 4 (and 6 x 6) pieces. The similarity is the median over the pieces of their
correlation, the smaller of both divisions. A median, because an edit replaces a part of a face and leaves
the other pieces as they were, while two people in the same pose agree in few. Pieces without structure, or
outside of one of the images, are not counted.

The threshold was measured on 48 px thumbnails. Pairs of different images whose hashes are near: at most
0.34 (unibuc), 0.54 (ffhq_stylegan, but for five pairs of fakes that look drawn twice, 0.65 to 0.96), 0.852
(celeba_stylegan_confounded, studio portraits by one generator).
Photos and their edited versions (ciplab_paired) whose hashes are near: 0.86 to 0.98, 95 % of them. The same
image at JPEG quality 10, at half size, 5 % cropped off at each side, mirrored, or 30 % brighter: 0.9 and
more at 256 px.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from trainables.data.images.inspection import num_workers

SAME = 0.87
_BATCH = 32
_STEPS_HALF_SIZE, _STEPS_FULL_SIZE = 8, 3
# Aligned at half size, 98 % of the edited photos correlate by more than 0.83, and most other pairs by less.
_WORTH_A_CLOSER_LOOK = 0.8
_MOST = 0.2
_DIVISIONS = (4, 6)
_STRUCTURE = 0.002
_FEWEST_PIECES = 4
_HALF_WIDTH = 2


def similarity(first: np.ndarray, second: np.ndarray, zoom: np.ndarray) -> np.ndarray:
    """Return how alike pairs of thumbnails are once they are aligned.

    Args:
        first: uint8 [N, S, S].
        second: uint8 [N, S, S].
        zoom: float [N], where to start: 0.9 when `first` is likely to be the middle 90 % of `second`.

    Returns:
        float32 [N], at most 1; 0 for pairs that are clearly different or have too little structure to tell.
    """
    starts = range(0, len(first), _BATCH)

    def one(start: int) -> np.ndarray:
        part = slice(start, start + _BATCH)
        return _similarity(first[part].astype(np.float32), second[part].astype(np.float32), zoom[part])

    with ThreadPoolExecutor(max_workers=num_workers()) as pool:
        parts = list(pool.map(one, starts))
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def _similarity(first: np.ndarray, second: np.ndarray, zoom: np.ndarray) -> np.ndarray:
    small_first, small_second = _standardised(_halved(first)), _standardised(_halved(second))
    motion = np.zeros((len(first), 4), dtype=np.float32)
    motion[:, 0] = zoom - 1.0
    motion = _align(small_first, small_second, motion, steps=_STEPS_HALF_SIZE)
    moved, inside = _move(small_second, motion)
    alike = np.zeros(len(first), dtype=np.float32)
    close = np.flatnonzero(_correlation(small_first, moved, inside, (1, 2)) >= _WORTH_A_CLOSER_LOOK)
    if not len(close):
        return alike
    first, second = _standardised(first[close]), _standardised(second[close])
    motion = motion[close] * np.array([1, 1, 2, 2], dtype=np.float32)
    motion = _align(first, second, motion, steps=_STEPS_FULL_SIZE)
    moved, inside = _move(second, motion)
    alike[close] = _median_of_pieces(_detail(first), _detail(moved), inside)
    return alike


def _halved(images: np.ndarray) -> np.ndarray:
    num, side, _ = images.shape
    halved: np.ndarray = images.reshape(num, side // 2, 2, side // 2, 2).mean(axis=(2, 4))
    return halved


def _standardised(images: np.ndarray) -> np.ndarray:
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    scaled: np.ndarray = centred / (images.std(axis=(1, 2), keepdims=True) + 1e-3)
    return scaled


def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates from the centre: x and y, float32 [side, side]."""
    line = np.arange(side, dtype=np.float32) - (side - 1) / 2
    x, y = np.meshgrid(line, line)
    return x, y


def _move(images: np.ndarray, motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample each image at its motion (zoom - 1, turn, shift x, shift y), and say which pixels it has."""
    num, side, _ = images.shape
    x, y = _grid(side)
    zoom, turn, shift_x, shift_y = (motion[:, part, None, None] for part in range(4))
    centre = (side - 1) / 2
    at_x = (1 + zoom) * x - turn * y + shift_x + centre
    at_y = turn * x + (1 + zoom) * y + shift_y + centre
    inside = (at_x >= 0) & (at_x <= side - 1) & (at_y >= 0) & (at_y <= side - 1)
    left = np.clip(at_x.astype(np.int32), 0, side - 2)
    top = np.clip(at_y.astype(np.int32), 0, side - 2)
    right_share, low_share = np.clip(at_x - left, 0, 1), np.clip(at_y - top, 0, 1)
    corner = (np.arange(num, dtype=np.int32) * side * side)[:, None, None] + top * side + left
    flat = images.ravel()
    upper = flat[corner] * (1 - right_share) + flat[corner + 1] * right_share
    lower = flat[corner + side] * (1 - right_share) + flat[corner + side + 1] * right_share
    return upper * (1 - low_share) + lower * low_share, inside


def _align(first: np.ndarray, second: np.ndarray, motion: np.ndarray, *, steps: int) -> np.ndarray:
    num, side, _ = first.shape
    x, y = _grid(side)
    limit = np.array([_MOST, _MOST, _MOST * side, _MOST * side], dtype=np.float32)
    for _ in range(steps):
        moved, inside = _move(second, motion)
        slope_y, slope_x = np.gradient(moved, axis=(1, 2))
        slopes = np.stack([slope_x * x + slope_y * y, slope_y * x - slope_x * y, slope_x, slope_y], axis=1)
        wanted, given = _centred(first, inside, (1, 2)), _centred(moved, inside, (1, 2))
        gain = (given * wanted).sum(axis=(1, 2)) / ((given * given).sum(axis=(1, 2)) + 1e-3)
        gain = np.clip(gain, 0.3, 3.0)[:, None, None]
        slopes = (slopes * inside[:, None] * gain[:, None]).reshape(num, 4, -1)
        missing = (wanted - gain * given).reshape(num, -1, 1)
        normal = slopes @ slopes.transpose(0, 2, 1) + 1e-2 * np.eye(4, dtype=np.float32)
        step = np.linalg.solve(normal, slopes @ missing)[..., 0]
        motion = np.clip(motion + step, -limit, limit)
    return motion


def _centred(values: np.ndarray, inside: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Take away the mean over `inside`, and be 0 outside of it."""
    count = inside.sum(axis=axis, keepdims=True) + 1e-6
    mean = (values * inside).sum(axis=axis, keepdims=True) / count
    centred: np.ndarray = ((values - mean) * inside).astype(np.float32)
    return centred


def _correlation(
    first: np.ndarray, second: np.ndarray, inside: np.ndarray, axis: int | tuple[int, ...]
) -> np.ndarray:
    one, other = _centred(first, inside, axis), _centred(second, inside, axis)
    power = (one * one).sum(axis=axis) * (other * other).sum(axis=axis)
    correlation: np.ndarray = (one * other).sum(axis=axis) / np.sqrt(power + 1e-9)
    return correlation


def _detail(images: np.ndarray) -> np.ndarray:
    """What is left when the mean of the 5 x 5 pixels around each is taken away."""
    width = 2 * _HALF_WIDTH + 1
    padded = np.pad(images, ((0, 0), (_HALF_WIDTH, _HALF_WIDTH), (_HALF_WIDTH, _HALF_WIDTH)), mode="edge")
    sums = np.pad(padded.astype(np.float64).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    boxes = (
        sums[:, width:, width:]
        - sums[:, :-width, width:]
        - sums[:, width:, :-width]
        + sums[:, :-width, :-width]
    )
    detail: np.ndarray = (images - boxes / width**2).astype(np.float32)
    return detail


def _median_of_pieces(first: np.ndarray, second: np.ndarray, inside: np.ndarray) -> np.ndarray:
    medians = []
    for division in _DIVISIONS:
        one, other, within = (_pieces(values, division) for values in (first, second, inside))
        correlation = _correlation(one, other, within, -1)
        structure = np.maximum(*(np.square(_centred(part, within, -1)).mean(-1) for part in (one, other)))
        counts = (structure > _STRUCTURE) & (within.mean(-1) > 0.6)
        medians.append(list(_medians(correlation, counts)))
    smaller: np.ndarray = np.array(medians, dtype=np.float32).min(axis=0)
    return smaller


def _medians(values: np.ndarray, counts: np.ndarray) -> Iterator[float]:
    for row, chosen in zip(values, counts, strict=True):
        yield float(np.median(row[chosen])) if chosen.sum() >= _FEWEST_PIECES else 0.0


def _pieces(images: np.ndarray, division: int) -> np.ndarray:
    num, side, _ = images.shape
    width = side // division
    grid = images.reshape(num, division, width, division, width).transpose(0, 1, 3, 2, 4)
    return grid.reshape(num, division * division, width * width)
