"""Sentences about where settings come from, and about what was assumed or left out before a phase ran."""

import json
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from orchestrator.config.earlier_decisions import sentence
from orchestrator.config.undeclared import UndeclaredDifference
from orchestrator.store.records import DataRecord, FacesRecord, StudyRecord
from orchestrator.wording.numbers import integer

MOST_PAIRS = 6


def handed_over_sentences(study: StudyRecord) -> list[str]:
    """Say which settings come from decisions of earlier phases, one sentence per phase."""
    recipes = study.recipes()
    return [sentence(each, recipes) + "." for each in study.handed_over]


def reader_notes(study: StudyRecord) -> list[str]:
    """Say what a reader has to know beforehand: what was assumed, left out, or decided on other data."""
    recipes = study.recipes()
    assumed = [sentence(each, recipes) for each in study.handed_over if each.is_assumed]
    return [f"{note}." for note in (*assumed, *study.notes, *uncut_sentences(study))]


def uncut_sentences(study: StudyRecord) -> list[str]:
    """Say of each face crop that leaves most images as they are that it can gain nothing."""
    return [note for data in study.data for note in _crops_that_cut_nothing(data)]


def _crops_that_cut_nothing(data: DataRecord) -> Iterator[str]:
    """Say of each margin under which most faces fill their image: what a crop gains can't be seen there."""
    faces = data.faces
    if faces is None:
        return
    for each in faces.unchanged:
        if each.images > faces.with_face / 2:
            yield (
                f"With face_crop_margin {each.margin:g}, {integer(each.images)} of the "
                f"{integer(faces.with_face)} face crops of {data.root} are the picture that there is "
                "without a crop, so what a crop gains can't be seen there; a smaller margin cuts closer"
            )


def undeclared_sentences(differences: Sequence[UndeclaredDifference]) -> list[str]:
    """Say of each pair in what it differs that nobody declared, the first MOST_PAIRS of them one by one."""
    pairs: dict[tuple[str, str], list[UndeclaredDifference]] = {}
    for each in differences:
        pairs.setdefault((each.baseline, each.treatment), []).append(each)
    told = []
    for (baseline, treatment), found in pairs.items():
        keys = " and ".join(
            f"{each.key} ({_plain(each.treatment_value)} against {_plain(each.baseline_value)})"
            for each in found
        )
        told.append(
            f"{treatment} differs from {baseline} in {keys}, which the comparison does not declare; if it is "
            f'meant, add {", ".join(json.dumps(each.key) for each in found)} to its "differs" in phase.json'
        )
    if len(told) > MOST_PAIRS:
        told[MOST_PAIRS:] = [
            f"{len(told) - MOST_PAIRS} more comparisons have differences that they do not declare"
        ]
    return told


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def faces_sentence(faces: FacesRecord) -> str:
    """Say what the face crops found: how many images show a face, and what was done with the others."""
    without = len(faces.without_face)
    sources = ", ".join(
        f"{each.source} {integer(each.with_face)} of {integer(each.images)}" for each in faces.by_source
    )
    return (
        f"{integer(faces.with_face)} of {integer(faces.images)} images show one ({sources}); "
        f"{integer(without)} without are cut to their middle; {integer(faces.several)} show several, "
        f"of which the {' or '.join(faces.rules)} is taken"
    )
