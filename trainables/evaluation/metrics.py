"""Classification metrics from labels and probabilities, as scikit-learn defines them.

Two classes: fake (1) is the positive class, predictions are P(fake) >= 0.5. More classes: precision, recall
and F1 are macro averages, the AUC is one-vs-rest, macro averaged. A metric that does not exist for the rows
given (the AUC of one class) is None, never a made-up number.

scikit-learn is imported where something is computed: who only wants to know which metrics are errors, as
collecting does, need not wait for it.
"""

import numpy as np

LOWER_IS_BETTER = frozenset(
    {"log_loss", "brier", "ece", "eer", "false_alarm_rate", "source_auc_variance", "train_val_gap"}
)

Metrics = dict[str, float | None]


def compute_metrics(
    labels: np.ndarray, probabilities: np.ndarray, *, predicted: np.ndarray | None = None
) -> Metrics:
    """Compute all metrics of one set of rows.

    Args:
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column a class, float [N, C].
        predicted: int [N], the classes that were decided for; None = what the probabilities say.

    Raises:
        ValueError: no rows, or a probability that is not finite.
    """
    if len(labels) == 0:
        raise ValueError("metrics of no rows")
    if not np.isfinite(probabilities).all():
        raise ValueError("a score is not finite: the model diverged")
    decided = predicted_classes(probabilities) if predicted is None else predicted
    if probabilities.ndim == 1:
        return _binary(labels, probabilities, decided)
    return _multiclass(labels, probabilities, decided)


def auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Return the area under the ROC curve; None when a class is missing.

    `scores` are P(fake), float [N], or a column a class, float [N, C]: then one against the rest, macro.
    """
    from sklearn import metrics

    if scores.ndim == 1:
        return float(metrics.roc_auc_score(labels, scores)) if 0 < labels.sum() < len(labels) else None
    one_hot = labels[:, None] == np.arange(scores.shape[1])
    if not one_hot.any(axis=0).all():
        return None
    return float(metrics.roc_auc_score(one_hot, scores, average="macro"))


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the predicted class of each row, int64 [N]."""
    if probabilities.ndim == 1:
        return (probabilities >= 0.5).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def _binary(labels: np.ndarray, scores: np.ndarray, predicted: np.ndarray) -> Metrics:
    from sklearn import metrics

    both = 0 < labels.sum() < len(labels)
    return {
        "auc": auc(labels, scores),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, predicted)) if both else None,
        "f1": float(metrics.f1_score(labels, predicted, zero_division=0.0)) if labels.any() else None,
        "precision": float(metrics.precision_score(labels, predicted)) if predicted.any() else None,
        "recall": float(metrics.recall_score(labels, predicted)) if labels.any() else None,
        "average_precision": float(metrics.average_precision_score(labels, scores)) if both else None,
        "log_loss": float(metrics.log_loss(labels, scores, labels=[0, 1])),
    }


def _multiclass(labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> Metrics:
    from sklearn import metrics

    classes = np.arange(probabilities.shape[1])
    everything = len(np.unique(labels)) == len(classes)
    one_hot = labels[:, None] == classes
    macro = {"average": "macro", "labels": classes, "zero_division": 0.0}
    return {
        "auc": auc(labels, probabilities),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "balanced_accuracy": float(metrics.recall_score(labels, predicted, **macro)) if everything else None,
        "f1": float(metrics.f1_score(labels, predicted, **macro)) if everything else None,
        "precision": float(metrics.precision_score(labels, predicted, **macro)) if everything else None,
        "recall": float(metrics.recall_score(labels, predicted, **macro)) if everything else None,
        "average_precision": (
            float(metrics.average_precision_score(one_hot, probabilities, average="macro"))
            if everything
            else None
        ),
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
    }
