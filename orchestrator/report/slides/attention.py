"""Slide of what the models look at: the answer of the page, and maps over images by outcome."""

from collections.abc import Iterator

from orchestrator.report.explained import ExplainedImages
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import Slide, SlidePicture, page_of, points_of
from orchestrator.store.explanation_files import OUTCOMES
from orchestrator.wording.attention_text import (
    attention_answer,
    picture_caption,
    pictures_sentence,
)

TITLE = "What the models look at"
MOST_SENTENCES = 3


def attention_slide(material: DeckMaterial) -> Slide | None:
    """Show maps of the last phase that was explained; None where none was."""
    phase = next((each for each in reversed(material.phases) if each.explained is not None), None)
    if phase is None or phase.explained is None:
        return None
    experiments = phase.explained.found.experiments
    chosen = None if phase.decision is None else phase.decision.chosen
    name = chosen if chosen in experiments else experiments[0]
    answer = attention_answer(phase.explained.attention).sentences[:MOST_SENTENCES]
    pictures = tuple(_pictures(phase.explained, name))
    return Slide(
        "attention",
        TITLE,
        points_of(answer),
        pictures=pictures,
        note=pictures_sentence(name) if pictures else "",
        more=page_of(phase.study.phase.name, "attention"),
    )


def _pictures(explained: ExplainedImages, experiment: str) -> Iterator[SlidePicture]:
    """Yield a picture of each outcome, the first whose file is there."""
    rows = explained.rows(experiment)
    for outcome in OUTCOMES:
        for row in rows[rows["outcome"] == outcome].to_dict("records"):
            path = explained.found.folder / str(row["overlay"])
            if path.is_file():
                said = picture_caption(outcome, str(row["source"]), float(row["score"]))
                yield SlidePicture(path.read_bytes(), said)
                break
