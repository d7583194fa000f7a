"""Contents of a phase's page: which sections it has, in their order, and what stands above them."""

from collections.abc import Callable, Iterator

from orchestrator.report.material import Material
from orchestrator.report.section import Callout, Section, link
from orchestrator.report.sections.answer import answer_section
from orchestrator.report.sections.attention import attention_section
from orchestrator.report.sections.calibration import calibration_section
from orchestrator.report.sections.comparison import comparison_section
from orchestrator.report.sections.confusion import confusion_section
from orchestrator.report.sections.cost import cost_section
from orchestrator.report.sections.data import data_section
from orchestrator.report.sections.final import final_section
from orchestrator.report.sections.gallery import gallery_section
from orchestrator.report.sections.gaps import gaps_section
from orchestrator.report.sections.learning import learning_section
from orchestrator.report.sections.overview import overview_section
from orchestrator.report.sections.questions import questions_section
from orchestrator.report.sections.race import race_section
from orchestrator.report.sections.ranking import ranking_section
from orchestrator.report.sections.roc import roc_section
from orchestrator.report.sections.runs import runs_section
from orchestrator.report.sections.scaling import scaling_section
from orchestrator.report.sections.scores import scores_section
from orchestrator.report.sections.selection import selection_section
from orchestrator.report.sections.source_matrix import source_matrix_section
from orchestrator.report.sections.sources import sources_section
from orchestrator.report.sections.tried import tried_section
from orchestrator.report.sections.winner import winner_section
from orchestrator.report.shortcuts import shortcut_callout
from orchestrator.store.folder import State
from orchestrator.wording.gaps import gap_sentences
from orchestrator.wording.numbers import when
from orchestrator.wording.settings_text import reader_notes

# Provenance comes last: it lists the files of all others.
SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    answer_section,
    questions_section,
    final_section,
    selection_section,
    comparison_section,
    overview_section,
    scores_section,
    scaling_section,
    sources_section,
    source_matrix_section,
    ranking_section,
    winner_section,
    tried_section,
    race_section,
    learning_section,
    roc_section,
    confusion_section,
    calibration_section,
    attention_section,
    gallery_section,
    cost_section,
    gaps_section,
    data_section,
    runs_section,
)


def phase_sections(material: Material) -> tuple[Section, ...]:
    """Make the sections that this phase has, all but the last."""
    found = (section(material) for section in SECTIONS)
    return tuple(each for each in found if each is not None)


def phase_facts(material: Material) -> str:
    """Say in a line what the page is about."""
    study, number = material.study, len(material.study.experiments)
    done = sum(each.state == State.DONE for each in material.trials)
    preset = f"preset {study.preset} · " if study.preset else ""
    return (
        f"{number} {'experiment' if number == 1 else 'experiments'} · {done} of {len(material.trials)} "
        f"trials finished · {preset}planned on {study.device} · {when(study.started)}"
    )


def phase_callouts(material: Material) -> Iterator[Callout]:
    """Yield what a reader has to know before the answers."""
    if (shortcut := shortcut_callout(material.study)) is not None:
        yield shortcut
    if notes := reader_notes(material.study):
        yield Callout("Before you read on", tuple((line,) for line in notes))
    if gaps := gap_sentences(material.tables):
        lines = tuple((line,) for line in gaps)
        yield Callout("Incomplete", (*lines, (link("#gaps", "Which, and why"),)))
