"""Section of the costs: parameters and training time of each experiment beside its score."""

from collections.abc import Sequence

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.analysis.trial_scores import is_one_device
from orchestrator.report.drawing.cost import draw_cost
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Figure, Panel, Section, Table, figure, note
from orchestrator.wording.captions import cost_caption
from orchestrator.wording.numbers import DASH, capital, integer, metric_name, number, seconds
from orchestrator.wording.verdict import headline


def cost_section(material: Material) -> Section:
    """Show what each experiment cost."""
    tables, bounds = material.tables, material.bounds
    listed = [each for each in material.costs if each.experiment in bounds.listed.names]
    said = note(
        "Training time is that of a trial, mean over its folds: seconds of one GPU, or on a CPU seconds × "
        f"threads. Times on different devices can’t be compared. {bounds.listed.note}"
    )
    drawn = cost_figure(material.costs, tables, bounds.lines.names, bounds.lines.note)
    return Section.of("cost", "Cost", [drawn, Table(cost_grid(listed, headline(tables)), "costs"), said])


def cost_grid(costs: Sequence[ExperimentCost], metric: str) -> Grid:
    """Typeset what each experiment cost beside its score by `metric`."""
    rows: list[list[GridCell | str]] = []
    for each in costs:
        is_known = each.seconds == each.seconds
        rows.append(
            [
                str(each.number),
                each.experiment,
                integer(int(each.parameters)) if each.parameters == each.parameters else DASH,
                GridCell(seconds(each.seconds), each.unit if is_known else ""),
                _hours(each.hours) if is_known else DASH,
                each.device or DASH,
                number(each.mean),
            ]
        )
    heads = [
        "#",
        "Experiment",
        "Parameters",
        "Training per trial",
        "Hours in all",
        "Device",
        capital(metric_name(metric)),
    ]
    return grid("Costs", heads, rows, 2)


def _hours(value: float) -> str:
    return "< 0.01" if value < 0.01 else f"{value:,.2f}"


def cost_figure(
    costs: Sequence[ExperimentCost], tables: Tables, names: Sequence[str], shown: str
) -> Figure | None:
    """Draw the score over parameters and over training time of `names`; `shown` says why these."""
    metric = headline(tables)
    ready = pd.DataFrame([each for each in costs if each.mean == each.mean and each.experiment in names])
    if ready.empty:
        return None
    what = {"parameters": "parameters"}
    if is_one_device(ready["device"]):
        what["seconds"] = f"training {ready['unit'].iloc[0]} per trial"
    panels: list[Panel] = []
    for column, called in what.items():
        rows = ready[ready[column].notna() & (ready[column] > 0)]
        if rows.empty:
            continue
        # Nothing else, so that other times leave the picture over parameters as it is.
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
