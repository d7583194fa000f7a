"""Section of the costs: parameters, FLOPs and speed of each experiment's model beside its score."""

from collections.abc import Sequence

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.report.drawing.cost import draw_cost
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Figure, Panel, Section, Table, figure, note
from orchestrator.store.price_record import PriceRecord
from orchestrator.wording.captions import cost_caption
from orchestrator.wording.numbers import DASH, capital, integer, metric_name, number, operations
from orchestrator.wording.price_text import money, money_note
from orchestrator.wording.verdict import headline


def cost_section(material: Material) -> Section:
    """Show what each experiment cost."""
    tables, bounds = material.tables, material.bounds
    listed = [each for each in material.costs if each.experiment in bounds.listed.names]
    said = note(
        "FLOPs are the operations of one forward pass of one image in convolutions, matrix products and "
        "attention, a multiplication and an addition being two; with the parameters they say what is "
        "cheaper. Images/s is the training speed in one measurement, and hours are what all trials took: of "
        "one GPU, or on a CPU hours × threads. Both hang on the machine and decide nothing. "
        f"{money_note(tables.study.price)}{bounds.listed.note}"
    )
    drawn = cost_figure(material.costs, tables, bounds.lines.names, bounds.lines.note)
    return Section.of(
        "cost", "Cost", [drawn, Table(cost_grid(listed, headline(tables), tables.study.price), "costs"), said]
    )


def cost_grid(costs: Sequence[ExperimentCost], metric: str, price: PriceRecord | None = None) -> Grid:
    """Typeset what each experiment cost beside its score by `metric`, in money where there is a price."""
    rows: list[list[GridCell | str]] = []
    for each in costs:
        rows.append(
            [
                str(each.number),
                each.experiment,
                integer(int(each.parameters)) if each.parameters == each.parameters else DASH,
                operations(int(each.flops)) if each.flops == each.flops else DASH,
                _speed(each),
                _hours(each.hours) if each.hours == each.hours else DASH,
                *([] if price is None else [_money(each.money, price)]),
                each.device or DASH,
                number(each.mean),
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
    ]
    return grid("Costs", heads, rows, 2)


def _speed(cost: ExperimentCost) -> GridCell | str:
    if cost.images_per_s != cost.images_per_s:
        return DASH
    return GridCell(integer(round(cost.images_per_s)), cost.measured_on)


def _money(amount: float, price: PriceRecord) -> str:
    return money(amount, price.currency) if amount == amount else DASH


def _hours(value: float) -> str:
    return "< 0.01" if value < 0.01 else f"{value:,.2f}"


def cost_figure(
    costs: Sequence[ExperimentCost], tables: Tables, names: Sequence[str], shown: str
) -> Figure | None:
    """Draw the score over parameters and over FLOPs of `names`; `shown` says why these."""
    metric = headline(tables)
    ready = pd.DataFrame([each for each in costs if each.mean == each.mean and each.experiment in names])
    if ready.empty:
        return None
    panels: list[Panel] = []
    for column, called in (("parameters", "parameters"), ("flops", "FLOPs per image")):
        rows = ready[ready[column].notna() & (ready[column] > 0)]
        if rows.empty:
            continue
        # Nothing else, so that other hours leave the picture as it is.
        points = rows[["number", "mean", "ci_low", "ci_high"]].assign(cost=rows[column].astype(float))
        drawn = draw_cost(points, cost=called, metric=metric_name(metric))
        said = "; ".join(
            f"{row['number']} = {row['experiment']}: {row[column]:,.0f}, {number(row['mean'])}"
            for row in rows.to_dict("records")
        )
        label = f"{capital(metric_name(metric))} over {called}. {said}."
        panels.append(Panel(f"cost-{column}", drawn, label))
    caption = cost_caption(costs, metric, has_interval=bool(ready["ci_low"].notna().any()))
    return figure(panels, (caption + shown).strip())
