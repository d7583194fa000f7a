"""Slides on what was asked and of which data: the problem with its images, and the traps in them."""

from collections.abc import Iterator

from orchestrator.checks.shortcuts import CHECKS, FILE_FACTS, warnings
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Span
from orchestrator.report.sections.data import data_facts, source_grid
from orchestrator.report.shortcuts import shortcut_cell
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import Slide, asked_point, points_of
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import DASH, number
from orchestrator.wording.settings_text import reader_notes
from orchestrator.wording.study_text import missing_sentence, task_sentences
from orchestrator.wording.uneven_parts import uneven_sentences

MOST_PHASES, MOST_SOURCES, MOST_CHECKS, MOST_NOTES = 6, 6, 4, 5
FACTS = ("Images", "Grouped by", "Size", "Formats", "Identical files", "Kept out", "Faces")
# Those that say themselves what they are.
PLAIN_FACTS = ("Images", "Kept out")


def problem_slide(material: DeckMaterial) -> Slide:
    """Say what has to be told apart and what each phase asks, and show of which images."""
    data = material.data[-1]
    questions = [
        asked_point(f"{study.phase.title}:", study.phase.question or few_named(study.phase.experiments))
        for study in material.studies[:MOST_PHASES]
    ]
    more = len(material.studies) - len(questions)
    said = [f"{more} more phases are on pages of their own." if more > 0 else ""]
    others = [each.root for each in material.data[:-1]]
    said.append(f"Other phases ran on {few_named(others, 3)}." if others else "")
    facts = dict(data_facts(data))
    known = "; ".join(
        facts[name] if name in PLAIN_FACTS else f"{name.lower()} {facts[name]}"
        for name in FACTS
        if name in facts
    )
    sources = source_grid(data)
    cut = len(sources.rows) - MOST_SOURCES
    return Slide(
        "problem",
        "The problem, what was asked, and the images",
        (
            *points_of(task_sentences(data)),
            *questions,
            (Span("Images:", "strong"), f" {known}. Folder: ", Span(data.root, "verbatim")),
            *points_of([*said, missing_sentence(material.missing)]),
        ),
        grid=Grid(sources.label, sources.columns, sources.rows[:MOST_SOURCES], sources.num_text),
        note=f"{cut} more sources are in the section Data of the phase’s page." if cut > 0 else "",
    )


def traps_slide(material: DeckMaterial) -> Slide:
    """Show what could be learned instead of faces, and what was done about it."""
    said = [sentence for study in material.studies for sentence in warnings(study)]
    notes = [note for study in material.studies for note in reader_notes(study)]
    uneven = [
        sentence
        for study in material.studies
        for sentence in uneven_sentences(study.uneven, num_experiments=len(study.experiments))
    ]
    kept_apart = "Copies of an image, and images of one group, are kept on one side of every split."
    checked = (
        "Two models that never see a face are scored on the study’s own folds, one on facts of the files, "
        "one on trivial pixels (colours, an 8 × 8 thumbnail, a spectrum). What they reach, a detector has to "
        "beat."
    )
    table = checks_grid(material)
    if table is None:
        checked = "In these results nobody looked for shortcuts in the files."
    return Slide(
        "traps",
        "Traps in the data",
        points_of([kept_apart, checked, *said, *notes, *uneven], MOST_NOTES),
        grid=table,
        note="The strongest of each phase, AUC with its corrected 95 % interval. File facts above the limit, "
        "with an interval above chance, stop a run; trivial pixels are reported beside every score."
        if table is not None
        else "",
    )


def checks_grid(material: DeckMaterial) -> Grid | None:
    """Typeset what the models without a face reach, the strongest of each phase; None where none was made."""
    rows: dict[tuple[str, ...], list[GridCell | str]] = {}
    for study in material.studies:
        for check, name in CHECKS.items():
            if not study.shortcuts:
                continue
            strongest = max(study.shortcuts, key=lambda each: each.scores(check).mean or 0.0)
            is_gate = check == FILE_FACTS
            facts = ", ".join(f"{fact} {number(auc)}" for fact, auc in strongest.leaks[:2]) or DASH
            verdict = str(strongest.verdict) if is_gate else "reported"
            cell = shortcut_cell(strongest.scores(check))
            limit = f"{strongest.threshold:g}" if is_gate else DASH
            line: list[GridCell | str] = [
                study.phase.name,
                name,
                verdict,
                facts if is_gate else DASH,
                cell,
                limit,
            ]
            # Of phases on the same images, the first.
            rows.setdefault((name, verdict, facts, cell.text, cell.note), line)
    heads = ["Phase", "Learned from", "Verdict", "Strongest facts alone", "AUC", "Limit"]
    chosen = sorted(rows.values(), key=lambda row: row[1] != CHECKS[FILE_FACTS])[:MOST_CHECKS]
    return grid("Models that never see a face", heads, chosen, 4) if chosen else None


def opening_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield the slides that come first."""
    yield problem_slide(material)
    yield traps_slide(material)
