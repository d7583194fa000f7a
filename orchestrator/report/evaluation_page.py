"""The page of an evaluation: its tables in, reports/evaluation-<name>/index.html out, with files beside it.

One file that needs nothing else. The same tables give the same bytes, and a page that carries the hash of its
inputs is left alone. Its list of sections is its own; a section that has nothing to show is left out.
"""

from collections.abc import Callable
from pathlib import Path

from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.report import export
from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.evaluation_sections.against_home import against_home_section
from orchestrator.report.evaluation_sections.by_source import by_source_section
from orchestrator.report.evaluation_sections.images import images_section
from orchestrator.report.evaluation_sections.made import made_section
from orchestrator.report.evaluation_sections.pairs import pairs_section
from orchestrator.report.evaluation_sections.reached import reached_section
from orchestrator.report.evaluation_sections.robustness import robustness_section
from orchestrator.report.kept import keeping
from orchestrator.report.page import LIBRARIES, is_current
from orchestrator.report.places import evaluation_without_places
from orchestrator.report.rendering import render_page
from orchestrator.report.section import Callout, Document, Section
from orchestrator.store.evaluation_files import EvaluationRecord, evaluation_report
from orchestrator.store.folder import Store
from orchestrator.wording.evaluation_text import all_warnings, evaluation_lead, shortcut_warnings
from orchestrator.wording.numbers import integer
from trainables import memo

# Provenance comes last: it lists the files of all others.
SECTIONS: tuple[Callable[[EvaluationMaterial], Section | None], ...] = (
    reached_section,
    against_home_section,
    pairs_section,
    robustness_section,
    by_source_section,
    images_section,
)


def write_evaluation_report(store: Store, tables: EvaluationTables, *, with_paths: bool = False) -> Path:
    """Write the page of an evaluation, unless it is there and its inputs are the same; return its path.

    Hosts, command lines and absolute paths are on it only `with_paths`.
    """
    tables = tables if with_paths else evaluation_without_places(tables)
    record = tables.record
    folder = evaluation_report(store, record.name)
    page = folder / "index.html"
    inputs = memo.key([record.plain(), tables.texts], code=__name__, libraries=LIBRARIES)
    if is_current(page, inputs):
        return page
    material = EvaluationMaterial.of(store, tables)
    with keeping(store.cached("figures", folder.name), below=store.root):
        found = (section(material) for section in SECTIONS)
        sections = tuple(each for each in found if each is not None)
    blocks = [block for section in sections for block in section.blocks]
    files: dict[str, str | bytes] = {f"tables/{name}.csv": text for name, text in tables.texts.items()}
    files |= {f"tables/paper/{name}": text for name, text in export.paper_files(blocks).items()}
    files |= {f"figures/{name}": data for name, data in export.figure_files(blocks).items()}
    document = Document(
        f"Evaluation on {record.name}",
        "What finished detectors reach on images that they have not learned from",
        (*sections, made_section(material, inputs=inputs, files=sorted(files))),
        lead=evaluation_lead(tables),
        facts=_facts(record),
        callouts=_callouts(record),
        inputs=inputs,
    )
    export.write_page(page, render_page(document), files, lock=store.cached("pages.lock"), below=store.root)
    return page


def _facts(record: EvaluationRecord) -> str:
    models = sum(len(each.trials) for each in record.experiments)
    experiments, foreign = len(record.experiments), len(record.foreign)
    parts = [f"{experiments} {'experiment' if experiments == 1 else 'experiments'} with {models} models"]
    parts = parts if experiments else []
    parts += (
        [f"{foreign} {'detector' if foreign == 1 else 'detectors'} by scores of a file"] if foreign else []
    )
    return " · ".join([*parts, f"{integer(record.images)} images in {integer(record.groups)} groups"])


def _callouts(record: EvaluationRecord) -> tuple[Callout, ...]:
    shortcuts = shortcut_warnings(record)
    others = [line for line in all_warnings(record) if line not in shortcuts]
    found = []
    if shortcuts:
        is_loud = record.shortcut is not None and record.shortcut.verdict == "refused"
        title = "These files give the classes away" if is_loud else "Shortcuts can’t be told from chance"
        found.append(Callout(title, tuple((line,) for line in shortcuts)))
    if others:
        found.append(Callout("Before you read on", tuple((line,) for line in others)))
    return tuple(found)
