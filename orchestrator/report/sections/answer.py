"""Section of the answers, which opens the page: the decision, and a card for each question."""

from orchestrator.decisions.decision import moved_since
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Group, Heading, Items, Section, Span, link, note, prose
from orchestrator.wording.answers import ComparisonAnswer, answer_questions, num_questions, tally
from orchestrator.wording.caveats import caveat_sentences
from orchestrator.wording.decision_text import decision_lines
from orchestrator.wording.final_text import opened_sentence
from orchestrator.wording.lead import choice_sentence
from orchestrator.wording.winner_text import winner_line


def answer_section(material: Material) -> Section:
    """Say what was asked, and what the answers are."""
    tables = material.tables
    answers, asked = answer_questions(tables), num_questions(tables)
    has_decision = material.decision is not None or material.study.phase.decision is not None
    blocks: list[Block | None] = [
        prose(said) if (said := tally(tables)) else None,
        _decision(material) if answers or has_decision else None,
        _caveats(material),
        *map(_card, answers),
    ]
    if not answers:
        lacking = "" if has_decision else " and no decision"
        blocks.append(
            prose(
                f"This phase declares no comparison{lacking}: the sentence above and the scores below are "
                "all that was asked for."
            )
        )
    if asked > len(answers):
        first = f"The first {len(answers)} of {asked} questions; the others are in the "
        blocks.append(note(first, link("#comparison", "table of comparisons"), "."))
    return Section.of("answer", "Answer", blocks)


def _decision(material: Material) -> Group:
    record, tables = material.decision, material.tables
    moved, now = moved_since(record, material.store, tables) if record is not None else ((), "")
    lines = decision_lines(record, material.study.phase.decision, moved, now)
    choice = "" if record is None else choice_sentence(tables, record)
    first, *others = (choice, *lines) if choice else lines
    if material.final is not None and (opened := opened_sentence(material.final)):
        others.append(opened)
    winner = "" if record is None else winner_line(record)
    said = [prose(line, tone="says") for line in (first, winner) if line]
    return Group("card decision", (Heading("Decision"), *said, *map(prose, others)))


def _caveats(material: Material) -> Group | None:
    """Say what a reader has to weigh before the scores, where there is something."""
    sentences = caveat_sentences(material.tables, material.decision)
    if not sentences:
        return None
    return Group("card", (Heading("What weakens these answers"), Items(tuple((line,) for line in sentences))))


def _card(answer: ComparisonAnswer) -> Group:
    blocks: list[Block] = [
        Heading(answer.question),
        prose(Span(answer.verdict, "mark"), tone=f"badge {answer.verdict}"),
        prose(answer.sentence, tone="says"),
        *map(prose, answer.details),
    ]
    if answer.others:
        blocks.append(Items(tuple((line,) for line in answer.others)))
    return Group("card", tuple(blocks))
