"""Slides that close: what limits the results, and what would come next."""

from collections.abc import Iterator

from orchestrator.report.material import Material
from orchestrator.report.section import Text
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import MOST_POINTS, Slide, asked_point, points_of
from orchestrator.wording.answers import answer_questions
from orchestrator.wording.caveats import caveat_sentences, mixed_sentence
from orchestrator.wording.final_text import not_opened_sentence
from orchestrator.wording.gaps import gap_sentences
from orchestrator.wording.study_text import missing_sentence, preset_sentences, resuming_sentence

MOST_OPEN, MOST_TOGETHER, MOST_CAVEATS = 5, 3, 2


def closing_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield the last slides."""
    yield limits_slide(material)
    yield next_slide(material)


def limits_slide(material: DeckMaterial) -> Slide:
    """Say what weakens the results, in every phase."""
    points: list[Text] = [*points_of(preset_sentences(material.studies))]
    known: set[str] = set()
    for phase in reversed(material.phases):
        most = MOST_CAVEATS if phase is material.last else 1
        fresh = [each for each in _limits(phase) if each not in known][:most]
        known.update(fresh)
        if fresh:
            points.append(asked_point(f"{phase.study.phase.title}:", " ".join(fresh)))
    points = points[: MOST_POINTS - 1]
    if not any(each.final for each in material.phases):
        points += points_of([not_opened_sentence(material.last.study.phase.name)])
    return Slide(
        "limits",
        "Limits and caveats",
        tuple(points),
        note="All caveats of a phase stand in the section Answer of its page.",
    )


def _limits(phase: Material) -> Iterator[str]:
    yield from gap_sentences(phase.tables)[:1]
    yield from caveat_sentences(phase.tables, phase.decision)
    if mixed := mixed_sentence(phase.tables):
        yield mixed


def next_slide(material: DeckMaterial) -> Slide:
    """Say what is left open, and what it would take."""
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
    cut = sum(map(len, list(by_need.values())[MOST_OPEN:]))
    more = f"{cut} more undecided questions are on the phases’ pages." if cut > 0 else ""
    nothing = "" if points else "No question of these phases is left undecided."
    return Slide("next", "What next", (*points, *points_of([nothing])), note=more)


def _as_many(number: int) -> str:
    """Say how many questions there are beside those that are written out."""
    return f"And {number - MOST_TOGETHER} more. " if number > MOST_TOGETHER else ""
