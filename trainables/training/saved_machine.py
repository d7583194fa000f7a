"""Scores of images by a kernel machine that was written to model.safetensors, without what it learned from.

The file holds the support images, so the kernel of new images is computed against these alone, in blocks.
Decision values are those of scikit-learn's SVC: one for two classes; of more, the pairwise votes with their
confidences.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

BLOCK = 1000


def score_by_machine(path: Path, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return scores in 0..1 as `KernelMachine.predict` gives them: float64 [n] of fake, or [n, C].

    Args:
        path: what `KernelMachine.save` wrote.
        array: uint8 [N, S, S, 3], in memory or memory-mapped.
        rows: of the images in `array`, int64 [n].
    """
    saved = load_file(path)
    mean, scale = saved["mean"], saved["scale"]
    support = saved["support_images"].flatten(1).float().sub_(mean).mul_(scale)
    parts = []
    for start in range(0, len(rows), BLOCK):
        images = (
            torch.from_numpy(array[rows[start : start + BLOCK]]).flatten(1).float().sub_(mean).mul_(scale)
        )
        parts.append(
            _decisions(
                radial_kernel(images, support),
                saved["dual_coef"].numpy(),
                saved["intercept"].numpy(),
                per_class=saved["support_per_class"].tolist(),
            )
        )
    return scores_of_decisions(np.concatenate(parts))


def radial_kernel(one: Tensor, other: Tensor) -> np.ndarray:
    """Return exp(-|x - y|^2 / F) between scaled images, float32 [n, F] and [m, F], as float64 [n, m]."""
    norms = [each.square().sum(dim=1, dtype=torch.float64) for each in (one, other)]
    distance = norms[0][:, None] + norms[1] - 2 * (one @ other.T).double()
    return np.asarray(torch.exp(distance.clamp(min=0.0) / -one.shape[1]).numpy())


def scores_of_decisions(decisions: np.ndarray) -> np.ndarray:
    """Return scores in 0..1 that grow with decision values, float [n] or [n, C]; they are not calibrated."""
    values = torch.from_numpy(decisions)
    scores = torch.sigmoid(values) if values.ndim == 1 else torch.softmax(values, dim=1)
    return np.asarray(scores.numpy())


def _decisions(
    kernel: np.ndarray, dual_coef: np.ndarray, intercept: np.ndarray, *, per_class: list[int]
) -> np.ndarray:
    """Decision values of images from their kernel with the support images, float [n] or [n, C].

    dual_coef: [C - 1, support images], those of each class in turn; its row j - 1 in the columns of class i,
    and row i in those of class j > i, are the pair's machine, whose intercepts come in the order of pairs.
    """
    number = len(per_class)
    if number == 2:
        return np.asarray(kernel @ dual_coef[0] + intercept[0])
    ends = np.cumsum([0, *per_class])
    of_class = [slice(start, end) for start, end in itertools.pairwise(ends.tolist())]
    votes, confidence = np.zeros((2, len(kernel), number))
    for (i, j), shift in zip(itertools.combinations(range(number), 2), intercept, strict=True):
        first, second = of_class[i], of_class[j]
        value = kernel[:, first] @ dual_coef[j - 1, first] + kernel[:, second] @ dual_coef[i, second] + shift
        votes[:, i] += value >= 0
        votes[:, j] += value < 0
        confidence[:, i] += value
        confidence[:, j] -= value
    # Confidences settle equal votes and never outweigh one.
    return np.asarray(votes + confidence / (3 * (np.abs(confidence) + 1)))
