"""Every metric of one set of rows with several classes; see `detection` for two.

auc (one against the rest), f1, precision, recall and balanced_accuracy are plain means over classes, and
exist only where every class has rows; macro_f1 and auc_ovr are the same numbers under the names of the
field. One class at a time: precision[c], recall[c], f1[c], support[c], c being the class's number. ECE:
what the most probable class promised against how often it was right. Brier: summed over classes (Brier
1950), 0 to 2.
"""

import numpy as np

from trainables.evaluation.detection import Curve, Found, check_scores, equal_mass_ece, log_losses


def class_metrics(labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> Found:
    """Compute all metrics of rows with several classes.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: a column a class, float [N, C].
        predicted: int [N], the classes that were decided for.

    Raises:
        ValueError: no rows, or a probability that is not finite.
    """
    check_scores(probabilities)
    num_rows, num_classes = probabilities.shape
    matrix = confusion(labels, predicted, num_classes=num_classes)
    support, called, hits = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    found = Found()
    missing = ", ".join(str(index) for index in np.flatnonzero(support == 0))
    lacking = f"no image of class {missing} in these rows" if missing else ""
    # A class that nothing was called has precision 0 in a mean over classes, as scikit-learn has it.
    precisions = hits / np.maximum(called, 1)
    recalls = hits / np.maximum(support, 1)
    f1s = 2 * hits / np.maximum(support + called, 1)
    means = {
        "balanced_accuracy": recalls,
        "f1": f1s,
        "precision": precisions,
        "recall": recalls,
        "macro_f1": f1s,
    }
    found.put("accuracy", int(hits.sum()) / num_rows)
    for name, values in means.items():
        found.put(name, None if lacking else float(np.mean(values)), lacking)
    curves = [] if lacking else [Curve.of(labels == c, probabilities[:, c]) for c in range(num_classes)]
    auc = None if lacking else float(np.mean([curve.auc() for curve in curves]))
    found.put("auc", auc, lacking)
    found.put("auc_ovr", auc, lacking)
    precision = None if lacking else float(np.mean([curve.average_precision() for curve in curves]))
    found.put("average_precision", precision, lacking)
    exact = probabilities.astype(np.float64)
    one_hot = labels[:, None] == np.arange(num_classes)
    found.put("brier", float(np.mean(np.sum((exact - one_hot) ** 2, axis=1))))
    found.put("ece", equal_mass_ece(exact.max(axis=1), predicted == labels))
    found.put("log_loss", float(np.mean(log_losses(labels, probabilities))))
    for c in range(num_classes):
        absent = f"no image of class {c} in these rows"
        found.put(f"precision[{c}]", precisions[c] if called[c] else None, f"no image was called class {c}")
        found.put(f"recall[{c}]", recalls[c] if support[c] else None, absent)
        found.put(f"f1[{c}]", f1s[c] if support[c] else None, absent)
        found.put(f"support[{c}]", int(support[c]))
    return found


def confusion(labels: np.ndarray, predicted: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Count rows by true class (first axis) and predicted class, int64 [C, C]."""
    counts = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)
