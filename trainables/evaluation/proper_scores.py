"""Brier score and log loss: proper scoring rules, row by row and as means over rows.

Probabilities are P(fake), [N], or one column per class, [N, C]. Brier (1950, "Verification of forecasts
expressed in terms of probability"): squared error of P(fake), 0 to 1; of several classes summed over them, 0
to 2.
"""

import numpy as np


def squared_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the squared error of each row's probabilities, float64 [N].

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column per class, float [N, C].
    """
    exact = np.asarray(probabilities, dtype=np.float64)
    if exact.ndim == 1:
        return np.asarray((exact - labels) ** 2)
    return np.asarray(np.sum((exact - (labels[:, None] == np.arange(exact.shape[1]))) ** 2, axis=1))


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean squared error of rows; arguments as in `squared_errors`."""
    return float(np.mean(squared_errors(labels, probabilities)))


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return -log of the probability of the true class of each row, float64 [N], finite.

    A probability of 0 counts as the machine epsilon of the probabilities' type, as scikit-learn has it.
    Arguments as in `squared_errors`.
    """
    epsilon = float(np.finfo(probabilities.dtype).eps)
    exact = probabilities.astype(np.float64)
    if exact.ndim == 1:
        of_truth = np.where(labels == 1, exact, 1.0 - exact)
    else:
        of_truth = exact[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(of_truth, epsilon, 1.0 - epsilon)))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean log loss of rows; arguments as in `squared_errors`."""
    return float(np.mean(log_losses(labels, probabilities)))
