"""The decision threshold that suits a metric best: chosen on validation scores, applied to test scores."""

import numpy as np

from trainables.evaluation.metrics import ThresholdMetric
from trainables.evaluation.rates import DetectionCounts


def best_threshold(labels: np.ndarray, scores: np.ndarray, *, metric: ThresholdMetric) -> float | None:
    """Return the threshold t for which calling "score >= t" fake gives the best value of a metric.

    Candidates lie in the middle between neighbouring scores, below all of them and above all of them. Of
    several best ones the nearest to 0.5 is taken.

    Args:
        labels: int [N], 1 = fake.
        scores: P(fake), float [N].
        metric: what is maximised.

    Returns:
        A threshold from 0 to just above 1 (nothing is fake); None when one of the classes is missing.
    """
    num_fake = int(labels.sum())
    num_real = len(labels) - num_fake
    if not num_fake or not num_real:
        return None
    values = np.unique(scores)
    candidates = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [np.nextafter(1.0, 2.0)]])
    order = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    hits, alarms = (len(part) - np.searchsorted(part, candidates, side="left") for part in order)
    counts = DetectionCounts(hits, alarms, num_fake, num_real)
    quality = {
        "accuracy": counts.accuracy,
        "balanced_accuracy": counts.balanced_accuracy,
        "f1": counts.f1,
    }[metric]()
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    return float(candidates[best[np.abs(candidates[best] - 0.5).argmin()]])
