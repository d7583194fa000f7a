"""Metrics of scored images that have no folds: values, bootstrap intervals over groups, single models."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from orchestrator.statistics.bootstrap import Bounds, bootstrap
from orchestrator.statistics.resampled import Groups, make_sample
from orchestrator.store.final_file import FinalMetric
from orchestrator.store.fingerprint import fingerprint
from trainables.evaluation.metrics import METRICS
from trainables.evaluation.scoring import all_metrics, predicted_classes

# Every metric of one model's table that says how good it is, each by one name.
SHOWN = tuple(name for name, facts in METRICS.items() if facts.is_compared and not facts.alias_of)


def final_metrics(
    rows: pd.DataFrame,
    mean: np.ndarray,
    single: Sequence[np.ndarray],
    *,
    decide: Callable[[np.ndarray], np.ndarray] = predicted_classes,
) -> tuple[FinalMetric, ...]:
    """Compute every metric that these images have.

    Args:
        rows: columns path, group and label, one row per image.
        mean: the mean of the models' probabilities, float [N] of fake, or [N, C].
        single: those of each model.
        decide: the classes, int64 [N], that probabilities are decided to be.
    """
    labels = rows["label"].to_numpy(dtype=np.int64)
    values = all_metrics(labels, mean, decide(mean)).values
    bounds = _bounds(rows, labels, mean, decide(mean))
    singles = [all_metrics(labels, each, decide(each)).values for each in single]
    found = []
    for name in SHOWN:
        value = values.get(name)
        if value is None:
            continue
        low, high = bounds.get(name, (None, None))
        alone = [each[name] for each in singles if each.get(name) is not None]
        found.append(
            FinalMetric(
                metric=name,
                value=float(value),
                ci_low=low,
                ci_high=high,
                single_mean=float(np.mean(alone)) if len(alone) == len(singles) else None,
                single_std=float(np.std(alone, ddof=1)) if len(alone) == len(singles) > 1 else None,
            )
        )
    return tuple(found)


def _bounds(rows: pd.DataFrame, labels: np.ndarray, mean: np.ndarray, predicted: np.ndarray) -> Bounds:
    """Bootstrap intervals; none where a class has no image."""
    num_classes = 2 if mean.ndim == 1 else mean.shape[1]
    if len(np.unique(labels)) < num_classes:
        return {}
    codes = pd.factorize(rows["group"])[0].astype(np.int64)
    key = fingerprint([rows["path"].tolist(), rows["group"].tolist()])
    sample = make_sample(key, labels, mean, predicted, Groups.of(codes, labels))
    (found,) = bootstrap([[sample]])
    return found.bounds
