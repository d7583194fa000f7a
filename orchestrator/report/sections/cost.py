"""Section of the costs: parameters, FLOPs, speed and hours beside scores, and their Pareto fronts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.analysis.pareto import MEASURES, MORE_IS_CHEAPER, Measure, amount
from orchestrator.report.drawing.cost import NOT_SHOWN, OFF, SHOWN, draw_cost
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Details, Figure, Panel, Section, Table, figure, note, prose
from orchestrator.report.shown import MOST_LISTED
from orchestrator.store.price_record import PriceRecord
from orchestrator.wording.captions import cost_caption
from orchestrator.wording.front_text import MEASURE_NAMES, cost_gaps, front_rows, front_sentences
from orchestrator.wording.numbers import (
    DASH,
    between,
    capital,
    integer,
    metric_name,
    number,
    operations,
    p_value,
)
from orchestrator.wording.price_text import money, money_note

# Counted of the model; the others hang on the machine, and are compared on one device alone.
COUNTED: tuple[Measure, ...] = ("parameters", "flops")
SHORT_NAMES: dict[Measure, str] = {
    "parameters": "parameters", "flops": "FLOPs", "images_per_s": "images/s", "hours": "hours",
}  # fmt: skip
SLUGS: dict[Measure, str] = {
    "parameters": "parameters", "flops": "flops", "images_per_s": "speed", "hours": "hours",
}  # fmt: skip
# Members of a front that are drawn beside the experiments that every figure shows.
MOST_MEMBERS = 8

_NOTE = (
    "On the front of a cost is whoever no other comparable experiment beats at the same cost or less. An "
    "advantage over the next cheaper one there is tested, paired by fold; p is Holm-corrected over all "
    "pairs, and “not shown” is not “no advantage”. FLOPs are the operations of one forward pass of one image "
    "in convolutions, matrix products and attention, a multiplication and an addition being two; with the "
    "parameters they say what is cheaper. Images/s is the training speed in one measurement, and hours are "
    "what all trials took: of one GPU, or on a CPU hours × threads. Both hang on the machine and decide "
    "nothing."
)


def cost_section(material: Material) -> Section:
    """Show what each experiment cost."""
    tables, bounds = material.tables, material.bounds
    listed = [each for each in material.costs if each.experiment in bounds.listed.names]
    notes = (_NOTE, money_note(tables.study.price).strip(), cost_gaps(tables.pareto), bounds.listed.note)
    drawn = cost_figure(material.costs, tables, bounds.lines.names, bounds.lines.note)
    fronts = [prose(sentence) for sentence in front_sentences(tables.pareto)]
    fronts_by_name, price = fronts_of(tables.pareto), tables.study.price
    table = Table(cost_grid(listed, tables.headline, fronts_by_name, price), "costs")
    steps = fronts_grid(tables.pareto)
    folded = None if steps is None else Details(("The fronts, step by step",), (Table(steps, "fronts"),))
    return Section.of("cost", "Cost", [*fronts, drawn, table, folded, note(" ".join(filter(None, notes)))])


def fronts_grid(pareto: pd.DataFrame) -> Grid | None:
    """Typeset the members of each front, the cheapest first, and what each adds; None without a front."""
    rows: list[list[GridCell | str]] = [
        [
            MEASURE_NAMES[measure],
            str(row["experiment"]),
            _written(measure, row["cost"]),
            number(row["mean"]),
            str(row["against"]) or DASH,
            _gain(row),
            DASH if row["p_holm"] != row["p_holm"] else p_value(row["p_holm"]),
            str(row["is_shown"]) or DASH,
        ]
        for measure in MEASURES
        for row in front_rows(pareto, measure).head(MOST_LISTED).to_dict("records")
    ]
    heads = ["Cost", "Experiment", "Amount", "Score", "Over the next cheaper", "Gain", "p", "Shown"]
    return grid("Fronts", heads, rows, 2) if rows else None


def _gain(row: Mapping[Any, Any]) -> GridCell:
    bounds = between(row["ci_low"], row["ci_high"], sign=True)
    return GridCell(number(row["gain"], sign=True), "" if bounds == DASH else bounds)


def fronts_of(pareto: pd.DataFrame) -> dict[str, str]:
    """Name the costs on whose front each experiment is, by the experiment's name."""
    found: dict[str, list[str]] = {}
    for measure in MEASURES:
        for name in front_rows(pareto, measure)["experiment"] if len(pareto) else ():
            found.setdefault(str(name), []).append(SHORT_NAMES[measure])
    return {name: ", ".join(each) for name, each in found.items()}


def cost_grid(
    costs: Sequence[ExperimentCost],
    metric: str,
    fronts: Mapping[str, str],
    price: PriceRecord | None = None,
) -> Grid:
    """Typeset what each experiment cost beside its score by `metric`, and on which fronts it is.

    Where there is a price, in money too.
    """
    rows: list[list[GridCell | str]] = []
    for each in costs:
        rows.append(
            [
                str(each.number),
                each.experiment,
                _written("parameters", each.parameters),
                _written("flops", each.flops),
                _speed(each),
                _written("hours", each.hours),
                *([] if price is None else [_money(each.money, price)]),
                each.device or DASH,
                number(each.mean),
                fronts.get(each.experiment, DASH),
            ]
        )
    heads = [
        "#",
        "Experiment",
        "Parameters",
        "FLOPs per image",
        "Images/s",
        "Hours in all",
        *([] if price is None else ["Money in all"]),
        "Device",
        capital(metric_name(metric)),
        "On the front of",
    ]
    return grid("Costs", heads, rows, 2)


def _speed(cost: ExperimentCost) -> GridCell:
    is_known = cost.images_per_s == cost.images_per_s
    return GridCell(_written("images_per_s", cost.images_per_s), cost.measured_on if is_known else "")


def _written(measure: Measure, value: float) -> str:
    """Write an amount in its unit; a dash where it is not known."""
    if value != value:
        return DASH
    if measure == "hours":
        return "< 0.01" if value < 0.01 else f"{value:,.2f}"
    return operations(int(value)) if measure == "flops" else integer(round(value))


def _money(amount: float, price: PriceRecord) -> str:
    return money(amount, price.currency) if amount == amount else DASH


def cost_figure(
    costs: Sequence[ExperimentCost], tables: Tables, names: Sequence[str], shown: str
) -> Figure | None:
    """Draw the score over each cost of `names` and of the fronts' members; `shown` says why these."""
    metric = tables.headline
    panels = [
        panel
        for measure in MEASURES
        if (panel := _panel(measure, costs, tables.pareto, names, metric_name(metric))) is not None
    ]
    has_interval = any(each.ci_low == each.ci_low for each in costs if each.experiment in names)
    caption = cost_caption(costs, metric, has_interval=has_interval, has_front=len(tables.pareto) > 0)
    return figure(panels, (caption + shown).strip())


def _panel(
    measure: Measure, costs: Sequence[ExperimentCost], pareto: pd.DataFrame, names: Sequence[str], metric: str
) -> Panel | None:
    """Draw one cost; None where nobody with a mean has it, or amounts of several devices are all there is."""
    front = front_rows(pareto, measure)
    kinds = {
        str(row["experiment"]): NOT_SHOWN if row["is_shown"] == "no" else SHOWN
        for row in front.to_dict("records")
    }
    drawn = {*names, *list(kinds)[:MOST_MEMBERS]}
    if measure not in COUNTED:
        placed = (
            pareto[(pareto["measure"] == measure) & (pareto["on_front"] != "")] if len(pareto) else pareto
        )
        drawn &= set(placed["experiment"]) if len(placed) else set()
    chosen = [
        each
        for each in costs
        if each.experiment in drawn and each.mean == each.mean and amount(each, measure) > 0.0
    ]
    if not chosen:
        return None
    # Nothing else, so that other hours leave the other pictures as they are.
    points = pd.DataFrame(
        {
            "experiment": [each.experiment for each in chosen],
            "number": [each.number for each in chosen],
            "cost": [amount(each, measure) for each in chosen],
            "mean": [each.mean for each in chosen],
            "ci_low": [each.ci_low for each in chosen],
            "ci_high": [each.ci_high for each in chosen],
            "front": [kinds.get(each.experiment, OFF) for each in chosen],
        }
    )
    called = MEASURE_NAMES[measure]
    picture = draw_cost(points, cost=called, metric=metric, is_rising=measure in MORE_IS_CHEAPER)
    said = "; ".join(
        f"{each.number} = {each.experiment}: {_written(measure, amount(each, measure))}, {number(each.mean)}"
        f"{', on the front' if each.experiment in kinds else ''}"
        for each in chosen
    )
    return Panel(f"cost-{SLUGS[measure]}", picture, f"{capital(metric)} over {called}. {said}.")
