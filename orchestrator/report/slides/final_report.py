"""reports/final/: slides.pdf, the same as index.html, and self-evaluation.md, of all phases of a study.

The pages of phases and evaluations are written first where they are not up to date, since the slides lead to
them. The same results give the same bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.analysis.collect import collect
from orchestrator.analysis.evaluation_tables import EvaluationTables, evaluation_tables
from orchestrator.analysis.trial_facts import read_files
from orchestrator.report.evaluation_page import write_evaluation_report
from orchestrator.report.kept import keeping
from orchestrator.report.material import Material, read_material
from orchestrator.report.page import write_report
from orchestrator.report.places import evaluation_without_places, parts_without_paths
from orchestrator.report.rendering import render_page
from orchestrator.report.slides.deck_contents import make_deck
from orchestrator.report.slides.deck_material import DeckMaterial, asked_phases, missing_phases
from orchestrator.report.slides.self_evaluation import page_sections, self_evaluation
from orchestrator.report.slides.typesetting import deck_pdf
from orchestrator.report.slides.web import deck_document
from orchestrator.store.decision_file import in_force
from orchestrator.store.evaluation_files import evaluations, read_evaluation
from orchestrator.store.final_report_files import FINAL_REPORT, read_own_slides
from orchestrator.store.folder import Store
from trainables.files import replace_file


@dataclass(frozen=True, slots=True)
class FinalReport:
    """The files of the final report."""

    slides: Path
    page: Path
    self_evaluation: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.slides, self.page, self.self_evaluation


def write_final_report(store: Store, *, with_paths: bool = False) -> FinalReport:
    """Write the final report of a results folder, `with_paths` or without hosts, commands and paths.

    Raises:
        InputError: there is no phase to report on, or a file of it is damaged.
    """
    studies, own_text = asked_phases(store), read_own_slides(store)
    material = DeckMaterial(
        store,
        tuple(_phase_material(store, study.phase.name, with_paths=with_paths) for study in studies),
        missing_phases(studies),
        own_text,
        tuple(_evaluated(store, with_paths=with_paths)),
    )
    with keeping(store.cached("figures", FINAL_REPORT), below=store.root):
        deck = make_deck(material) if with_paths else parts_without_paths(make_deck(material))
    folder = store.report(FINAL_REPORT)
    written = FinalReport(folder / "slides.pdf", folder / "index.html", folder / "self-evaluation.md")
    html = render_page(deck_document(deck), styles=("style.css", "data.css"))
    _write(written.slides, deck_pdf(deck))
    _write(written.page, html.encode())
    # Twice, as it names itself among what is there.
    for _ in range(2):
        sheet = self_evaluation(store, _sections(material, html))
        _write(written.self_evaluation, sheet.encode())
    return written


def _sections(material: DeckMaterial, html: str) -> dict[str, frozenset[str]]:
    """Return the anchors of the pages of all phases, and of the final report."""
    store = material.store
    phases = [study.phase.name for study in material.studies]
    pages = {name: (store.report(name) / "index.html").read_text(encoding="utf-8") for name in phases}
    return {name: page_sections(page) for name, page in (pages | {FINAL_REPORT: html}).items()}


def _write(path: Path, content: bytes) -> None:
    with replace_file(path) as partial:
        partial.write_bytes(content)


def _phase_material(store: Store, phase: str, *, with_paths: bool) -> Material:
    tables = collect(store, phase)
    write_report(store, tables, with_paths=with_paths)
    files = read_files(store, tables.study)
    return read_material(store, tables, in_force(store, phase), files, with_paths=with_paths)


def _evaluated(store: Store, *, with_paths: bool) -> Iterator[EvaluationTables]:
    """Yield the tables of every evaluation, whose page is written where it is not up to date."""
    for name in evaluations(store):
        record = read_evaluation(store, name)
        if record is not None:
            tables = evaluation_tables(store, record)
            write_evaluation_report(store, tables, with_paths=with_paths)
            yield tables if with_paths else evaluation_without_places(tables)
