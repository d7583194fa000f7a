"""Slides on what came out: each phase with its decision, the scores of the last one, what is significant."""

from collections.abc import Iterator, Sequence

from orchestrator.analysis.collect import ALL
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Figure, Span, Text
from orchestrator.report.sections.comparison import comparison_grid, forest_figure
from orchestrator.report.sections.overview import hardest_sources
from orchestrator.report.sections.scores import fold_scores_figure
from orchestrator.report.shown import choose_shown
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import (
    Slide,
    asked_point,
    columns_of,
    fitting,
    page_of,
    points_of,
    without_reason,
)
from orchestrator.wording.answers import answer_questions, tally
from orchestrator.wording.decision_text import decision_lines, outcome_sentences
from orchestrator.wording.final_text import final_sentences
from orchestrator.wording.front_text import front_sentences
from orchestrator.wording.lead import choice_sentence
from orchestrator.wording.numbers import capital, metric_name
from orchestrator.wording.questions import phase_answers
from orchestrator.wording.verdict import verdict
from orchestrator.wording.winner_text import winner_line
from trainables.evaluation.metrics import LOWER_IS_BETTER

MOST_PHASES, MOST_ROWS, MOST_DRAWN, MOST_ANSWERS, MOST_COMPARED = 6, 7, 4, 3, 6
MOST_SOURCES, MOST_REASONS, MOST_FRONTS = 3, 4, 2
# A phase that answers more questions than the first number has a slide for up to the second.
FEW_QUESTIONS, MOST_QUESTIONS = 4, 6
# As many as have room beside the sources.
METRICS, MOST_COLUMNS = ("auc", "accuracy", "f1", "eer", "recall"), 6
# Of the columns of the table of comparisons.
FINDINGS = ("Finding", "Difference", "95 % interval", "p (Holm)", "Visible from", "Verdict")


def outcome_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield the slides on results and decisions of each phase, on scores and on significance."""
    fronts_of = most_networks(material.phases)
    for phase in material.phases[:MOST_PHASES]:
        yield phase_slide(phase, fronts=front_sentences(phase.tables.pareto) if phase is fronts_of else ())
        if (asked := questions_slide(phase)) is not None:
            yield asked
    if (performance := performance_slide(material.last)) is not None:
        yield performance
    yield significance_slide(material)
    for phase in material.phases:
        if phase.final is not None:
            points = points_of(final_sentences(phase.final))
            yield Slide(f"final-{phase.study.phase.name}", "Images that no fold holds", points)


def most_networks(phases: Sequence[Material]) -> Material | None:
    """Return the phase that compares most networks, of several the last; None where none compares two."""
    found, most = None, 1
    for phase in phases:
        number = len({each.recipe.backbone for each in phase.study.experiments})
        if number > 1 and number >= most:
            found, most = phase, number
    return found


def phase_slide(phase: Material, *, fronts: Sequence[str] = ()) -> Slide:
    """Show what a phase asked, decided and answers, and its fold scores or its differences.

    Args:
        phase: its material.
        fronts: what is said of size against performance here.
    """
    study, tables = phase.study, phase.tables
    answers = answer_questions(tables)
    is_sum = len(answers) > MOST_ANSWERS or not answers
    # Of many questions the sum of all.
    said = [verdict(tables)] if is_sum else [each.sentence for each in answers[:MOST_ANSWERS]]
    question: tuple[Text, ...] = ((Span(study.phase.question, "strong"),),) if study.phase.question else ()
    drawn = phase_figure(phase)
    return Slide(
        f"results-{study.phase.name}",
        study.phase.title,
        (*question, *_decided(phase), *points_of([*said, *fronts[:MOST_FRONTS]])),
        panel=None if drawn is None else fitting(drawn.panels),
        note="" if drawn is None else drawn.caption,
        more=page_of(study.phase.name),
    )


def _decided(phase: Material) -> Iterator[Text]:
    """What a phase decided, whether the test folds confirm it, and why it was decided so."""
    record, rule = phase.decision, phase.study.phase.decision
    if record is None:
        yield from points_of(decision_lines(record, rule) if rule is not None else ())
        return
    why = [*outcome_sentences(record)[:MOST_REASONS], winner_line(record)]
    said = " ".join(line.removeprefix(f"{record.phase}: ") for line in why if line)
    if not record.factors:
        yield from points_of([choice_sentence(phase.tables, record)])
    yield asked_point("Decided on inner validation scores:", said)


def phase_figure(phase: Material) -> Figure | None:
    """Draw the differences of a phase that asks several questions, else its fold scores."""
    if len(phase.tables.comparisons[["baseline", "treatment"]].drop_duplicates()) > 2:
        forest = forest_figure(phase.tables, most=MOST_DRAWN)
        if forest is not None and fitting(forest.panels) is not None:
            return forest
    shown = choose_shown(phase.tables, phase.decision, MOST_DRAWN)
    return fold_scores_figure(phase.tables, shown.names, shown.note)


def questions_slide(phase: Material) -> Slide | None:
    """Answer in a sentence each of the questions of a study of preprocessing; None where they are few."""
    answers = phase_answers(phase.tables.questions)
    if len(answers) <= FEW_QUESTIONS:
        return None
    points = tuple(asked_point(each.question, each.sentences[0]) for each in answers[:MOST_QUESTIONS])
    name = phase.study.phase.name
    return Slide(
        f"questions-{name}",
        f"{phase.study.phase.title}: questions",
        points,
        more=page_of(name, "questions"),
    )


def performance_slide(phase: Material) -> Slide | None:
    """Show the scores of the last phase, over all and on the hardest sources of fakes; None without any."""
    shown = choose_shown(phase.tables, phase.decision, MOST_ROWS)
    sources = hardest_sources(phase.summary)[:MOST_SOURCES]
    known = [metric for metric in METRICS if any(key[1:] == (metric, ALL) for key in phase.summary.rows)]
    if not known:
        return None
    present = known[: MOST_COLUMNS - len(sources)]
    heads = [capital(metric_name(metric)) + (" ↓" if metric in LOWER_IS_BETTER else "") for metric in present]
    columns = [*((metric, ALL) for metric in present), *(("auc", source) for source in sources)]
    rows = _score_rows(phase, shown.names, columns)
    of_sources = (
        " AUC on a source: its fakes against all real images; of many sources the hardest." if sources else ""
    )
    return Slide(
        "performance",
        f"Classification performance: {phase.study.phase.title}",
        points_of([shown.note]),
        grid=grid("Test scores", ["Experiment", *heads, *(f"AUC, {source}" for source in sources)], rows),
        note="Mean over the test folds ± standard deviation; below it the corrected 95 % interval. No mean "
        f"where folds are missing.{of_sources}",
        more=page_of(phase.study.phase.name, "scores"),
    )


def _score_rows(
    phase: Material, names: Sequence[str], columns: Sequence[tuple[str, str]]
) -> list[list[GridCell | str]]:
    """The scores of experiments, a row each, by metric and source."""
    expected = phase.expected(names)
    return [
        [
            name,
            *(
                without_reason(phase.summary.cell(name, metric, source, expected=expected[name]))
                for metric, source in columns
            ),
        ]
        for name in names
    ]


def significance_slide(material: DeckMaterial) -> Slide:
    """Show the declared comparisons: those that are decided first."""
    found = [_findings(phase) for phase in material.phases]
    every = [row for table in found if table is not None for row in table.rows]
    if not every:
        said = "No phase declares a comparison, so nothing was tested."
        return Slide("significance", "What is significant", points_of([said]))
    columns = next(table.columns for table in found if table is not None)
    ordered = sorted(every, key=lambda row: row[columns.index("Verdict")].text in ("undecided", "incomplete"))
    table = Grid("Comparisons", columns, tuple(ordered[:MOST_COMPARED]), 2)
    tallies = [
        asked_point(f"{phase.study.phase.title}:", said)
        for phase in material.phases[:MOST_PHASES]
        if (said := tally(phase.tables))
    ]
    cut = len(every) - len(table.rows)
    return Slide(
        "significance",
        "What is significant",
        tuple(tallies),
        grid=table,
        note="Treatment − baseline on the same test folds, first metric of each question. Visible from: the "
        "smallest difference that these folds could have shown. Undecided is not “no difference”."
        + (f" {cut} more are in the section Comparisons of the phases’ pages." if cut > 0 else ""),
    )


def _findings(phase: Material) -> Grid | None:
    rows = phase.tables.comparisons.drop_duplicates(["question", "baseline", "treatment"])
    if rows.empty:
        return None
    return columns_of(comparison_grid(phase.tables, rows, "Comparisons"), FINDINGS)
