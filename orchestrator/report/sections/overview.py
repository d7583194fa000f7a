"""Section of all experiments at one place: bars by source, and one table of settings, scores and costs."""

import json
import math
from collections.abc import Mapping, Sequence

import pandas as pd
from pydantic import JsonValue

from orchestrator.analysis.collect import ALL, Tables, num_expected
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.overview import OverviewRow
from orchestrator.checks.shortcuts import CHANCE
from orchestrator.report.drawing.canvas import limits
from orchestrator.report.drawing.source_bars import draw_source_bars
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Details, Figure, Panel, Section, Table, figure, link, note
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.wording.numbers import (
    DASH,
    between,
    capital,
    decided_value_text,
    integer,
    metric_name,
    number,
    operations,
    p_value,
    value_text,
)
from trainables.evaluation.metrics import GAP, LOWER_IS_BETTER

INTERVAL = ("mean", "ci_low", "ci_high")
METRICS = ("auc", "accuracy", "f1", "eer")
MOST_SETTINGS, MOST_SOURCES, MOST_PANELS, MOST_UNFOLDED = 8, 6, 6, 16


def overview_section(material: Material) -> Section:
    """Show every experiment with its settings, its scores overall and by source, and what it costs."""
    tables, bounds = material.tables, material.bounds
    found = overview_grid(tables, material.summary, bounds.listed.names)
    table = Table(found, "overview", "wide")
    is_long = len(found.rows) > MOST_UNFOLDED
    settings = [key for key, _ in tables.overview_rows[0].settings]
    more = len(settings) - MOST_SETTINGS
    blocks: list[Block | None] = [
        source_bars_figure(tables, bounds.lines.names, bounds.lines.note),
        Details((f"All experiments in one table ({len(found.rows)} rows)",), (table,)) if is_long else table,
        note(
            f"{bounds.listed.note} " if bounds.listed.note else "",
            "Settings: those in which the experiments of this phase differ"
            f"{f', the first {MOST_SETTINGS}, and {more} more in the file' if more > 0 else ''}. Scores: "
            "mean over folds ± standard deviation, below it the interval as for the scores. Spread: standard "
            "deviation of the AUC over the sources of fakes, fold by fold. Difference: to the baseline of "
            "the first comparison that the phase declares for the experiment, with its interval; p is "
            "corrected by Holm over all that the phase declares. Every digit: ",
            link("tables/overview.csv"),
            ".",
        ),
    ]
    return Section.of("overview", "All experiments", blocks, name="Overview")


def overview_grid(tables: Tables, summary: SummaryCells, names: Sequence[str]) -> Grid:
    """Typeset settings that vary, headline scores, AUC by source, costs and the declared difference."""
    rows = [row for row in tables.overview_rows if row.experiment in names]
    expected = {each.name: num_expected(each) for each in tables.study.experiments}
    texts = _settings(rows)
    has_without = any(row.trained_without for row in rows)
    metrics = [metric for metric in METRICS if any(key[1] == metric for key in summary.rows)]
    sources = hardest_sources(summary)
    cells: list[list[GridCell | str]] = []
    for row in rows:
        name, wanted = row.experiment, expected[row.experiment]
        cells.append(
            [
                GridCell(name, "baseline" if row.is_baseline else ""),
                *(column[name] for column in texts.values()),
                *([", ".join(row.trained_without) or DASH] if has_without else []),
                *(summary.cell(name, metric, ALL, expected=wanted) for metric in metrics),
                *(summary.cell(name, "auc", source, expected=wanted) for source in sources),
                summary.cell(name, GAP, ALL, expected=wanted),
                _spread(row),
                DASH if row.parameters is None else integer(row.parameters),
                DASH if row.flops is None else operations(row.flops),
                *_difference(row),
            ]
        )
    heads = [capital(metric_name(metric)) + (" ↓" if metric in LOWER_IS_BETTER else "") for metric in metrics]
    columns = [
        "Experiment", *texts, *(["trained without"] if has_without else []), *heads,
        *(f"AUC {source}" for source in sources), "Loss gap ↓", "Spread ↓", "Parameters", "FLOPs per image",
        "Difference", "p (Holm)",
    ]  # fmt: skip
    return grid("All experiments", columns, cells, 1 + len(texts) + has_without)


def _settings(rows: Sequence[OverviewRow]) -> Mapping[str, Mapping[str, str]]:
    """Write the first settings that vary: key -> experiment -> text."""
    keys = [key for key, _ in rows[0].settings][:MOST_SETTINGS] if rows else []
    found = {}
    for place, key in enumerate(keys):
        values = {row.experiment: row.settings[place][1] for row in rows}
        objects = {json.dumps(value, sort_keys=True) for value in values.values() if isinstance(value, dict)}
        # One object is on where it is there; two have to be told apart.
        found[key] = {
            name: value_text(value) if isinstance(value, list) or len(objects) > 1 else _plain(value)
            for name, value in values.items()
        }
    return found


def _plain(value: JsonValue) -> str:
    return DASH if value is None else decided_value_text(value)


def hardest_sources(summary: SummaryCells) -> list[str]:
    """Name the sources that have an AUC, the hardest of many."""
    means: dict[str, list[float]] = {}
    for (_, metric, source), row in summary.rows.items():
        if metric == "auc" and source != ALL:
            means.setdefault(source, []).append(float(row["mean"]))
    known = {source: [value for value in values if value == value] for source, values in means.items()}
    hardest = sorted(known, key=lambda source: (sum(known[source]) / (len(known[source]) or 1), source))
    return sorted(hardest[:MOST_SOURCES])


def _spread(row: OverviewRow) -> GridCell | str:
    if row.spread is None or row.spread.deviation is None:
        return DASH
    found = row.spread.deviation
    return GridCell(number(found.mean), between(found.low, found.high))


def _difference(row: OverviewRow) -> tuple[GridCell | str, GridCell | str]:
    found = row.difference
    if found is None:
        return DASH, DASH
    by = "" if found.metric == "auc" else f"{metric_name(found.metric)} "
    against = f"{by}against {found.baseline}"
    if found.mean_diff != found.mean_diff:
        return GridCell(DASH, f"{against}: {found.verdict}", "muted"), DASH
    bounds = between(found.ci_low, found.ci_high, sign=True)
    said = against if bounds == DASH else f"{bounds}, {against}"
    return GridCell(number(found.mean_diff, sign=True), said), GridCell(p_value(found.p_holm), found.verdict)


def source_bars_figure(tables: Tables, names: Sequence[str], shown: str) -> Figure | None:
    """Draw the AUC of the experiments `names` on each source of fakes; `shown` says why these."""
    rows = tables.per_source
    aucs = rows[(rows["metric"] == "auc") & (rows["source"] != ALL) & rows["experiment"].isin(names)]
    known = aucs[aucs["mean"].notna()]
    if known.empty:
        return None
    by_source = known.groupby("source")["mean"].mean().sort_values(kind="stable")
    sources = sorted(by_source.index[:MOST_PANELS])
    about = {row.experiment: row for row in tables.overview_rows if row.experiment in names}
    drawn = aucs[aucs["source"].isin(sources)]
    ends = limits(pd.concat([drawn[name] for name in INTERVAL]).to_numpy(dtype=float))
    ends = (min(ends[0], CHANCE - 0.01), max(ends[1], CHANCE + 0.01))
    panels = []
    for place, source in enumerate(sources, start=1):
        frame = _bars(aucs[aucs["source"] == source], source, about, tables.experiments)
        picture = draw_source_bars(frame, source=source, ends=ends, chance=CHANCE)
        means = "; ".join(
            f"{name} {number(mean)}" for name, mean in zip(frame["experiment"], frame["mean"], strict=True)
        )
        # The place keeps files of sources apart whose names differ in what no file is called by.
        name = f"source-bars-{place:02d}-{slug(source)}"
        panels.append(Panel(name, picture, f"AUC on {source}: {means}."))
    caption = (
        "AUC of each source’s fakes against all real images, in the order of the study and on one scale. "
        "Bar: from chance (0.5) to the mean over folds; diamond with line: mean with its corrected 95 % "
        "interval. "
    )
    if any(row.is_baseline for row in about.values()):
        caption += "Darker: the baseline of a declared comparison. "
    if len(by_source) > len(sources):
        caption += f"The {len(sources)} hardest of {len(by_source)} sources. "
    return figure(panels, (caption + shown).strip())


def _bars(
    aucs: pd.DataFrame,
    source: str,
    about: Mapping[str, OverviewRow],
    experiments: Mapping[str, Gathered],
) -> pd.DataFrame:
    """Return what is drawn of a source: a row for each experiment, with what is to be said of it."""
    by_name = {str(row["experiment"]): row for row in aucs.to_dict("records")}
    lines = []
    for name, told in about.items():
        row, gathered = by_name.get(name), experiments[name]
        numbers = [math.nan if row is None else float(row[each]) for each in INTERVAL]
        num_folds = 0 if row is None else int(row["n"])
        said = [
            *(["baseline"] if told.is_baseline else []),
            *(["not trained on"] if source in told.trained_without else []),
        ]
        if num_folds == gathered.expected:
            said.append(number(numbers[0]))
        elif num_folds or not gathered.trials:
            said.append(f"{num_folds} of {gathered.expected} folds")
        else:
            said.append("not tested on")
        lines.append((name, *numbers, ", ".join(said), told.is_baseline))
    return pd.DataFrame(lines, columns=["experiment", *INTERVAL, "note", "is_baseline"])
