"""The page of a phase: results/ in, reports/<phase>/index.html out, with figures/ and tables/ beside it.

The page is one file that needs nothing else: no script, no font, no address. Everything on it comes from the
tables, the study record, the decision in force and the trials' folders; a trial that is missing or damaged is
named on the page and never stops it. The same inputs give the same bytes: there is no date of rendering, and
a page that already carries the hash of its inputs is left alone, without loading what draws. What is drawn,
listed and read is bounded, whatever the number of experiments.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.csv_text import as_csv
from orchestrator.analysis.garbage import rarely_collected
from orchestrator.analysis.trial_facts import SMALL, Files, facts_table, read_files
from orchestrator.report import export
from orchestrator.report.kept import keeping
from orchestrator.report.material import Material, read_material
from orchestrator.report.places import parts_without_paths, without_paths
from orchestrator.report.rendering import render_page
from orchestrator.report.section import Block, Document
from orchestrator.store.decision_file import DecisionRecord, in_force, version_on_disk
from orchestrator.store.explanation_files import read_explanations
from orchestrator.store.final_file import read_final
from orchestrator.store.folder import Store, trial_state
from orchestrator.store.hard_files import evidence_digest
from orchestrator.store.records import HandedOver
from orchestrator.wording.lead import lead_sentence
from trainables import memo
from trainables.errors import InputError

LIBRARIES = ("matplotlib", "jinja2", "pandas", "numpy")


@rarely_collected()
def write_report(store: Store, tables: Tables, *, with_paths: bool = False) -> Path:
    """Write the page of a phase, unless it is there and its inputs are the same; return its path.

    Hosts, command lines and absolute paths are on it only `with_paths`.
    """
    phase = str(tables.study.phase.name)
    page = store.report(phase) / "index.html"
    decision = in_force(store, phase)
    trial_files = read_files(store, tables.study)
    inputs = _inputs(store, tables, decision, trial_files, with_paths=with_paths)
    if is_current(page, inputs):
        return page
    material = read_material(store, tables, decision, trial_files, with_paths=with_paths)
    html, files = _make(material, inputs, with_paths=with_paths)
    export.write_page(page, html, files, lock=store.cached("pages.lock"), below=store.root)
    return page


def _make(material: Material, inputs: str, *, with_paths: bool) -> tuple[str, dict[str, str | bytes]]:
    """Make the page, and the files beside it by their paths."""
    from orchestrator.report.contents import phase_callouts, phase_facts, phase_sections
    from orchestrator.report.sections.provenance import provenance_section

    tables, phase = material.tables, material.study.phase
    with keeping(material.store.cached("figures", phase.name), below=material.store.root):
        sections = tuple(phase_sections(material))
    if not with_paths:
        sections = parts_without_paths(sections)
    files = _files(material, [block for section in sections for block in section.blocks])
    if not with_paths:
        files |= {
            name: without_paths(data, {})
            for name, data in files.items()
            if name.startswith("tables/") and isinstance(data, str)
        }
    last = provenance_section(material, inputs=inputs, files=sorted(files))
    document = Document(
        phase.title,
        phase.question,
        (*sections, last),
        lead=lead_sentence(tables, material.decision),
        facts=phase_facts(material),
        callouts=tuple(phase_callouts(material)),
        inputs=inputs,
    )
    # Styles of small pictures, which few pages show.
    styles = ("style.css",) if material.explained is None else ("style.css", "data.css")
    return render_page(document, styles=styles), files


def _files(material: Material, blocks: Iterable[Block]) -> dict[str, str | bytes]:
    every = list(blocks)
    files: dict[str, str | bytes] = {
        f"tables/{name}.csv": text for name, text in material.tables.texts.items()
    }
    if material.explained is not None:
        files |= {f"tables/{name}.csv": text for name, text in material.explained.tables().items()}
    files["tables/trials.csv"] = as_csv(facts_table(material.trials))
    files |= {f"tables/paper/{name}": text for name, text in export.paper_files(every).items()}
    return files | {f"figures/{name}": data for name, data in export.figure_files(every).items()}


def _inputs(
    store: Store,
    tables: Tables,
    decision: DecisionRecord | None,
    trial_files: Mapping[str, Files],
    *,
    with_paths: bool,
) -> str:
    """Hash everything that the page depends on, its own code included."""
    digest = hashlib.sha256()

    def add(part: bytes) -> None:
        digest.update(len(part).to_bytes(8, "big") + part)

    final = read_final(store, tables.study.phase.name)
    earlier = [_selection_of(store, each) for each in tables.study.handed_over if each.selected]
    records = [each and each.plain() for each in (tables.study, decision, final, tables.race, *earlier)]
    add(json.dumps(records, sort_keys=True).encode())
    if (explained := read_explanations(store, tables.study.phase.name)) is not None:
        add(explained.digest().encode())
    for text in tables.texts.values():
        add(text.encode())
    add(evidence_digest(store, tables.study.phase.name).encode())
    for experiment in tables.study.experiments:
        for name in experiment.fold_files or ():
            add(str(store.fold_file(name).is_file()).encode())
        for trial in experiment.trials:
            add(trial_state(store.trial(trial.folder)).encode())
            for name in SMALL:
                add(trial_files[trial.folder].get(name, b""))
    return memo.key([digest.hexdigest(), with_paths], code=__name__, libraries=LIBRARIES)


def _selection_of(store: Store, taken: HandedOver) -> DecisionRecord | None:
    with contextlib.suppress(InputError):
        return version_on_disk(store, taken.phase, taken.version)
    return None


def is_current(page: Path, inputs: str) -> bool:
    """Tell whether a page carries this hash of its inputs, and the folders beside it are there."""
    if not page.is_file() or not all((page.parent / name).is_dir() for name in ("figures", "tables")):
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return f'<meta name="inputs" content="{inputs}">' in file.read(2000)
