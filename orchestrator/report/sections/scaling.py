"""Section of the learning curves: each model over the amount of data, and what more of it would give."""

from collections.abc import Sequence

import pandas as pd

from orchestrator.analysis.scaling import ModelScaling, Scaling
from orchestrator.report.drawing.picture import shorts
from orchestrator.report.drawing.scaling import draw_scaling
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Figure, Items, Panel, Section, Table, figure, link, note, prose
from orchestrator.report.shown import MOST_CURVES, MOST_LISTED
from orchestrator.wording.numbers import DASH, between, capital, metric_name, number
from orchestrator.wording.scaling import (
    crossing_sentence,
    doubling_p,
    images_text,
    law_note,
    model_sentence,
    scaling_caption,
    scaling_sentences,
)

# Pairs of models whose crossing is told; of all of them there is a table.
MOST_PAIRS = 15


def scaling_section(material: Material) -> Section | None:
    """Show what more data gives; None where no two experiments differ in the amount of data alone."""
    found = material.tables.curves
    if not found.models:
        return None
    has_law = any(model.curve is not None for model in found.models)
    crossings = tuple((crossing_sentence(each),) for each in found.crossings[:MOST_PAIRS])
    more = len(found.crossings) - len(crossings)
    blocks = [
        *map(prose, scaling_sentences(found)),
        scaling_figure(found),
        Table(sizes_grid(found), "scaling-sizes"),
        Table(laws_grid(found), "scaling-laws", "wide") if has_law else None,
        note(law_note(found.metric)) if has_law else None,
        Items(crossings) if crossings else None,
        note(f"{more} more pairs are in ", link("tables/scaling_crossings.csv"), ".") if more else None,
    ]
    return Section.of("scaling", "What more data gives", blocks, name="More data")


def sizes_grid(found: Scaling) -> Grid:
    """Typeset the measured sizes of each model."""
    rows: list[list[GridCell | str]] = []
    for place, model in enumerate(found.models[:MOST_LISTED], start=1):
        for each in model.sizes:
            bounds = between(each.low, each.high)
            images = images_text(each.images) if each.images == each.images else DASH
            mean = GridCell(number(each.mean), bounds if bounds != DASH else f"{each.folds} folds")
            rows.append(
                [str(place), model.name, each.experiment, f"{100 * each.subsample:g} %", images, mean]
            )
    heads = ["#", "Model", "Experiment", "Share", "Training images", capital(metric_name(found.metric))]
    return grid("Scores by amount of data", heads, rows, 3)


def laws_grid(found: Scaling) -> Grid:
    """Typeset the fitted laws, and what they predict at twice the data."""
    rows: list[list[GridCell | str]] = []
    for place, model in enumerate(found.models[:MOST_LISTED], start=1):
        tested = model.doubling
        doubling: GridCell | str = DASH
        if tested is not None:
            interval = tested.difference
            bounds = between(interval.low, interval.high, sign=True)
            said = f"{bounds}, {doubling_p(model)}" if bounds != DASH else ""
            doubling = GridCell(number(interval.mean, sign=True), said)
        rows.append([str(place), model.name, doubling, *_law_cells(model)])
    name = capital(metric_name(found.metric))
    heads = ["#", "Model", "Better per doubling", "a", "b", "c", f"{name} at twice the data", "Gain there"]
    return grid("Learning curves", heads, rows, 2)


def _law_cells(model: ModelScaling) -> Sequence[GridCell | str]:
    curve = model.curve
    if curve is None:
        return [DASH, DASH, DASH, GridCell(DASH, model.reason), DASH]
    predicted, gain = curve.predicted, curve.gain
    images = f" with {images_text(curve.images[-1])}"
    return [
        f"{curve.a:.3g}",
        f"{curve.b:.2f}",
        number(curve.c),
        GridCell(f"{number(predicted.value)}{images}", between(predicted.low, predicted.high)),
        GridCell(number(gain.value, sign=True), between(gain.low, gain.high, sign=True)),
    ]


def scaling_figure(found: Scaling) -> Figure | None:
    """Draw all models together, where there are several, and each of them with its band."""
    shown = [
        (place, model)
        for place, model in enumerate(found.models[:MOST_CURVES], start=1)
        if any(each.mean == each.mean for each in model.sizes)
    ]
    if not shown:
        return None
    metric, names = metric_name(found.metric), shorts([model.name for _, model in shown], 32)
    panels = []
    if len(shown) > 1:
        drawn = draw_scaling(_points(shown), _curves(shown), name="All models", metric=metric)
        said = "; ".join(f"{place} = {model.name}" for place, model in shown)
        panels.append(Panel("scaling-all", drawn, f"{capital(metric)} over training images. {said}."))
    for place, model in shown:
        title = f"{place}  {names[model.name]}" if len(shown) > 1 else names[model.name]
        one = [(place, model)]
        drawn = draw_scaling(_points(one), _curves(one), name=title, metric=metric)
        panels.append(
            Panel(f"scaling-{place:02d}-{slug(model.name)}", drawn, model_sentence(model, found.metric))
        )
    return figure(panels, scaling_caption(found, shown=len(shown)))


def _points(models: Sequence[tuple[int, ModelScaling]]) -> pd.DataFrame:
    rows = [
        (place, each.images, each.mean, each.low, each.high)
        for place, model in models
        for each in model.sizes
        if each.images == each.images
    ]
    return pd.DataFrame(rows, columns=["model", "images", "mean", "low", "high"])


def _curves(models: Sequence[tuple[int, ModelScaling]]) -> pd.DataFrame:
    rows = [
        (place, *row)
        for place, model in models
        if model.curve is not None
        for row in zip(
            model.curve.images, model.curve.scores, model.curve.lows, model.curve.highs, strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["model", "images", "score", "low", "high"])
