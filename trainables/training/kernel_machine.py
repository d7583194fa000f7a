"""svm_rbf: a support vector machine on pixels, with a radial kernel that is computed once, in blocks.

Pixels are flattened and standardised (mean and deviation of the training rows); the kernel is
exp(-|x - y|^2 / n_features), C is 1: scikit-learn's SVC(kernel="rbf", gamma="auto") on scaled data. SVC takes
the distances one pair at a time; here they come from matrix products of float32 blocks, and SVC gets the
finished matrix. Blocks are cut from the memory-mapped pixels and scaled on the way, so that the scaled images
never lie in memory as a whole: 12,500 images of 100 x 100 px took 2.9 GiB and 44 s on two cores.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor

from trainables.training.checkpoint import save_weights
from trainables.training.saved_machine import BLOCK, radial_kernel, scores_of_decisions

C = 1.0
CACHE_MIB = 200


class KernelMachine:
    """A machine over the rows of `array`, uint8 [N, S, S, 3], which stays where it is."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self._num_features = int(np.prod(array.shape[1:]))

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> None:
        """Learn from the images of `rows`, int64 [n], with `labels`, int64 [n]."""
        self._rows = rows
        self._mean, self._scale = self._statistics(rows)
        self._svc = SVC(C=C, kernel="precomputed", cache_size=CACHE_MIB)
        self._svc.fit(self._kernel(rows, rows), labels)

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scores in 0..1 and the machine's own votes for the images of `rows`.

        The scores grow with the decision values and are not calibrated: float64 [n] of fake for two classes,
        else [n, C]. For several classes the largest need not be the vote, which counts pairwise wins.
        """
        kernel = self._kernel(rows, self._rows)
        scores = scores_of_decisions(self._svc.decision_function(kernel))
        return scores, np.asarray(self._svc.predict(kernel), dtype=np.int64)

    def save(self, path: Path) -> None:
        """Write what predictions need as safetensors: support images, coefficients, mean and deviation."""
        svc = self._svc
        arrays = {
            "support_images": self._array[self._rows[svc.support_]],
            "support_per_class": svc.n_support_,
            "dual_coef": svc.dual_coef_,
            "intercept": svc.intercept_,
            "mean": self._mean.numpy(),
            "scale": self._scale.numpy(),
        }
        save_weights(path, {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})

    @property
    def num_support(self) -> int:
        """Return the number of support vectors."""
        return int(self._svc.n_support_.sum())

    def _statistics(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Mean and 1 / deviation of each feature over `rows`, float32; a constant one is left unscaled."""
        total = torch.zeros(self._num_features, dtype=torch.float64)
        squares = torch.zeros_like(total)
        for start in range(0, len(rows), BLOCK):
            block = self._flat(rows[start : start + BLOCK]).double()
            total += block.sum(dim=0)
            squares += block.square().sum(dim=0)
        mean = total / len(rows)
        deviation = (squares / len(rows) - mean.square()).clamp(min=0.0).sqrt()
        deviation[deviation < 1e-6] = 1.0
        return mean.float(), deviation.reciprocal().float()

    def _kernel(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the kernel between the images of two lists of rows, float64 [len(left), len(right)]."""
        symmetric = left is right
        kernel = np.empty((len(left), len(right)))
        for top in range(0, len(left), BLOCK):
            one = self._scaled(left[top : top + BLOCK])
            for start in range(top if symmetric else 0, len(right), BLOCK):
                other = one if symmetric and start == top else self._scaled(right[start : start + BLOCK])
                block = radial_kernel(one, other)
                kernel[top : top + BLOCK, start : start + BLOCK] = block
                if symmetric:
                    kernel[start : start + BLOCK, top : top + BLOCK] = block.T
        return kernel

    def _scaled(self, rows: np.ndarray) -> Tensor:
        return self._flat(rows).sub_(self._mean).mul_(self._scale)

    def _flat(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._array[rows]).flatten(1).float()
