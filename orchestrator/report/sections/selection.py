"""Section of the selection: which models this phase was made for, by which rule, and on which scores."""

import contextlib
from collections.abc import Iterator

from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Section, Table, note, prose
from orchestrator.report.shown import MOST_LISTED
from orchestrator.store.decision_file import CandidateRecord, DecisionRecord, version_on_disk
from orchestrator.store.records import HandedOver
from orchestrator.wording.decision_text import selection_sentences
from orchestrator.wording.numbers import DASH, between, capital, integer, metric_name, number, operations
from trainables.errors import InputError


def selection_section(material: Material) -> Section | None:
    """Show what an earlier phase selected for this one; None where it stands on no selection."""
    blocks = [
        block
        for taken in material.study.handed_over
        if taken.selected
        for block in _selected(taken, material)
    ]
    return (
        Section.of("selection", "How these models were selected", blocks, name="Selection")
        if blocks
        else None
    )


def _selected(taken: HandedOver, material: Material) -> Iterator[Block]:
    record = None
    with contextlib.suppress(InputError):
        record = version_on_disk(material.store, taken.phase, taken.version)
    if record is None:
        yield prose(
            f"The {taken.origin} selected {', '.join(taken.selected)}. Its file is not in these results, so "
            "that the rule and the scores that it was taken on can’t be shown."
        )
        return
    yield from map(prose, selection_sentences(record))
    yield Table(selection_grid(record), f"selection-{taken.phase}")
    if len(record.evidence.candidates) > MOST_LISTED:
        yield note(f"The first {MOST_LISTED} of {len(record.evidence.candidates)} candidates.")


def selection_grid(record: DecisionRecord) -> Grid:
    """Typeset the candidates of a selection: those that were selected first, in their order."""
    by_name = {each.experiment: each for each in record.evidence.candidates}
    ordered = dict.fromkeys([*record.selected, *by_name])
    places = {place.chosen: place for place in record.places}
    rows: list[list[GridCell | str]] = []
    for number_of, name in enumerate([name for name in ordered if name in by_name][:MOST_LISTED], start=1):
        place = places.get(name)
        how = "not selected"
        if name in record.selected:
            how = "best mean" if place is None or not place.is_tie else f"tie of {len(place.ties)}, cheapest"
        first = str(number_of) if name in record.selected else DASH
        rows.append([first, name, how, *_numbers(by_name[name])])
    metric = capital(metric_name(record.evidence.metric))
    heads = [
        "Place",
        "Experiment",
        "Selected as",
        f"{metric} on validation rows",
        "FLOPs per image",
        "Parameters",
    ]
    return grid(f"Candidates of {record.phase}", heads, rows, 3)


def _numbers(found: CandidateRecord) -> list[GridCell | str]:
    score = found.validation
    bounds = "" if score.ci_low is None or score.ci_high is None else between(score.ci_low, score.ci_high)
    return [
        GridCell(number(score.mean), bounds),
        DASH if found.flops_per_image is None else operations(found.flops_per_image),
        DASH if found.parameters is None else integer(found.parameters),
    ]
