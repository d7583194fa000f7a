"""Accuracy, balanced accuracy, precision, recall and F1 from counts of rows.

Counts are numbers, or arrays of one shape with a count for each of many sets of rows (bootstrap draws,
candidate thresholds). Where a count that is divided by is 0, a number raises ZeroDivisionError and an array
has NaN or infinity: whoever counts knows first which rates exist.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class DetectionCounts:
    """Rows of two classes by what was decided: one number each, or one array each.

    hits: fakes called fake; alarms: real rows called fake; fakes, reals: how many of each class there are.
    """

    hits: Any
    alarms: Any
    fakes: Any
    reals: Any

    def accuracy(self) -> Any:
        """Return the share of rows that are called what they are."""
        return (self.hits + (self.reals - self.alarms)) / (self.reals + self.fakes)

    def balanced_accuracy(self) -> Any:
        """Return the mean of both classes' recall; both must have rows."""
        return (self.hits / self.fakes + (self.reals - self.alarms) / self.reals) / 2

    def f1(self) -> Any:
        """Return the harmonic mean of precision and recall; there must be fakes."""
        return 2 * self.hits / (self.hits + self.alarms + self.fakes)

    def precision(self) -> Any:
        """Return the share of fakes among the rows called fake; some must be."""
        return self.hits / (self.hits + self.alarms)

    def recall(self) -> Any:
        """Return the share of fakes that are called fake; there must be fakes."""
        return self.hits / self.fakes


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """Rows of several classes, arrays [..., C]: called right, called so, and how many there are of each."""

    hits: np.ndarray
    called: np.ndarray
    support: np.ndarray

    def accuracy(self) -> np.ndarray:
        """Return the share of rows that are called what they are, [...]."""
        return np.asarray(self.hits.sum(axis=-1) / self.support.sum(axis=-1))

    def precisions(self) -> np.ndarray:
        """Return the precision of each class, [..., C]; 0 where nothing was called so (as scikit-learn)."""
        return np.asarray(self.hits / np.maximum(self.called, 1))

    def recalls(self) -> np.ndarray:
        """Return the recall of each class, [..., C]; NaN where a class has no rows."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.hits / self.support)

    def f1s(self) -> np.ndarray:
        """Return the F1 of each class, [..., C]; NaN where a class has no rows and none was called so."""
        with np.errstate(invalid="ignore"):
            return np.asarray(2 * self.hits / (self.called + self.support))
