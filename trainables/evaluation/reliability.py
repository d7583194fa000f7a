"""Reliability bins and the expected calibration error (ECE): is P(fake) = 0.8 right in 8 of 10 cases?

Bins hold equally many rows (Nguyen & O'Connor 2015, "Posterior calibration and exploratory analysis for
natural language processing models"): bins of equal width are nearly empty where a confident network never
goes. Rows with equal scores share their outcome, so that the order of rows can't matter.

Two classes: a row's confidence is P(fake), and it is right where the row is fake. Several: the confidence is
the probability of the likeliest class, and it is right where the row is of that class (Guo et al. 2017).
"""

from dataclasses import dataclass

import numpy as np

from trainables.evaluation.curve import Curve

NUM_BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Reliability bins in ascending order of confidence; every array has one value per bin.

    counts int64; accuracy: share of rows that are right; low, high: least and greatest confidence.
    """

    counts: np.ndarray
    mean_confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def error(self) -> float:
        """Return the expected calibration error: mean over rows of |confidence - accuracy| of their bin."""
        return float(np.sum(self.counts * np.abs(self.mean_confidence - self.accuracy)) / self.counts.sum())


def confidence_curve(labels: np.ndarray, probabilities: np.ndarray) -> Curve:
    """Count rows by confidence (the curve's scores): those that are right as its fakes, others as its reals.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column per class, float [N, C].

    Raises:
        ValueError: no rows.
    """
    if len(labels) == 0:
        raise ValueError("a reliability diagram of no rows")
    exact = np.asarray(probabilities, dtype=np.float64)
    if exact.ndim == 1:
        return Curve.of(labels, exact)
    return Curve.of(exact.argmax(axis=1) == labels, exact.max(axis=1))


def reliability_bins(curve: Curve, *, num_bins: int = NUM_BINS) -> Bins:
    """Cut rows into bins of equal mass.

    Args:
        curve: what `confidence_curve` gave; of two classes, the curve of the scores.
        num_bins: at most so many; there are fewer where there are fewer rows. The first get one row more.
    """
    ties = curve.fakes + curve.reals
    ordered = np.repeat(curve.scores, ties)
    shared = np.repeat(curve.fakes / ties, ties)
    number = min(num_bins, len(ordered))
    counts = np.full(number, len(ordered) // number) + (np.arange(number) < len(ordered) % number)
    ends = np.cumsum(counts)
    edges = ends - counts
    return Bins(
        counts,
        np.add.reduceat(ordered, edges) / counts,
        np.add.reduceat(shared, edges) / counts,
        ordered[edges],
        ordered[ends - 1],
    )


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, *, num_bins: int = NUM_BINS) -> float:
    """Return the expected calibration error of rows, 0 (none) to 1; arguments as in `confidence_curve`."""
    return reliability_bins(confidence_curve(labels, probabilities), num_bins=num_bins).error()
