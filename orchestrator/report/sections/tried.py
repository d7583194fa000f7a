"""Section of the sweeps: what was tried on top of which experiment, score by number, and all settings."""

import json
from collections.abc import Iterator

import pandas as pd

from orchestrator.analysis.tried import FINISHED
from orchestrator.report.drawing.tried import draw_tried
from orchestrator.report.grid import Grid, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Figure, Heading, Panel, Section, Table, figure, note, prose
from orchestrator.report.shown import MOST_LISTED
from orchestrator.store.sweep_record import SweepRecord
from orchestrator.wording.numbers import between, capital, decided_value_text, metric_name, number
from orchestrator.wording.sweep_text import sweep_sentences
from orchestrator.wording.tried_text import tried_caption, tried_sentences
from trainables.evaluation.metrics import LOWER_IS_BETTER


def tried_section(material: Material) -> Section | None:
    """Show what the sweeps of a phase tried; None where it has none."""
    sweeps = material.study.sweeps
    if not sweeps:
        return None
    blocks: list[Block | None] = []
    for place, sweep in enumerate(sweeps, start=1):
        rows = material.tables.tried[material.tables.tried["sweep"] == place]
        blocks += _of_sweep(place, sweep, rows, several=len(sweeps) > 1)
    blocks.append(
        note(
            "Settings are told apart on deciding scores: those of the inner validation rows, cross-fitted "
            "between their halves. Test scores are not read. Settings that failed count as tried. The table "
            "tried.csv has every setting."
        )
    )
    return Section.of("tried", "Settings tried", blocks)


def _of_sweep(place: int, sweep: SweepRecord, rows: pd.DataFrame, *, several: bool) -> Iterator[Block | None]:
    if several:
        yield Heading(sweep.base, is_name=True)
    yield from map(prose, sweep_sentences([sweep]))
    if rows.empty:
        return
    yield from map(prose, tried_sentences(sweep, rows))
    yield tried_figure(place, sweep, rows)
    shown = _shown(rows)
    yield Table(tried_grid(sweep, shown), f"tried-{place}", has_links=False)
    if len(shown) < len(rows):
        yield note(f"Shown are the {len(shown)} best of {len(rows)} settings.")


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The settings of the table, in the order of their numbers: of many the best."""
    if len(rows) <= MOST_LISTED:
        return rows
    ascending = str(rows["metric"].iloc[0]) in LOWER_IS_BETTER
    best = rows.sort_values("mean", ascending=ascending, kind="stable", na_position="last")
    return best.head(MOST_LISTED).sort_values("number")


def tried_figure(place: int, sweep: SweepRecord, rows: pd.DataFrame) -> Figure | None:
    """Draw the scores of a sweep by number; None with fewer than two."""
    scored = rows[rows["state"] == FINISHED]
    if len(scored) < 2:
        return None
    metric = str(rows["metric"].iloc[0])
    drawn = draw_tried(
        rows[["number", "mean", "ci_low", "ci_high", "best_so_far"]].reset_index(drop=True),
        metric=metric_name(metric),
        name=f"{place} {sweep.base}",
    )
    best = scored["best_so_far"].iloc[-1]
    said = (
        f"{capital(metric_name(metric))} on validation rows of {len(scored)} settings by number, from "
        f"{number(scored['mean'].min())} to {number(scored['mean'].max())}; the best is {number(best)}."
    )
    caption = tried_caption(metric, num_shown=len(rows), num_scored=len(scored))
    return figure([Panel(f"tried-{place}", drawn, said)], caption)


def tried_grid(sweep: SweepRecord, rows: pd.DataFrame) -> Grid:
    """Typeset settings: a column for each key that is swept, then the score."""
    metric = metric_name(str(rows["metric"].iloc[0]))
    table = []
    for row in rows.to_dict("records"):
        values = json.loads(row["settings"])
        table.append(
            [
                str(row["number"]),
                *(_value(values.get(key)) for key in sweep.keys),
                f"{row['base']} as it is" if row["experiment"] == row["base"] else str(row["state"]),
                f"{row['n']} of {row['n_expected']}",
                number(row["mean"]),
                between(row["ci_low"], row["ci_high"]),
            ]
        )
    heads = ["#", *sweep.keys, "State", "Folds", f"Deciding {metric}", "95 % interval"]
    return grid("Settings tried", heads, table, 2 + len(sweep.keys))


def _value(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return f"{value:.6g}" if isinstance(value, float) else decided_value_text(value)
