"""Slides on what came out: each phase, the decisions, the scores of the last phase, what is significant."""

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
from orchestrator.wording.lead import choice_sentence
from orchestrator.wording.numbers import capital, metric_name
from orchestrator.wording.questions import phase_answers
from orchestrator.wording.verdict import verdict
from orchestrator.wording.winner_text import winner_line
from trainables.evaluation.metrics import LOWER_IS_BETTER

MOST_PHASES, MOST_ROWS, MOST_DRAWN, MOST_ANSWERS, MOST_COMPARED = 6, 7, 4, 3, 6
# A phase that answers more questions than the first number has a slide for up to the second.
FEW_QUESTIONS, MOST_QUESTIONS, QUESTIONS_BESIDE = 4, 6, 2
METRICS = ("auc", "accuracy", "recall", "f1", "eer")
# Of the columns of the table of comparisons.
FINDINGS = ("Finding", "Difference", "95 % interval", "p (Holm)", "Visible from", "Verdict")


def outcome_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield the slides on results, decisions and significance."""
    for phase in material.phases[:MOST_PHASES]:
        yield phase_slide(phase)
        if (asked := questions_slide(phase)) is not None:
            yield asked
    yield decisions_slide(material)
    yield performance_slide(material.last)
    if (by_source := by_source_slide(material.last)) is not None:
        yield by_source
    yield significance_slide(material)
    for phase in material.phases:
        if phase.final is not None:
            points = points_of(final_sentences(phase.final))
            yield Slide(f"final-{phase.study.phase.name}", "Images that no fold holds", points)


def phase_slide(phase: Material) -> Slide:
    """Show what a phase asked, what it answers, and its fold scores or its differences."""
    study, tables = phase.study, phase.tables
    answers = answer_questions(tables)
    choice = "" if phase.decision is None else choice_sentence(tables, phase.decision)
    is_sum = len(answers) > MOST_ANSWERS
    said = [choice, *(each.sentence for each in answers[:MOST_ANSWERS])]
    if is_sum or not answers:
        # Of many questions the sum of all.
        said = [choice, verdict(tables)]
    question: tuple[Text, ...] = ((Span(study.phase.question, "strong"),),) if study.phase.question else ()
    asked = phase_answers(tables.questions)
    beside = asked[:QUESTIONS_BESIDE] if is_sum and len(asked) <= FEW_QUESTIONS else ()
    drawn = phase_figure(phase)
    return Slide(
        f"results-{study.phase.name}",
        study.phase.title,
        (*question, *points_of(said), *(asked_point(each.question, each.sentences[0]) for each in beside)),
        panel=None if drawn is None else fitting(drawn.panels),
        note="" if drawn is None else drawn.caption,
        more=page_of(study.phase.name),
    )


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


def decisions_slide(material: DeckMaterial) -> Slide:
    """Say what each phase decided, and why."""
    points: list[Text] = []
    for phase in material.phases[:MOST_PHASES]:
        record, rule = phase.decision, phase.study.phase.decision
        lines = decision_lines(record, rule) if record is None else outcome_sentences(record)[:4]
        winner = "" if record is None else winner_line(record)
        said = [line.removeprefix(f"{phase.study.phase.name}: ") for line in (*lines, winner) if line]
        points.append(asked_point(f"{phase.study.phase.title}:", " ".join(said)))
    return Slide(
        "decisions",
        "What was decided, and why",
        tuple(points),
        note="Decisions read scores of the inner validation parts alone. Files: results/decisions/",
    )


def performance_slide(phase: Material) -> Slide:
    """Show the scores of the last phase’s experiments, of many the chosen and the best ones."""
    shown = choose_shown(phase.tables, phase.decision, MOST_ROWS)
    present = [metric for metric in METRICS if any(key[1:] == (metric, ALL) for key in phase.summary.rows)]
    heads = [capital(metric_name(metric)) + (" ↓" if metric in LOWER_IS_BETTER else "") for metric in present]
    rows = _score_rows(phase, shown.names, [(metric, ALL) for metric in present])
    return Slide(
        "performance",
        f"Classification performance: {phase.study.phase.title}",
        points_of([shown.note]),
        grid=grid("Test scores", ["Experiment", *heads], rows),
        note="Mean over the test folds ± standard deviation; below it the corrected 95 % interval. No mean "
        "where folds are missing.",
        more=page_of(phase.study.phase.name, "scores"),
    )


def by_source_slide(phase: Material) -> Slide | None:
    """Show the AUC on each source of fakes in the last phase; None where there is none."""
    sources = hardest_sources(phase.summary)[:5]
    if not sources:
        return None
    shown = choose_shown(phase.tables, phase.decision, MOST_ROWS)
    rows = _score_rows(phase, shown.names, [("auc", source) for source in sources])
    return Slide(
        "by-source",
        f"AUC by source of fakes: {phase.study.phase.title}",
        points_of([shown.note]),
        grid=grid("AUC by source", ["Experiment", *sources], rows),
        note="The fakes of a source against all real images, mean over folds ± standard deviation; below it "
        "the corrected 95 % interval. Of many sources the hardest.",
        more=page_of(phase.study.phase.name, "sources"),
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
