"""Section of the sources: rates by source, and what is lost on sources that were not trained on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.analysis.collect import ALL, Tables, num_expected
from orchestrator.analysis.holdout import FLAGGED, STRONG, loss_grade
from orchestrator.report.drawing.heat_map import draw_heat_map
from orchestrator.report.drawing.held_out import draw_held_out
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Details,
    Figure,
    Heading,
    Panel,
    Section,
    Table,
    figure,
    link,
    note,
    prose,
)
from orchestrator.report.shown import bounded
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.statistics.chosen_pair import MIN_FOLDS
from orchestrator.wording.captions import held_out_caption, sources_caption
from orchestrator.wording.numbers import DASH, between, number, p_value, spread

RATES = {
    "detection_rate": "Detection rate",
    "false_alarm_rate": "False alarm rate ↓",
    "auc": "AUC against real",
}
MOST_UNFOLDED = 24
MOST_SOURCES = 12
MOST_LOSSES, LOSSES_OF_MANY = 12, 8


def sources_section(material: Material) -> Section:
    """Show how each experiment does on each source."""
    tables, lines = material.tables, material.bounds.lines
    blocks: list[Block | None] = [sources_figure(tables, lines.names, lines.note)]
    rates = sources_grid(tables, material.summary, lines.names)
    if rates is not None:
        table = Table(rates, "sources", "wide")
        is_long = len(rates.rows) > MOST_UNFOLDED
        blocks.append(Details((f"Rates by source ({len(rates.rows)} rows)",), (table,)) if is_long else table)
        if lines.note:
            blocks.append(note(f"{lines.note} All of them: ", link("tables/per_source.csv"), "."))
        blocks.append(
            note(
                "Mean over folds ± standard deviation, and interval as for the scores. Detection rate: share "
                "of a source’s fakes called fake. False alarm rate: share of a source’s real images called "
                "fake. AUC: a source’s fakes against all real images of the same test fold."
            )
        )
    elif material.has_several_classes:
        blocks.append(prose("Rates by source need two classes, real and fake; this data has more."))
    else:
        blocks.append(prose("No trial has finished yet."))
    if (losses := held_out_grid(tables)) is not None:
        blocks += [
            Heading("Sources that were not trained on"),
            held_out_figure(tables),
            Table(losses, "holdout", "wide"),
            note(
                "Delta: AUC on the sources trained on (in-source) − AUC on the held-out source, fold by "
                f"fold, against the same real images. A mean delta above {FLAGGED:.2f} is flagged, one above "
                f"{STRONG:.2f} is strong. That what the model learned belongs to the sources that it saw is "
                "shown where the whole interval lies above, which the answers to the questions go by."
            ),
        ]
    return Section.of("sources", "By source", blocks, name="Sources")


def sources_grid(tables: Tables, summary: SummaryCells, names: Sequence[str]) -> Grid | None:
    """Typeset the rates of every source; None with several classes, or before a trial has finished."""
    rows: list[list[GridCell | str]] = []
    worst = {
        (row["experiment"], row["source"])
        for row in tables.per_source.to_dict("records")
        if row["is_worst"] == "yes"
    }
    found: dict[str, list[str]] = {}
    for experiment, _, source in summary.rows:
        if source != ALL and source not in found.setdefault(experiment, []):
            found[experiment].append(source)
    records = {each.name: each for each in tables.study.experiments}
    for name in names:
        expected = num_expected(records[name])
        for source in sorted(found.get(name, [])):
            cells = [summary.cell(name, metric, source, expected=expected) for metric in RATES]
            mark = GridCell(source, "lowest AUC" if (name, source) in worst else "")
            rows.append([name, mark, *cells])
    heads = ["Experiment", "Source", *RATES.values()]
    return grid("Rates by source", heads, rows, 2) if rows else None


def held_out_grid(tables: Tables) -> Grid | None:
    """Typeset what each experiment loses on sources that it was not trained on; None where none is so."""
    rows: list[list[GridCell | str]] = []
    for row in tables.holdout.to_dict("records"):
        reason = row["reason"] if isinstance(row["reason"], str) else ""
        rows.append(
            [
                str(row["experiment"]),
                str(row["source"]),
                number(row["in_source"]),
                number(row["held_out"]),
                GridCell(number(row["delta"], sign=True), reason or spread(_known(row["std"]))),
                between(_known(row["ci_low"]), _known(row["ci_high"]), sign=True),
                p_value(_known(row["p_value"])),
                _flag(_known(row["delta"]), _known(row["ci_low"]), has_verdict=_has_verdict(tables, row)),
                f"{row['n']} of {row['n_expected']}",
            ]
        )
    heads = [
        "Experiment", "Held-out source", "AUC in-source", "AUC held out", "Delta", "95 % interval", "p",
        "Source-specific", "Folds",
    ]  # fmt: skip
    return grid("Held-out sources", heads, rows, 2) if rows else None


def _has_verdict(tables: Tables, row: Mapping[Any, Any]) -> bool:
    """Tell whether an experiment has enough folds for its interval to show a loss."""
    experiment = tables.experiments.get(row["experiment"])
    return experiment is None or experiment.folds >= MIN_FOLDS


def _flag(delta: float, low: float, *, has_verdict: bool) -> GridCell | str:
    """Grade a loss by its mean, and say beside it how much of that its interval shows."""
    grade, shown = loss_grade(delta), loss_grade(low) if has_verdict else None
    if grade is None:
        return DASH
    above = STRONG if grade == "strong" else FLAGGED
    said = f"above {above:g}: {'shown' if shown == grade else 'not shown'}"
    if shown is not None and shown != grade:
        said += f"; above {FLAGGED:g}: shown"
    return GridCell(grade, said, "badge worse" if shown else "badge undecided")


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)


def sources_figure(tables: Tables, names: Sequence[str], shown: str) -> Figure | None:
    """Draw the AUC of each experiment against each source; None with fewer than two that have one."""
    rows = tables.per_source
    if rows.empty:
        return None
    aucs = rows[(rows["metric"] == "auc") & (rows["source"] != ALL) & rows["experiment"].isin(names)]
    # Of one source it is the AUC that the scores have already.
    if aucs.loc[aucs["mean"].notna(), "source"].nunique() < 2:
        return None
    values = aucs.pivot_table(
        index="experiment", columns="source", values="mean", aggfunc="first", dropna=False
    )
    values = values.reindex([name for name in names if name in values.index])
    hardest = values.mean().sort_values(kind="stable").index
    kept = [source for source in values.columns if source in set(hardest[:MOST_SOURCES])]
    values = values[kept]
    said = [f"{name}: " + ", ".join(f"{source} {number(row[source])}" for source in kept)
            for name, row in values.iterrows()]  # fmt: skip
    panel = Panel("sources-auc", draw_heat_map(values), f"AUC by source. {'; '.join(said)}.")
    caption = sources_caption(values, num_sources=len(hardest), is_choice=bool(shown))
    return figure([panel], (caption + shown).strip())


def held_out_figure(tables: Tables) -> Figure | None:
    """Draw what is lost on held-out sources, of many the greatest losses; None where none is held out."""
    rows = tables.holdout
    known = rows[rows["delta"].notna()] if len(rows) else rows
    if known.empty:
        return None
    by_loss = known.sort_values("delta", ascending=False, kind="stable")
    most_lost = by_loss.index[: bounded(len(known), MOST_LOSSES, LOSSES_OF_MANY)]
    shown = known[known.index.isin(most_lost)]
    said = "; ".join(
        f"{row['experiment']} on {row['source']} {number(row['delta'], sign=True)}"
        for row in shown.to_dict("records")
    )
    panel = Panel("holdout", draw_held_out(shown), f"AUC lost on held-out sources: {said}.")
    return figure([panel], held_out_caption(by_loss, shown))
