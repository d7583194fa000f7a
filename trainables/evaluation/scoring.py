"""Metrics of one set of rows, whatever the number of classes.

Two classes: fake (1) is the positive class, predictions are P(fake) >= 0.5. More classes: precision, recall
and F1 are macro averages, the AUC is one-vs-rest, macro averaged. A metric that does not exist for the rows
given (the AUC of one class) is None, never a made-up number.
"""

import numpy as np

from trainables.evaluation.classes import class_metrics
from trainables.evaluation.detection import binary_metrics
from trainables.evaluation.metric_values import MetricValues
from trainables.evaluation.metrics import TRACKED

Metrics = dict[str, float | None]


def all_metrics(labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> MetricValues:
    """Compute every metric of one set of rows, and the reason for each that does not exist.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column per class, float [N, C].
        predicted: int [N], the classes that were decided for.

    Raises:
        ValueError: no rows, or a probability that is not finite.
    """
    compute = binary_metrics if probabilities.ndim == 1 else class_metrics
    return compute(labels, probabilities, predicted)


def compute_metrics(
    labels: np.ndarray, probabilities: np.ndarray, *, predicted: np.ndarray | None = None
) -> Metrics:
    """Compute the metrics that training looks at (TRACKED); None where one does not exist.

    Arguments and errors as in `all_metrics`; `predicted` None = what the probabilities say.
    """
    decided = predicted_classes(probabilities) if predicted is None else predicted
    found = all_metrics(labels, probabilities, decided).values
    return {name: found.get(name) for name in TRACKED}


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the predicted class of each row, int64 [N]."""
    if probabilities.ndim == 1:
        return (probabilities >= 0.5).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
