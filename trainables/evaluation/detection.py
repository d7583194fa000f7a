"""Every metric of one set of rows with two classes, from one sort: what the tables are made of.

`metrics.compute_metrics` is what training looks at after each epoch; this adds what a report needs, at a
hundredth of a second for thousands of rows, and says for each metric that does not exist why it does not.
Where scikit-learn has the metric, the number is scikit-learn's.

Fake (1) is the positive class. EER: where the false alarm rate equals the miss rate, on the straight lines
between the points of the ROC curve. ECE: bins of equal mass (Nguyen & O'Connor 2015), mean distance between
P(fake) and the share of fakes; rows with equal scores share their labels, so that their order can't matter.
Brier: mean squared error of P(fake).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

ECE_BINS = 15
NO_FAKE = "no fake image in these rows"
NO_REAL = "no real image in these rows"
NOTHING_CALLED = "no image was called fake"
AT_A_THRESHOLD = ("accuracy", "balanced_accuracy", "f1", "precision", "recall")


@dataclass(slots=True)
class Found:
    """Metrics that exist by name, and for the others the reason why they don't."""

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: float | None, reason: str = "") -> None:
        """Keep a value, or the reason why there is none."""
        if value is None:
            self.reasons[name] = reason
        else:
            self.values[name] = float(value)


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

    def ece(self, *, bins: int) -> float:
        """Return the expected calibration error in bins of equal mass; see `equal_mass_ece`."""
        counts = self.fakes + self.reals
        number_rows = len(self.place)
        distance = np.repeat(self.scores - self.fakes / counts, counts)
        number = min(bins, number_rows)
        # As even as can be: the first bins get one row more.
        sizes = np.full(number, number_rows // number) + (np.arange(number) < number_rows % number)
        return float(np.abs(np.add.reduceat(distance, np.cumsum(sizes) - sizes)).sum() / number_rows)

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


def binary_metrics(
    labels: np.ndarray, scores: np.ndarray, predicted: np.ndarray, *, curve: Curve | None = None
) -> Found:
    """Compute all metrics of rows with two classes.

    Args:
        labels: int [N], 1 = fake.
        scores: P(fake), float [N].
        predicted: int [N], the classes that were decided for.
        curve: of these rows, where it is known already.

    Raises:
        ValueError: no rows, or a score that is not finite.
    """
    check_scores(scores)
    found = Found()
    num_fake = int(np.count_nonzero(labels == 1))
    lacking = NO_FAKE if num_fake == 0 else NO_REAL if num_fake == len(labels) else ""
    exact = scores.astype(np.float64)
    curve = curve or Curve.of(labels, exact)
    for name, compute in (
        ("auc", curve.auc),
        ("average_precision", curve.average_precision),
        ("eer", curve.eer),
    ):
        found.put(name, None if lacking else compute(), lacking)
    threshold = threshold_metrics(labels, predicted)
    found.values |= threshold.values
    found.reasons |= threshold.reasons
    found.put("brier", float(np.mean((exact - labels) ** 2)))
    found.put("ece", curve.ece(bins=ECE_BINS))
    found.put("log_loss", float(np.mean(log_losses(labels, scores))))
    return found


def check_scores(scores: np.ndarray) -> None:
    """Raise ValueError where there are no rows, or a score is no number."""
    if len(scores) == 0:
        raise ValueError("metrics of no rows")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite: the model diverged")


def threshold_metrics(labels: np.ndarray, predicted: np.ndarray) -> Found:
    """Compute what hangs on a threshold; labels and predicted are int [N], 1 = fake."""
    fake, called = labels == 1, predicted == 1
    num_fake, num_called, hits = (int(np.count_nonzero(mask)) for mask in (fake, called, fake & called))
    num_real, alarms = len(labels) - num_fake, num_called - hits
    found = Found()
    found.put("accuracy", (hits + num_real - alarms) / len(labels))
    lacking = NO_FAKE if not num_fake else NO_REAL if not num_real else ""
    found.put(
        "balanced_accuracy",
        None if lacking else (hits / num_fake + (num_real - alarms) / num_real) / 2,
        lacking,
    )
    found.put("f1", 2 * hits / (num_fake + num_called) if num_fake else None, NO_FAKE)
    found.put("precision", hits / num_called if num_called else None, NOTHING_CALLED)
    found.put("recall", hits / num_fake if num_fake else None, NO_FAKE)
    return found


def log_losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return -log of the probability of the true class of each row, float64 [N], finite.

    A probability of 0 counts as the machine epsilon of the scores' type, as scikit-learn has it. `scores` are
    P(fake), [N], or a column a class, [N, C].
    """
    epsilon = float(np.finfo(scores.dtype).eps)
    exact = scores.astype(np.float64)
    if scores.ndim == 1:
        of_truth = np.where(labels == 1, exact, 1.0 - exact)
    else:
        of_truth = exact[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(of_truth, epsilon, 1.0 - epsilon)))


def equal_mass_ece(confidence: np.ndarray, outcome: np.ndarray, *, bins: int = ECE_BINS) -> float:
    """Return the expected calibration error: mean over rows of |mean confidence - mean outcome| of their bin.

    Args:
        confidence: what was claimed, float [N] from 0 to 1.
        outcome: what came true, 0 or 1, [N].
        bins: how many bins of equal mass; fewer where there are fewer rows.
    """
    return Curve.of(outcome, confidence).ece(bins=bins)


def source_metrics(
    labels: np.ndarray, curve: Curve, predicted: np.ndarray, source: np.ndarray, names: Sequence[str]
) -> dict[str, Found]:
    """Compute the rates of each source.

    Of its fakes: `detection_rate`, and `auc` against all real rows. Of its real rows: `false_alarm_rate`.

    Args:
        labels: int [N], 1 = fake.
        curve: the rows' scores, P(fake), sorted.
        predicted: int [N], the classes that were decided for.
        source: the source of each row by its place in `names`, int [N].
        names: the sources.

    Returns:
        Source -> what was found, in the order of `names`.
    """
    fake, called = labels == 1, predicted == 1
    num_real, below = int(curve.reals.sum()), curve.twice_below()[curve.place]
    per_source = {}
    for index, name in enumerate(names):
        found = Found()
        mine = source == index
        fakes, real = mine & fake, mine & ~fake
        if fakes.any():
            count = np.count_nonzero(fakes)
            found.put("detection_rate", np.count_nonzero(called & fakes) / count)
            value = int(np.sum(below[fakes])) / (2 * num_real * count) if num_real else None
            found.put("auc", value, NO_REAL)
        if real.any():
            found.put("false_alarm_rate", np.count_nonzero(called & real) / np.count_nonzero(real))
        per_source[name] = found
    return per_source


def auc_variance(per_source: dict[str, Found]) -> tuple[float | None, str]:
    """Return the variance (ddof 1) of the sources' AUCs, or None and the reason."""
    aucs = [found.values["auc"] for found in per_source.values() if "auc" in found.values]
    if len(aucs) < 2:
        return None, f"{len(aucs)} sources of fakes have an AUC; a variance needs 2"
    return float(np.var(aucs, ddof=1)), ""
