"""Section of the questions: what a study of preprocessing asks, and the answers with their evidence."""

import math
from collections.abc import Sequence

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.contrasts import Contrast
from orchestrator.analysis.interactions import Interaction
from orchestrator.analysis.source_gains import ChoiceGain
from orchestrator.report.drawing.gains import draw_gains
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Figure,
    Group,
    Heading,
    Items,
    Panel,
    Section,
    Table,
    figure,
    link,
    note,
    prose,
)
from orchestrator.wording.attention_text import attention_answer
from orchestrator.wording.contrast_text import change_text, choice_text
from orchestrator.wording.numbers import DASH, between, metric_name, number, p_value, spread
from orchestrator.wording.questions import phase_answers

MOST_ROWS, MOST_PANELS, MOST_DRAWN = 30, 6, 12
GAINS_CAPTION = (
    "Gain in AUC of each source of fakes: mean over folds, and corrected 95 % interval. Which sources differ "
    "is said above: gains of two sources share folds, so that they may differ though their intervals overlap."
)
COLUMNS = (
    "Gain: treatment − baseline on the same test folds, averaged over the pairs of experiments fold by fold, "
    "positive is better; by source in the AUC of its fakes against all real images. Above the others: a "
    "source’s gain minus the mean gain of the other sources. Interaction: gain of the first choice with the "
    "second minus its gain without it. Intervals and p: corrected resampled t-test, with a standard error "
    "not below what other test images would change; Holm corrects over the choices, over the sources of a "
    "choice, and over the interactions. What is not shown may be there all the same."
)


def questions_section(material: Material) -> Section | None:
    """Answer the questions for which the phase has experiments; None where it has none."""
    tables = material.tables
    answers = phase_answers(tables.questions)
    if not answers:
        return None
    if material.explained is not None:
        answers = (*answers, attention_answer(material.explained.attention))
    cards = [
        Group(
            "card",
            (
                Heading(each.question),
                prose(each.sentences[0], tone="says"),
                *((Items(tuple((line,) for line in each.sentences[1:])),) if each.sentences[1:] else ()),
            ),
        )
        for each in answers
    ]
    blocks: list[Block | None] = [*cards, gains_figure(tables)]
    if (gains := gains_grid(tables.questions.gains)) is not None:
        blocks += [
            Heading("Gains by source"),
            Table(gains, "source_gains", "wide"),
            _all_of_them(len(gains.rows), _num_gains(tables.questions.gains), "source_gains"),
        ]
    if (crossed := interactions_grid(tables.questions.interactions)) is not None:
        blocks += [
            Heading("Interactions"),
            Table(crossed, "interactions", "wide"),
            _all_of_them(len(crossed.rows), len(tables.questions.interactions), "interactions"),
        ]
    if gains is not None or crossed is not None:
        blocks.append(note(COLUMNS))
    return Section.of("questions", "Questions", blocks)


def _all_of_them(shown: int, total: int, table: str) -> Block | None:
    if shown >= total:
        return None
    return note(f"The first {shown} of {total} rows; all of them: ", link(f"tables/{table}.csv"), ".")


def _num_gains(gains: Sequence[ChoiceGain]) -> int:
    return sum(1 + len(each.sources) for each in gains)


def gains_grid(gains: Sequence[ChoiceGain]) -> Grid | None:
    """Typeset the gain of each choice, over all test images and by source; None without a choice."""
    rows: list[list[GridCell | str]] = []
    for each in gains:
        what, metric = choice_text(each.choice), metric_name(each.choice.metric)
        rows.append(
            [what, GridCell("all", metric), *_gain_cells(each.before, each.after, each.gain), DASH, DASH]
        )
        for source in each.sources:
            above = source.above_others
            cells = _gain_cells(source.before, source.after, source.gain)
            rows.append([what, source.source, *cells, _mean_cell(above), p_value(above.p_holm)])
    heads = [
        "Choice", "Source", "Before", "After", "Gain", "95 % interval", "p (Holm)", "Above the others",
        "p (Holm) of that",
    ]  # fmt: skip
    return grid("Gains of choices by source", heads, rows[:MOST_ROWS], 2) if rows else None


def _gain_cells(before: float, after: float, gain: Contrast) -> list[GridCell | str]:
    interval = between(gain.low, gain.high, sign=True)
    return [number(before), number(after), _gain_cell(gain), interval, p_value(gain.p_holm)]


def _gain_cell(found: Contrast) -> GridCell:
    return GridCell(number(found.mean, sign=True), found.reason or spread(found.std))


def _mean_cell(found: Contrast) -> GridCell:
    return GridCell(number(found.mean, sign=True), found.reason or between(found.low, found.high, sign=True))


def interactions_grid(found: Sequence[Interaction]) -> Grid | None:
    """Typeset the interaction of each pair of choices; None where there is none."""
    rows: list[list[GridCell | str]] = [
        [
            change_text(each.first, *each.first_values),
            change_text(each.second, *each.second_values),
            _mean_cell(each.gain_without),
            _mean_cell(each.gain_with),
            _gain_cell(each.interaction),
            between(each.interaction.low, each.interaction.high, sign=True),
            p_value(each.interaction.p_value),
            p_value(each.interaction.p_holm),
            str(len(each.quartets)),
        ]
        for each in found[:MOST_ROWS]
    ]
    heads = [
        "First choice", "Second choice", "Gain of the first without", "with the second", "Interaction",
        "95 % interval", "p", "p (Holm)", "Quartets",
    ]  # fmt: skip
    return grid("Interactions of choices", heads, rows, 2) if rows else None


def gains_figure(tables: Tables) -> Figure | None:
    """Draw the gain of each source under each choice, of many choices the first; None without sources."""
    panels: list[Panel] = []
    for place, each in enumerate(tables.questions.gains, start=1):
        known = [source for source in each.sources if not math.isnan(source.gain.mean)][:MOST_DRAWN]
        if len(known) < 2 or len(panels) == MOST_PANELS:
            continue
        rows = pd.DataFrame(
            [(source.source, source.gain.mean, source.gain.low, source.gain.high) for source in known],
            columns=["source", "gain", "ci_low", "ci_high"],
        )
        about = choice_text(each.choice)
        said = "; ".join(f"{source.source} {number(source.gain.mean, sign=True)}" for source in known)
        label = f"Gain in AUC by source of fakes, {about}: {said}."
        panels.append(Panel(f"gains-{place:02d}", draw_gains(rows, about=about), label))
    return figure(panels, GAINS_CAPTION)
