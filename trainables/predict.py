"""Scores of new images by several trained models together: the mean of what each gives, calibrated.

Each model's scores are calibrated by numbers that were fitted on its own inner validation rows
(`evaluation.calibration`); where that could not be, they stay as they are. The spread over the models says
how far models of the same recipe differ on an image: it is no interval of the truth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from trainables.errors import InputError
from trainables.evaluation.calibration import Parameters, calibrated


@dataclass(frozen=True, slots=True, eq=False)
class JointScores:
    """Calibrated scores of N images by T models, float64: P(fake), [T, N]; or of C classes, [T, N, C]."""

    each: np.ndarray

    @property
    def num_classes(self) -> int:
        """How many classes the models tell apart."""
        return 2 if self.each.ndim == 2 else self.each.shape[2]

    @property
    def mean(self) -> np.ndarray:
        """The mean over the models: float64 [N], or [N, C]."""
        return np.asarray(self.each.mean(axis=0))

    def predicted(self, threshold: float) -> np.ndarray:
        """Return the class of each image, int64 [N]: fake from `threshold` on; of several the likeliest."""
        return predicted_at(self.mean, threshold)

    def confidence(self, predicted: np.ndarray) -> np.ndarray:
        """Return the probability of each predicted class, float64 [N]; below 0.5 where the threshold is."""
        return _of_class(self.mean, predicted)

    def spread(self, predicted: np.ndarray) -> np.ndarray:
        """Return the standard deviation over the models (ddof 1) of the probability of each predicted class.

        Of two classes it is that of P(fake) too. float64 [N]; NaN with a single model.
        """
        of_class = np.stack([_of_class(each, predicted) for each in self.each])
        if len(of_class) < 2:
            return np.full(len(predicted), np.nan)
        return np.asarray(of_class.std(axis=0, ddof=1))


def join_scores(scores: Sequence[np.ndarray], calibrations: Sequence[Parameters]) -> JointScores:
    """Calibrate the scores of each model.

    Args:
        scores: P(fake), float [N], or [N, C], of each model, in one order of images.
        calibrations: of each model.

    Raises:
        ValueError: a score is no probability.
    """
    pairs = zip(calibrations, scores, strict=True)
    return JointScores(np.stack([calibrated(parameters, values) for parameters, values in pairs]))


def predicted_at(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Return classes, int64 [N]: of P(fake), [N], fake from `threshold` on; of [N, C] the likeliest."""
    if probabilities.ndim == 1:
        return (probabilities >= threshold).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def write_images(images: Iterable[np.ndarray], folder: Path) -> list[Path]:
    """Write images (uint8 [H, W, 3], RGB) to a folder without loss, so that they go the way of any file.

    Raises:
        InputError: one is no such array.
    """
    files = []
    for number, image in enumerate(images):
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise InputError(
                f"image {number} is {array.dtype} {list(array.shape)}; pixels are uint8 [height, width, 3]"
            )
        files.append(folder / f"{number:06d}.png")
        Image.fromarray(array).save(files[-1], compress_level=1)
    return files


def _of_class(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The probability of one class for each image, float64 [N]."""
    if probabilities.ndim == 1:
        return np.where(classes == 1, probabilities, 1.0 - probabilities)
    return np.asarray(probabilities[np.arange(len(classes)), classes])
