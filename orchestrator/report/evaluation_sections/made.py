"""Section of provenance of an evaluation: the command, the models and files, versions, files beside."""

from collections.abc import Sequence

from orchestrator.report.evaluation_material import EvaluationMaterial
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import (
    Block,
    Definitions,
    Details,
    Heading,
    Items,
    Section,
    Span,
    Table,
    link,
    note,
    prose,
)
from orchestrator.report.sections.provenance import places_note
from orchestrator.wording.numbers import DASH, when


def made_section(material: EvaluationMaterial, *, inputs: str, files: Sequence[str]) -> Section:
    """Say by what the page was made.

    Args:
        material: what the page is made of.
        inputs: the hash of all that.
        files: the files beside the page.
    """
    record = material.record
    environment = record.made.environment
    versions = [[name, version] for name, version in environment.versions.items()]
    versions += [["git commit", environment.git_commit or "unknown"], ["host", environment.host or DASH]]
    blocks: list[Block | None] = [
        prose(Span(record.made.command, "code"), tone="command")
        if record.made.command
        else places_note("evaluate"),
        note(f"{when(record.made.time)}."),
        Details((f"Models ({len(_models(material).rows)})",), (Table(_models(material), style="settings"),)),
        Details(
            ("Versions",), (Table(grid("Versions", ["", "Scored with"], versions, 2), style="settings"),)
        ),
        Definitions((((("Inputs of this page (SHA-256)",)), (Span(inputs, "code"),)),)),
        Heading("Files beside this page"),
        Details(
            (f"{len(files)} files: tables as CSV, Markdown and LaTeX, figures as SVG and PNG",),
            (Items(tuple((link(file),) for file in files), "files"),),
        ),
    ]
    return Section.of("provenance", "Provenance", blocks)


def _models(material: EvaluationMaterial) -> Grid:
    rows: list[list[GridCell | str]] = [
        [each.name, f"repeat {trial.repeat} fold {trial.fold}", trial.folder]
        for each in material.record.experiments
        if each.name in material.listed
        for trial in each.trials
    ]
    rows += [[each.name, DASH, f"{each.file} ({each.sha256[:12]})"] for each in material.record.foreign]
    return grid("Models", ["Detector", "Trial", "Folder or file"], rows, 3)
