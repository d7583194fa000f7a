"""Points of curves over every threshold: ROC, and precision over recall, of the rows of one fold."""

import numpy as np

from trainables.evaluation.curve import Curve

# False alarm rates, and recalls, at which curves of several folds are averaged.
GRID = np.linspace(0.0, 1.0, 101)


def roc_points(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the ROC curve as false alarm rate and detection rate, float [2, K], both rising.

    Args:
        labels: int [N], 1 = positive; both classes are there.
        scores: float [N].
    """
    curve = Curve.of(labels, scores)
    alarms = np.concatenate([[0.0], np.cumsum(curve.reals[::-1]) / curve.reals.sum()])
    found = np.concatenate([[0.0], np.cumsum(curve.fakes[::-1]) / curve.fakes.sum()])
    return np.stack([alarms, found])


def precision_points(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return recall and precision at each threshold, float [2, K], recall rising; arguments as above."""
    curve = Curve.of(labels, scores)
    found, alarms = np.cumsum(curve.fakes[::-1]), np.cumsum(curve.reals[::-1])
    return np.stack([found / found[-1], found / (found + alarms)])
