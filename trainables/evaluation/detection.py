"""Every metric of one set of rows with two classes, from one sort, and the reason for each that is missing.

Fake (1) is the positive class. Where scikit-learn has the metric, the number is scikit-learn's. The metrics
themselves are in `curve` (AUC, average precision, EER), `rates` (what needs a threshold), `reliability` (ECE)
and `proper_scores` (Brier score, log loss).
"""

from collections.abc import Sequence

import numpy as np

from trainables.evaluation.curve import Curve
from trainables.evaluation.metric_values import MetricValues
from trainables.evaluation.proper_scores import brier_score, log_loss
from trainables.evaluation.rates import DetectionCounts
from trainables.evaluation.reliability import reliability_bins

NO_FAKE = "no fake image in these rows"
NO_REAL = "no real image in these rows"
NOTHING_CALLED = "no image was called fake"


def binary_metrics(
    labels: np.ndarray, scores: np.ndarray, predicted: np.ndarray, *, curve: Curve | None = None
) -> MetricValues:
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
    found = MetricValues()
    num_fake = int(np.count_nonzero(labels == 1))
    lacking = NO_FAKE if num_fake == 0 else NO_REAL if num_fake == len(labels) else ""
    curve = curve or Curve.of(labels, scores.astype(np.float64))
    for name, compute in (
        ("auc", curve.auc),
        ("average_precision", curve.average_precision),
        ("eer", curve.eer),
    ):
        found.put(name, None if lacking else compute(), lacking)
    found.update(threshold_metrics(labels, predicted))
    found.put("brier", brier_score(labels, scores))
    found.put("ece", reliability_bins(curve).error())
    found.put("log_loss", log_loss(labels, scores))
    return found


def check_scores(scores: np.ndarray) -> None:
    """Raise ValueError where there are no rows, or a score is no number."""
    if len(scores) == 0:
        raise ValueError("metrics of no rows")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite: the model diverged")


def threshold_metrics(labels: np.ndarray, predicted: np.ndarray) -> MetricValues:
    """Compute what hangs on a threshold; labels and predicted are int [N], 1 = fake."""
    fake, called = labels == 1, predicted == 1
    num_fake, num_called, hits = (int(np.count_nonzero(mask)) for mask in (fake, called, fake & called))
    counts = DetectionCounts(hits, num_called - hits, num_fake, len(labels) - num_fake)
    lacking = NO_FAKE if not num_fake else NO_REAL if num_fake == len(labels) else ""
    found = MetricValues()
    found.put("accuracy", counts.accuracy())
    found.put("balanced_accuracy", None if lacking else counts.balanced_accuracy(), lacking)
    found.put("f1", counts.f1() if num_fake else None, NO_FAKE)
    found.put("precision", counts.precision() if num_called else None, NOTHING_CALLED)
    found.put("recall", counts.recall() if num_fake else None, NO_FAKE)
    return found


def source_metrics(
    labels: np.ndarray, curve: Curve, predicted: np.ndarray, source: np.ndarray, names: Sequence[str]
) -> dict[str, MetricValues]:
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
        found = MetricValues()
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


def auc_variance(per_source: dict[str, MetricValues]) -> tuple[float | None, str]:
    """Return the variance (ddof 1) of the sources' AUCs, or None and the reason."""
    aucs = [found.values["auc"] for found in per_source.values() if "auc" in found.values]
    if len(aucs) < 2:
        return None, f"{len(aucs)} sources of fakes have an AUC; a variance needs 2"
    return float(np.var(aucs, ddof=1)), ""
