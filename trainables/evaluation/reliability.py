"""Does P(fake) = 0.8 come true in 8 of 10 cases? Reliability bins, calibration error and Brier score.

Bins hold equally many rows (Nguyen & O'Connor 2015, "Posterior calibration and exploratory analysis for
natural language processing models"): bins of equal width are nearly empty where a confident network never
goes. Rows with equal scores share their outcome, so that the order of rows can't matter.

Two classes: what is claimed is P(fake), what comes true is that the row is fake. Several: what is claimed is
the probability of the likeliest class, what comes true is that it is the right one (Guo et al. 2017).
"""

from dataclasses import dataclass

import numpy as np

NUM_BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Reliability bins in ascending order of what was claimed; every array has a value a bin.

    counts int64; claimed: mean claim; came_true: share that came true; low, high: least and greatest claim.
    """

    counts: np.ndarray
    claimed: np.ndarray
    came_true: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def error(self) -> float:
        """Return the expected calibration error: mean over rows of |claimed - came true| of their bin."""
        return float(np.sum(self.counts * np.abs(self.claimed - self.came_true)) / self.counts.sum())


def claims(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what was claimed of each row, float64 [N], and whether it came true, float64 [N] of 0 and 1.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column a class, float [N, C].
    """
    exact = np.asarray(probabilities, dtype=np.float64)
    if exact.ndim == 1:
        return exact, (labels == 1).astype(np.float64)
    return exact.max(axis=1), (exact.argmax(axis=1) == labels).astype(np.float64)


def reliability_bins(claimed: np.ndarray, came_true: np.ndarray, *, num_bins: int = NUM_BINS) -> Bins:
    """Cut rows into bins of equal mass.

    Args:
        claimed: probabilities, float [N].
        came_true: 0 or 1, [N].
        num_bins: at most so many; there are fewer where there are fewer rows. The first get one row more.

    Raises:
        ValueError: no rows.
    """
    if len(claimed) == 0:
        raise ValueError("a reliability diagram of no rows")
    order = np.argsort(claimed, kind="stable")
    ordered = np.asarray(claimed, dtype=np.float64)[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ties = np.diff(np.append(starts, len(ordered)))
    sums = np.add.reduceat(np.asarray(came_true, dtype=np.float64)[order], starts)
    shared = np.repeat(sums / ties, ties)
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
    """Return the expected calibration error of rows, 0 (none) to 1; arguments as in `claims`."""
    return reliability_bins(*claims(labels, probabilities), num_bins=num_bins).error()


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean squared error of the probabilities (Brier 1950).

    Two classes: of P(fake), 0 to 1. Several: summed over classes, 0 to 2. Arguments as in `claims`.
    """
    exact = np.asarray(probabilities, dtype=np.float64)
    if exact.ndim == 1:
        return float(np.mean((exact - labels) ** 2))
    truth = labels[:, None] == np.arange(exact.shape[1])
    return float(np.mean(np.sum((exact - truth) ** 2, axis=1)))
