"""Rows of two classes counted at each distinct score: AUC, average precision and EER from one sort.

Fake (1) is the positive class. EER: where the false alarm rate equals the miss rate, on the straight lines
between the points of the ROC curve.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How many fakes and real ones have each distinct score, in ascending order of scores (int64 [K]).

    place: which of the K scores each row has, int64 [N].
    """

    scores: np.ndarray
    fakes: np.ndarray
    reals: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray) -> "Curve":
        """Sort rows; labels int [N] (1 = fake), scores float [N], finite."""
        order = np.argsort(scores, kind="stable")
        ordered, fake = scores[order], labels[order] == 1
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        fakes = np.add.reduceat(fake.astype(np.int64), starts)
        totals = np.diff(np.append(starts, len(ordered)))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.repeat(np.arange(len(starts)), totals)
        return cls(ordered[starts], fakes, totals - fakes, place)

    def auc(self) -> float:
        """Return the area under the ROC curve; both classes must be there."""
        pairs = int(np.sum(self.fakes * self.twice_below()))
        return pairs / (2 * int(self.fakes.sum()) * int(self.reals.sum()))

    def twice_below(self) -> np.ndarray:
        """Return twice the number of real ones below each distinct score, ties counting half, int64 [K]."""
        return np.asarray(2 * np.cumsum(self.reals) - self.reals)

    def twice_above(self) -> np.ndarray:
        """Return twice the number of fakes above each distinct score, ties counting half, int64 [K]."""
        return np.asarray(2 * (int(self.fakes.sum()) - np.cumsum(self.fakes)) + self.fakes)

    def average_precision(self) -> float:
        """Return the sum of precisions, weighted by the steps in recall."""
        found = np.cumsum(self.fakes[::-1])
        precision = found / (found + np.cumsum(self.reals[::-1]))
        return float(np.sum(self.fakes[::-1] * precision) / found[-1])

    def eer(self) -> float:
        """Return the equal error rate, interpolated; from 0 (no error) to 1."""
        alarms = np.concatenate([[0.0], np.cumsum(self.reals[::-1]) / self.reals.sum()])
        misses = np.concatenate([[1.0], 1.0 - np.cumsum(self.fakes[::-1]) / self.fakes.sum()])
        # From -1, where nothing is called fake, up to 1, where everything is.
        gap = alarms - misses
        after = int(np.argmax(gap >= 0.0))
        share = -gap[after - 1] / (gap[after] - gap[after - 1])
        return float(alarms[after - 1] + share * (alarms[after] - alarms[after - 1]))


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Return the area under the ROC curve; None when a class is missing.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column per class, float [N, C]: then the mean over classes
            of one against the rest.
    """
    if probabilities.ndim == 1:
        truths, columns = [labels == 1], [probabilities]
        if truths[0].all():
            return None
    else:
        truths = [labels == c for c in range(probabilities.shape[1])]
        columns = list(probabilities.T)
    if not all(truth.any() for truth in truths):
        return None
    aucs = [Curve.of(truth, column).auc() for truth, column in zip(truths, columns, strict=True)]
    return float(np.mean(aucs))
