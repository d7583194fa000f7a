"""Choice of an epoch by validation metrics, and the score of a trial that this choice does not flatter.

The best of many epochs is a maximum over noise: it grows with the number of epochs and with their noise, and
is no estimate of what the weights are worth (Cawley & Talbot 2010, "On over-fitting in model selection"). The
deciding score is cross-fitted instead: a metric on half B of the inner validation part at the epoch that half
A would choose, and the other way round, averaged. history.csv holds the metrics of both halves by epoch.
"""

from collections.abc import Mapping, Sequence

from trainables.errors import InputError
from trainables.evaluation.metric_values import MetricValues
from trainables.evaluation.metrics import COMPARED, LOWER_IS_BETTER
from trainables.recipe import SelectWeights

HALVES = ("a", "b")


def half_column(metric: str, half: str) -> str:
    """Return the column of history.csv that holds a metric of one half."""
    return f"{metric}_half_{half}"


def is_half_column(name: str) -> bool:
    """Tell whether a column of history.csv holds a metric of one half."""
    return name.endswith(tuple(half_column("", half) for half in HALVES))


def selection_score(val: Mapping[str, float | None], select_by: str | SelectWeights) -> float:
    """Return what the best epoch is chosen by, higher is better: a metric, or a weighted sum of several.

    Raises:
        InputError: one of them does not exist on these rows.
    """
    if isinstance(select_by, str):
        value = _existing(val, select_by)
        return -value if select_by in LOWER_IS_BETTER else value
    weights = select_by.model_dump().items()
    return float(sum(weight * _existing(val, name) for name, weight in weights if weight))


def cross_fitted(
    halves: Sequence[Sequence[Mapping[str, float | None]]], select_by: str | SelectWeights
) -> MetricValues:
    """Score each half at the epoch that the other half would choose, the first of its best; average the two.

    Args:
        halves: the metrics of each epoch, for each of two halves of the inner validation part.
        select_by: what the recipe chooses the best epoch by.

    Returns:
        The average by metric, for those of COMPARED that both halves have at that epoch.

    Raises:
        InputError: what epochs are chosen by does not exist on a half.
    """
    chosen = [_first_best(epochs, select_by) for epochs in halves]
    scored = (halves[1][chosen[0]], halves[0][chosen[1]])
    found = MetricValues()
    for metric in COMPARED:
        if all(metric not in each for each in scored):
            continue
        one, other = (each.get(metric) for each in scored)
        value = None if one is None or other is None else (one + other) / 2
        found.put(metric, value, "it does not exist on a half of the inner validation rows")
    return found


def _first_best(epochs: Sequence[Mapping[str, float | None]], select_by: str | SelectWeights) -> int:
    scores = [selection_score(each, select_by) for each in epochs]
    return scores.index(max(scores))


def _existing(val: Mapping[str, float | None], metric: str) -> float:
    value = val.get(metric)
    if value is None and metric == "precision":
        # Nothing was called fake, so nothing was called fake rightly.
        return 0.0
    if value is None:
        raise InputError(
            f"{metric} does not exist on the inner validation part: it needs every class; raise val_ratio"
        )
    return value
