"""Every metric of one set of rows with several classes; see `detection` for two.

auc (one against the rest), f1, precision, recall and balanced_accuracy are plain means over classes, and
exist only where every class has rows; macro_f1 and auc_ovr are the same numbers under the names of the
field. One class at a time: precision[c], recall[c], f1[c], support[c], c being the class's number.
"""

import numpy as np

from trainables.evaluation.curve import Curve
from trainables.evaluation.detection import check_scores
from trainables.evaluation.metric_values import MetricValues
from trainables.evaluation.proper_scores import brier_score, log_loss
from trainables.evaluation.rates import ClassCounts
from trainables.evaluation.reliability import calibration_error


def class_metrics(labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> MetricValues:
    """Compute all metrics of rows with several classes.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: one column per class, float [N, C].
        predicted: int [N], the classes that were decided for.

    Raises:
        ValueError: no rows, or a probability that is not finite.
    """
    check_scores(probabilities)
    num_classes = probabilities.shape[1]
    matrix = confusion(labels, predicted, num_classes=num_classes)
    counts = ClassCounts(np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1))
    absent = ", ".join(str(index) for index in np.flatnonzero(counts.support == 0))
    lacking = f"no image of class {absent} in these rows" if absent else ""
    precisions, recalls, f1s = counts.precisions(), counts.recalls(), counts.f1s()
    found = MetricValues()
    found.put("accuracy", float(counts.accuracy()))
    means = {
        "balanced_accuracy": recalls,
        "f1": f1s,
        "precision": precisions,
        "recall": recalls,
        "macro_f1": f1s,
    }
    for name, values in means.items():
        found.put(name, None if lacking else float(np.mean(values)), lacking)
    curves = [] if lacking else [Curve.of(labels == c, probabilities[:, c]) for c in range(num_classes)]
    auc = None if lacking else float(np.mean([curve.auc() for curve in curves]))
    found.put("auc", auc, lacking)
    found.put("auc_ovr", auc, lacking)
    precision = None if lacking else float(np.mean([curve.average_precision() for curve in curves]))
    found.put("average_precision", precision, lacking)
    found.put("brier", brier_score(labels, probabilities))
    found.put("ece", calibration_error(labels, probabilities))
    found.put("log_loss", log_loss(labels, probabilities))
    for c in range(num_classes):
        reason = f"no image of class {c} in these rows"
        uncalled = f"no image was called class {c}"
        found.put(f"precision[{c}]", precisions[c] if counts.called[c] else None, uncalled)
        found.put(f"recall[{c}]", recalls[c] if counts.support[c] else None, reason)
        found.put(f"f1[{c}]", f1s[c] if counts.support[c] else None, reason)
        found.put(f"support[{c}]", int(counts.support[c]))
    return found


def confusion(labels: np.ndarray, predicted: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Count rows by true class (first axis) and predicted class, int64 [C, C]."""
    counts = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)
