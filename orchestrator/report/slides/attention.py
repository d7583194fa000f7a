"""Slide of what the models look at: maps over images of one experiment, by outcome."""

from collections.abc import Iterator

import pandas as pd

from orchestrator.report.material import Material
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import Slide, SlidePicture, page_of, points_of
from orchestrator.store.explanation_files import OUTCOMES, Explanations, read_explanations
from orchestrator.wording.explained_text import (
    explained_image_text,
    explained_sentences,
    not_explained_sentence,
)

TITLE = "What the models look at"
PER_OUTCOME = 2


def attention_slide(material: DeckMaterial) -> Slide:
    """Show maps of the last phase that was explained, or say how they are made."""
    for phase in reversed(material.phases):
        found = read_explanations(material.store, phase.study.phase.name)
        if found is not None and found.experiments:
            return _explained(phase, found)
    said = not_explained_sentence(material.last.study.phase.name)
    return Slide("attention", TITLE, points_of([said]))


def _explained(phase: Material, found: Explanations) -> Slide:
    chosen = None if phase.decision is None else phase.decision.chosen
    name = chosen if chosen in found.experiments else found.experiments[0]
    pictures = tuple(_pictures(found, name))
    return Slide(
        "attention",
        f"{TITLE}: {name}",
        points_of(explained_sentences(found, name)),
        pictures=pictures,
        more=page_of(phase.study.phase.name, "attention"),
    )


def _pictures(found: Explanations, experiment: str) -> Iterator[SlidePicture]:
    """Yield pictures of each outcome, the first whose files are there, of different sources if possible."""
    rows = found.numbers[found.numbers["experiment"] == experiment]
    for outcome in OUTCOMES:
        mine = rows[rows["outcome"] == outcome]
        ordered = pd.concat([mine.drop_duplicates("source"), mine]).drop_duplicates("path")
        taken = 0
        for row in ordered.to_dict("records"):
            path = found.folder / str(row["overlay"])
            if taken < PER_OUTCOME and row["overlay"] and path.is_file():
                taken += 1
                said = explained_image_text(outcome, str(row["source"]), float(row["score"]))
                yield SlidePicture(path.read_bytes(), said)
