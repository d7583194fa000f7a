"""Sentences on Pareto fronts: who is on the front of a cost, and which of its steps up are shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.analysis.pareto import MEASURES, MORE_IS_CHEAPER, Measure
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import DASH, metric_name, p_text, signed
from orchestrator.wording.ranking_text import interval_text

MEASURE_NAMES: dict[Measure, str] = {
    "parameters": "parameters",
    "flops": "FLOPs per image",
    "images_per_s": "images/s in training",
    "hours": "hours of all trials",
}
MOST_STEPS = 3


def front_rows(pareto: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Return the rows of pareto.csv of a measure that are on its front, the cheapest first."""
    if pareto.empty:
        return pareto
    rows: pd.DataFrame = pareto[(pareto["measure"] == measure) & (pareto["on_front"] == "yes")]
    return rows.sort_values("cost", ascending=measure != "images_per_s", kind="stable")


def front_sentences(pareto: pd.DataFrame) -> list[str]:
    """Say of each cost who is on its front, and whether what is dearer there is shown to score more.

    Nothing of a cost by which fewer than two experiments can be compared.
    """
    return [said for measure in MEASURES if (said := _front_sentence(pareto, measure))]


def cost_gaps(pareto: pd.DataFrame) -> str:
    """Say which costs nobody wrote down; empty where all are known."""
    known = set(pareto["measure"]) if len(pareto) else set()
    lacking = [MEASURE_NAMES[each] for each in MEASURES if each not in known]
    return f"Not known of any trial: {few_named(lacking)}." if lacking else ""


def _front_sentence(pareto: pd.DataFrame, measure: Measure) -> str:
    if pareto.empty:
        return ""
    placed = pareto[(pareto["measure"] == measure) & (pareto["on_front"] != "")]
    count = len(placed)
    if count < 2:
        return ""
    if placed["cost"].nunique() == 1:
        return f"By {MEASURE_NAMES[measure]}, all {count} cost the same."
    front, first = front_rows(pareto, measure), "fastest" if measure in MORE_IS_CHEAPER else "cheapest"
    names = [str(name) for name in front["experiment"]]
    said = f"By {MEASURE_NAMES[measure]}, {len(names)} of {count} "
    if len(names) == 1:
        return f"{said}is on the front: {names[0]} is the {first}, and none scores better."
    metric = metric_name(str(front["metric"].iloc[0]))
    return f"{said}are on the front, the {first} first: {few_named(names)}. {_steps(front, metric)}"


def _steps(front: pd.DataFrame, metric: str) -> str:
    """Say of what is dearer whether its advantage over the next cheaper one is shown."""
    steps = front[front["against"] != ""].to_dict("records")
    if not steps:
        return "They cost and score the same."
    shown = [_step(row, metric) for row in steps if row["is_shown"] == "yes"]
    open_ones = [f"{row['experiment']} over {row['against']}" for row in steps if row["is_shown"] != "yes"]
    said = f"Shown by a paired test: {few_named(shown, MOST_STEPS)}. " if shown else ""
    if not open_ones:
        return said.rstrip()
    return f"{said}Not shown: {few_named(open_ones, MOST_STEPS)}."


def _step(row: Mapping[Any, Any], metric: str) -> str:
    bounds = interval_text(row["ci_low"], row["ci_high"], sign=True)
    gain = f"{row['experiment']} over {row['against']} by {signed(row['gain'])} in {metric}{bounds}"
    return f"{gain}, Holm-corrected {p_text(row['p_holm'])}"


def times(factor: float) -> str:
    """Write how many times as much something takes; a dash where it is not known."""
    return DASH if factor != factor else f"× {factor:.3g}"


def factors_text(factors: Sequence[tuple[Measure, float]]) -> str:
    """Say how many times each cost is taken, those that are known."""
    return ", ".join(
        f"{times(each).removeprefix('× ')} times the {MEASURE_NAMES[measure]}"
        for measure, each in factors
        if each == each
    )
