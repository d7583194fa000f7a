"""Pareto fronts of the comparable experiments of a phase: score against each kind of cost, pareto.csv.

An experiment is on the front of a cost if no other one is at most as expensive and scores at least as well,
one of the two strictly; equals are on it together. dominated_by is, of those that are so, the one with the
best score, of equals the cheapest. What is dearer on the front scores more, but perhaps by luck: each member
is tested against the next cheaper one (`against`), paired by fold. is_shown says whether its advantage
(`gain`, with the sign of better) is significant; p_holm is corrected over all pairs, since the front was
picked after its scores were seen.

Parameters and FLOPs are counted. Images per second, of which more is cheaper, and hours hang on the machine:
only those of the place on which most were measured are compared. An experiment without a place on or off the
front has a reason. A cost that nobody has gives no rows.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from orchestrator.analysis.costs import ExperimentCost
from orchestrator.analysis.every_pair import EveryPair
from orchestrator.analysis.rows import ParetoRow
from orchestrator.analysis.trial_scores import is_one_device

Measure = Literal["parameters", "flops", "images_per_s", "hours"]
MEASURES: tuple[Measure, ...] = ("parameters", "flops", "images_per_s", "hours")
MORE_IS_CHEAPER: tuple[Measure, ...] = ("images_per_s",)
PARETO = list(ParetoRow.__annotations__)
TEXTS = (
    "metric", "measure", "experiment", "on_front", "dominated_by", "against", "is_shown", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The front of some points: their places from the cheapest on, and of each other one who dominates it."""

    members: tuple[int, ...]
    dominated_by: dict[int, int]


def pareto_front(expense: np.ndarray, goodness: np.ndarray) -> Front:
    """Find the points that no other one dominates.

    Args:
        expense: what each costs, finite, less being cheaper, float [N].
        goodness: how well each scores, finite, more being better, float [N].
    """
    members: list[int] = []
    dominated_by: dict[int, int] = {}
    # Of equal costs the best comes first, so that whoever adds nothing has its better one before it.
    for place in np.lexsort((np.arange(len(expense)), -goodness, expense)).tolist():
        last = members[-1] if members else None
        is_equal = last is not None and (expense[last], goodness[last]) == (expense[place], goodness[place])
        if last is None or goodness[place] > goodness[last] or is_equal:
            members.append(place)
        else:
            # The first of equals, whatever their number.
            dominated_by[place] = next(each for each in members if goodness[each] == goodness[last])
    return Front(tuple(members), dominated_by)


def pareto_table(costs: Sequence[ExperimentCost], comparable: EveryPair) -> pd.DataFrame:
    """Return pareto.csv: a row for each kind of cost and experiment, in the order of the study."""
    rows = [row for measure in MEASURES for row in _of_measure(measure, costs, comparable)]
    frame = pd.DataFrame(rows, columns=PARETO)
    return frame.astype({name: float for name in PARETO if name not in TEXTS})


def amount(cost: ExperimentCost, measure: Measure) -> float:
    """Return what an experiment costs by a measure, in its unit; NaN where nobody knows."""
    return float(getattr(cost, measure))


def measured_on(cost: ExperimentCost, measure: Measure) -> str:
    """Return the device that an amount hangs on; empty of what is counted."""
    return {"images_per_s": cost.measured_on, "hours": cost.device}.get(measure, "")


def is_known(cost: ExperimentCost, measure: Measure) -> bool:
    """Tell whether an amount can stand beside others: hours of a processor and of a GPU have no sum."""
    found = amount(cost, measure)
    is_one = measure != "hours" or is_one_device([cost.device])
    return math.isfinite(found) and found > 0.0 and is_one


def _of_measure(measure: Measure, costs: Sequence[ExperimentCost], comparable: EveryPair) -> list[ParetoRow]:
    known = [each for each in costs if is_known(each, measure)]
    if not known:
        return []
    place_of = {name: place for place, name in enumerate(comparable.names)}
    usual = _usual_place([each for each in known if each.experiment in place_of] or known, measure)
    reasons = {each.experiment: _why_not(each, measure, comparable, usual=usual) for each in costs}
    entered = [each for each in costs if not reasons[each.experiment]]
    expense = np.array([amount(each, measure) for each in entered])
    goodness = comparable.goodness[[place_of[each.experiment] for each in entered]]
    front = pareto_front(-expense if measure in MORE_IS_CHEAPER else expense, goodness)
    found: dict[str, ParetoRow] = {}
    for place, each in enumerate(entered):
        row = _row(comparable.metric, measure, each)
        row["on_front"] = "yes" if place in front.members else "no"
        if place in front.dominated_by:
            row["dominated_by"] = entered[front.dominated_by[place]].experiment
        found[each.experiment] = row
    cheaper: int | None = None
    for before, place in zip(front.members, front.members[1:], strict=False):
        # Equals have the same cheaper neighbour.
        cheaper = before if goodness[before] < goodness[place] else cheaper
        if cheaper is not None:
            names = (entered[place].experiment, entered[cheaper].experiment)
            _add_gain(found[names[0]], comparable, *(place_of[name] for name in names))
    for each in costs:
        if reason := reasons[each.experiment]:
            found[each.experiment] = _row(comparable.metric, measure, each, reason)
    return [found[each.experiment] for each in costs]


def _row(metric: str, measure: Measure, cost: ExperimentCost, reason: str = "") -> ParetoRow:
    return {
        "metric": metric,
        "measure": measure,
        "experiment": cost.experiment,
        "cost": amount(cost, measure),
        "mean": cost.mean,
        "on_front": "",
        "dominated_by": "",
        "against": "",
        "is_shown": "",
        "reason": reason,
    }


def _usual_place(costs: Sequence[ExperimentCost], measure: Measure) -> str:
    """The device that most amounts hang on; of equally many the one that comes first."""
    return Counter(measured_on(each, measure) for each in costs).most_common(1)[0][0]


def _why_not(cost: ExperimentCost, measure: Measure, comparable: EveryPair, *, usual: str) -> str:
    """Say why an experiment has no place on or off the front; empty where it has one."""
    if (reason := comparable.left_out.get(cost.experiment)) is not None:
        return reason
    if not is_known(cost, measure):
        return "not known, or on several kinds of device" if measure == "hours" else "not known"
    place = measured_on(cost, measure)
    return f"measured on {place}, most on {usual}" if place != usual else ""


def _add_gain(row: ParetoRow, comparable: EveryPair, place: int, cheaper: int) -> None:
    """Put down what a member of the front gains over the next cheaper one."""
    sign = -1.0 if comparable.is_lower else 1.0
    bounds = sign * comparable.low[place, cheaper], sign * comparable.high[place, cheaper]
    row["against"] = comparable.names[cheaper]
    row["gain"] = sign * float(comparable.difference[place, cheaper])
    row["ci_low"], row["ci_high"] = float(min(bounds)), float(max(bounds))
    row["p_value"] = float(comparable.p_value[place, cheaper])
    row["p_holm"] = float(comparable.p_holm[place, cheaper])
    row["is_shown"] = "yes" if comparable.is_better[place, cheaper] else "no"
