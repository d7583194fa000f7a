"""`data check`: what would mislead a study on a folder of images, and whether runs kept to the rules.

Exit codes: 0 nothing against the data (there may be warnings), 1 a finished run fails its verification, 2 a
run on this data is refused.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchestrator.commands.options import (
    REAL_SOURCES,
    DebugOption,
    GroupByOption,
    JsonOption,
    LayoutOption,
    RealSourcesOption,
    check_layout,
    names_of,
)
from orchestrator.console import say, screen
from trainables.errors import InputError

if TYPE_CHECKING:
    from trainables.data.checks.findings import Finding
    from trainables.data.dataset.manifest import Manifest

EXIT_CLEAN, EXIT_RUN_FAILS, EXIT_REFUSED = 0, 1, 2
RUN_PREFIX = "run_"
_SHOWN = 5
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}
PROTOCOLS = ("cv", "holdout", "official")

Protocol = Literal["cv", "holdout", "official"]


def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = REAL_SOURCES,
    protocol: Annotated[str, typer.Option(help="cv, holdout or official: what is to be run.")] = "cv",
    results: Annotated[
        Path | None, typer.Option("--results", help="Verify the runs on this data in a results folder, too.")
    ] = None,
    phase: Annotated[str | None, typer.Option("--phase", help="Verify this phase alone.")] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Look for what would mislead a study: leakage, shortcuts; with --results, verify finished runs.

    Exits with 0, with 1 if a finished run fails, or with 2 if a run on this data would be refused.

    Example: python -m orchestrator data check ~/faces --results results
    """
    from orchestrator.checks.finished_runs import verify_runs
    from orchestrator.console import progress_bar
    from orchestrator.store.folder import Store
    from trainables.data.checks.findings import worst_first
    from trainables.data.dataset.manifest import scan
    from trainables.data.duplicates.near_duplicates import find_links

    check_layout(layout)
    if protocol not in PROTOCOLS:
        raise InputError(f"--protocol {protocol}: {', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}")
    if phase is not None and results is None:
        raise InputError(f"--phase {phase}: name the folder of results too, with --results")
    if results is not None and not results.is_dir():
        raise InputError(f"there is no results folder {results}; name one, or leave out --results")
    store = Store.look(results) if results is not None else None
    memory = _memory(store, folder)
    with progress_bar(screen(stderr=as_json), "Reading images", quiet=False) as progress:
        # Whatever can't be used is a finding here, not an end.
        manifest = scan(
            folder,
            layout=layout,
            group_by=group_by,
            real_sources=names_of(real_sources),
            max_unusable=1.0,
            memory=memory,
            progress=progress,
        )
        links = manifest.links
        if links is None:
            links = find_links(manifest.root, manifest.rows, memory=memory, progress=progress)
    findings = check_data(manifest, links, protocol=protocol)
    findings += shortcut_findings(
        manifest,
        protocol=protocol,
        store=store,
        bar=lambda title: progress_bar(screen(stderr=as_json), title, quiet=False),
        refused=any(finding.severity == "error" for finding in findings),
    )
    if store is not None:
        findings += verify_runs(store, manifest, links, phase=phase)
    findings = worst_first(findings)
    if as_json:
        print(json.dumps(_to_json(manifest, findings), indent=1))
    else:
        _show(manifest, findings)
    raise typer.Exit(exit_code(findings))


def check_data(manifest: "Manifest", links: "Any", *, protocol: str = "cv") -> "list[Finding]":
    """Return every finding about a data set: the one place where checks are put together.

    Args:
        manifest: the data set.
        links: its identical files and near-duplicates (`find_links`).
        protocol: cv, holdout or official.
    """
    from trainables.data.checks.leakage import find_leakage

    return [
        *_left_out(manifest),
        *find_leakage(
            manifest.rows,
            links,
            group_by=manifest.group_by,
            classes=manifest.classes,
            protocol=protocol,
        ),
    ]


def shortcut_findings(
    manifest: "Manifest", *, protocol: str, store: "Any", bar: "Any", refused: bool
) -> "list[Finding]":
    """Say how far file facts and trivial pixels get on the folds that a run would have.

    Data that can't have folds is an error, which is said unless the data is `refused` already.
    """
    from orchestrator.checks.data_gate import check_folder
    from orchestrator.checks.shortcuts import found_text, leaks_text, refusal
    from trainables.data.checks.findings import Finding
    from trainables.recipe import RecipeKeys

    recipe = RecipeKeys.model_validate({"protocol": protocol})
    try:
        record = check_folder(manifest, recipe, store=store, bar=bar)
    except InputError as error:
        return [] if refused else [Finding("no_folds", "error", str(error))]
    rows = tuple({"fact": fact, "AUC alone": auc} for fact, auc in record.leaks)
    if record.verdict == "refused":
        return [Finding("shortcut", "error", refusal(record, root=str(manifest.root)), rows)]
    said = found_text(record)
    if record.verdict == "uncertain":
        sentence = f"{said}, by {leaks_text(record)}; too few images to tell a shortcut from chance"
        return [Finding("shortcut", "warning", sentence, rows)]
    return [Finding("shortcut", "note", said)]


def exit_code(findings: "Sequence[Finding]") -> int:
    """Return 2 when a run on this data is refused, else 1 when a finished run fails, else 0."""
    errors = [finding.name for finding in findings if finding.severity == "error"]
    if any(not name.startswith(RUN_PREFIX) for name in errors):
        return EXIT_REFUSED
    return EXIT_RUN_FAILS if errors else EXIT_CLEAN


def _memory(store: "Any", folder: Path) -> Path | None:
    """Use what a run remembered of this folder, where there is a results folder."""
    from orchestrator.plan.data_sets import scan_memory

    return None if store is None or not store.root.is_dir() else scan_memory(store, folder)


def _left_out(manifest: "Manifest") -> "list[Finding]":
    from trainables.data.checks.findings import Finding

    count = len(manifest.excluded)
    if not count:
        return []
    total = count + len(manifest.rows)
    sentence = f"{count} of {total} files can't be used ({count / total:.1%}) and are left out"
    rows = tuple({"path": row.path, "reason": row.reason} for row in manifest.excluded.itertuples())
    return [Finding("unusable_files", "warning", sentence, rows)]


def _to_json(manifest: "Manifest", findings: "Sequence[Finding]") -> dict[str, Any]:
    return {
        "data": str(manifest.root.resolve()),
        "layout": manifest.layout,
        "group_by": manifest.group_by,
        "images": len(manifest.rows),
        "groups": int(manifest.rows["group"].nunique()),
        "exit": exit_code(findings),
        "findings": [
            {
                "name": finding.name,
                "severity": finding.severity,
                "sentence": finding.sentence,
                "rows": [dict(row) for row in finding.rows],
            }
            for finding in findings
        ],
    }


def _show(manifest: "Manifest", findings: "Sequence[Finding]") -> None:
    from rich.text import Text

    num_groups = manifest.rows["group"].nunique()
    say(
        f"{manifest.root}: {len(manifest.rows)} images, {num_groups} groups "
        f"({manifest.layout}, by {manifest.group_by})",
        style="bold",
    )
    for finding in findings:
        line = Text.assemble(
            (f"{finding.severity:8}", _STYLES[finding.severity]), f"{finding.name}: {finding.sentence}"
        )
        screen().print(line, soft_wrap=True)
        for text in _cases(finding.rows):
            say(f"{'':8}{text}")
    say(_verdict(findings))


def _cases(rows: "Sequence[Mapping[str, Any]]") -> list[str]:
    """The first cases as aligned lines; a path is never cut off, however narrow the screen."""
    if not rows:
        return []
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows[:_SHOWN])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    more = len(rows) - _SHOWN
    return [*lines, f"... {more} more; --json lists all"] if more > 0 else lines


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _verdict(findings: "Sequence[Finding]") -> str:
    code = exit_code(findings)
    if code == EXIT_REFUSED:
        return "Refused: a run on this data would not start."
    if code == EXIT_RUN_FAILS:
        return "A finished run fails its verification: its scores can't be trusted."
    warnings = sum(finding.severity == "warning" for finding in findings)
    counted = {0: "no warnings", 1: "1 warning"}.get(warnings, f"{warnings} warnings")
    return f"Nothing against a run on this data ({counted})."
