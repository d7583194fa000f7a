"""Mean and standard deviation that images are normalised with: fixed ones, or those of real training images.

`real_norm` takes them from the real images (label 0) of the fold's training part alone, so that neither fakes
nor validation nor test rows can reach the model through them. Sums of bytes are whole numbers, so that the
outcome depends neither on the order of the rows nor on how they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trainables.errors import InputError

Channels = tuple[float, float, float]

# mean and std of the channels, in units of 0..1
NORMALIZATIONS: dict[str, tuple[Channels, Channels]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
REAL = 0
ROWS_AT_ONCE = 64
# A channel without contrast would be divided by 0; no smaller difference can be seen in 8 bits.
MIN_STD = 1 / 255


@dataclass(frozen=True, slots=True)
class Normalization:
    """Mean and standard deviation (of the population) of the RGB channels, in units of 0..1."""

    mean: Channels
    std: Channels

    def to_json(self) -> Mapping[str, list[float]]:
        """Return what metrics.json keeps, so that new images can be normalised the same way."""
        return {"mean": list(self.mean), "std": list(self.std)}


def normalization_of(
    name: str, array: np.ndarray, *, rows: np.ndarray, labels: np.ndarray, num_classes: int
) -> Normalization:
    """Return what a recipe's `normalization` stands for in one fold.

    Args:
        name: a key of NORMALIZATIONS, or real_norm.
        array: uint8 [N, S, S, 3], in memory or memory-mapped.
        rows: of the training images in `array`, int64 [M].
        labels: of the training images, int64 [M].
        num_classes: of the data set.

    Raises:
        InputError: real_norm where there is no class of real images, or no such image to learn from.
    """
    if name != "real_norm":
        return Normalization(*NORMALIZATIONS[name])
    if num_classes != 2:
        raise InputError(real_norm_problem(num_classes))
    real = np.unique(rows[labels == REAL])
    if not len(real):
        raise InputError("normalization real_norm: the training part of the fold has no real image")
    return _measure(array, real)


def real_norm_problem(num_classes: int) -> str:
    """Say why real_norm can't be used with more classes than real and fake."""
    return (
        f"normalization real_norm needs the two classes real and fake, the data has {num_classes} classes; "
        "use imagenet, half or none"
    )


def _measure(array: np.ndarray, rows: np.ndarray) -> Normalization:
    total, squares = np.zeros(3, np.uint64), np.zeros(3, np.uint64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        values = array[rows[start : start + ROWS_AT_ONCE]].reshape(-1, 3)
        total += values.sum(axis=0, dtype=np.uint64)
        squares += np.square(values, dtype=np.uint16).sum(axis=0, dtype=np.uint64)
    count = len(rows) * array.shape[1] * array.shape[2]
    mean, std = [], []
    for channel in range(3):
        first, second = int(total[channel]), int(squares[channel])
        mean.append(first / (255 * count))
        # Whole numbers up to the division: nothing is lost where the mean is large and the spread small.
        variance = (count * second - first * first) / (255 * count) ** 2
        std.append(max(float(np.sqrt(variance)), MIN_STD))
    return Normalization((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
