"""Slide that closes: what limits the results, and what would come next."""

from collections.abc import Iterator

from orchestrator.analysis.source_matrix import why_no_matrix
from orchestrator.report.material import Material
from orchestrator.report.section import Text
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import Slide, asked_point, points_of
from orchestrator.wording.answers import answer_questions
from orchestrator.wording.attention_text import not_explained_sentence
from orchestrator.wording.caveats import caveat_sentences, mixed_sentence
from orchestrator.wording.final_text import not_opened_sentence
from orchestrator.wording.gaps import gap_sentences
from orchestrator.wording.source_matrix import NOTHING_HELD_OUT, WHY_NONE
from orchestrator.wording.study_text import missing_sentence, preset_sentences, resuming_sentence

MOST_OPEN, MOST_TOGETHER, MOST_CAVEATS, MOST_WEAK = 3, 2, 2, 3


def closing_slide(material: DeckMaterial) -> Slide:
    """Say what weakens the results in every phase, what is left open, and what it would take."""
    needs, cut = _needs(material)
    return Slide(
        "limits",
        "Limits, and what next",
        (*_weaknesses(material), *points_of(_unknown(material)), *needs),
        note="All caveats of a phase stand in the section Answer of its page."
        + (f" {cut} more undecided questions are on the phases’ pages." if cut > 0 else ""),
    )


def _weaknesses(material: DeckMaterial) -> Iterator[Text]:
    """The settings of a short training, the first caveats of each phase, and what was never opened."""
    yield from points_of(preset_sentences(material.studies))
    known: set[str] = set()
    told = 0
    for phase in reversed(material.phases):
        most = MOST_CAVEATS if phase is material.last else 1
        fresh = [each for each in _limits(phase) if each not in known][:most]
        known.update(fresh)
        if fresh and told < MOST_WEAK:
            told += 1
            yield asked_point(f"{phase.study.phase.title}:", " ".join(fresh))
    if not any(each.final for each in material.phases):
        yield from points_of([not_opened_sentence(material.last.study.phase.name)])


def _unknown(material: DeckMaterial) -> Iterator[str]:
    """What nobody looked at, so that there is no slide on it, and how it is done."""
    if all(each.explained is None for each in material.phases):
        yield not_explained_sentence(material.last.study.phase.name)
    if any(each.tables.matrices for each in material.phases):
        return
    reasons = {why_no_matrix(each.study, each.tables.experiments) for each in material.phases}
    if "nothing held out" in reasons:
        yield NOTHING_HELD_OUT
    else:
        yield from (WHY_NONE[reason] for reason in WHY_NONE if reason in reasons)


def _limits(phase: Material) -> Iterator[str]:
    yield from gap_sentences(phase.tables)[:1]
    yield from caveat_sentences(phase.tables, phase.decision)
    if mixed := mixed_sentence(phase.tables):
        yield mixed


def _needs(material: DeckMaterial) -> tuple[tuple[Text, ...], int]:
    """What would come next, and how many undecided questions are left out."""
    incomplete = [
        resuming_sentence(phase.study.phase.name) for phase in material.phases if not phase.tables.complete()
    ]
    undecided = [
        each for phase in reversed(material.phases) for each in answer_questions(phase.tables) if each.needed
    ]
    # Those that could be decided come first, and those for which the same is said stand together.
    undecided.sort(key=lambda each: each.repeats_needed is None)
    by_need: dict[str, list[str]] = {}
    for each in undecided:
        by_need.setdefault(each.needed, []).append(each.question)
    open_questions = [
        asked_point(" ".join(asked[:MOST_TOGETHER]), f"{_as_many(len(asked))}{needed}")
        for needed, asked in by_need.items()
    ]
    points = (
        *points_of([*incomplete, missing_sentence(material.missing)]),
        *open_questions[:MOST_OPEN],
    )
    nothing = "" if points else "No question of these phases is left undecided."
    return (*points, *points_of([nothing])), sum(map(len, list(by_need.values())[MOST_OPEN:]))


def _as_many(number: int) -> str:
    """Say how many questions there are beside those that are written out."""
    return f"And {number - MOST_TOGETHER} more. " if number > MOST_TOGETHER else ""
