"""`data check`: what would mislead a study on a folder of images, and whether runs kept to the rules.

Exit codes: 0 nothing against the data (there may be warnings), 1 a finished run fails its verification, 2 a
run on this data is refused.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import (
    DebugOption,
    FollowLinksOption,
    GroupByOption,
    JsonOption,
    LayoutOption,
    RealSourcesOption,
    check_layout,
    names_of,
)
from orchestrator.commands.places import results_place
from orchestrator.config.experiment import DEFAULT_MAX_UNUSABLE
from orchestrator.console import progress_bar, say, screen
from trainables.errors import InputError
from trainables.outside_text import visible

if TYPE_CHECKING:
    from orchestrator.checks.data_findings import DataCheck
    from trainables.data.checks.findings import Case

SHOWN_CASES = 5
STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    protocol: Annotated[str, typer.Option(help="cv, holdout or official: what is to be run.")] = "cv",
    max_unusable: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of files that may be unusable, as in a run.")
    ] = DEFAULT_MAX_UNUSABLE,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results", callback=results_place, help="Verify the runs on this data in a results folder, too."
        ),
    ] = None,
    phase: Annotated[str | None, typer.Option("--phase", help="Verify this phase alone.")] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Look for what would mislead a study: leakage, shortcuts; with --results, verify finished runs.

    Exits with 0, with 1 if a finished run fails, or with 2 if a run on this data would be refused.

    Example: python -m orchestrator data check ~/faces --results results
    """
    from orchestrator.checks.data_findings import check_data
    from orchestrator.store.folder import Store

    check_layout(layout)
    if phase is not None and results is None:
        raise InputError(f"--phase {phase}: name the folder of results too, with --results")
    if results is not None and not results.is_dir():
        raise InputError(f"there is no results folder {results}; name one, or leave out --results")
    found = check_data(
        folder,
        layout=layout,
        group_by=group_by,
        real_sources=names_of(real_sources),
        follow_links=follow_links,
        protocol=protocol,
        store=None if results is None else Store.look(results),
        phase=phase,
        max_unusable=max_unusable,
        bar=lambda title: progress_bar(screen(stderr=as_json), title, quiet=False),
    )
    if as_json:
        print(_json_text(found))
    else:
        _show(found)
    raise typer.Exit(found.exit_code)


def _json_text(found: "DataCheck") -> str:
    manifest = found.manifest
    content = {
        "data": str(manifest.root.resolve()),
        "layout": manifest.layout,
        "fake": list(manifest.reading.fake),
        "real": list(manifest.reading.real),
        "group_by": manifest.group_by,
        "images": len(manifest.rows),
        "groups": int(manifest.rows["group"].nunique()),
        "exit": found.exit_code,
        "findings": [
            {
                "name": finding.name,
                "severity": finding.severity,
                "sentence": finding.sentence,
                "rows": [dict(row) for row in finding.rows],
            }
            for finding in found.findings
        ],
    }
    return json.dumps(content, indent=1)


def _show(found: "DataCheck") -> None:
    from rich.text import Text

    manifest = found.manifest
    num_groups = manifest.rows["group"].nunique()
    say(
        f"{manifest.root}: {len(manifest.rows)} images, {num_groups} groups "
        f"({manifest.layout}, by {manifest.group_by})",
        style="bold",
    )
    for said in (manifest.said, *manifest.reading.notes):
        say(said)
    for finding in found.findings:
        said = visible(f"{finding.name}: {finding.sentence}")
        line = Text.assemble((f"{finding.severity:8}", STYLES[finding.severity]), said)
        screen().print(line, soft_wrap=True)
        for text in _case_lines(finding.rows):
            say(f"{'':8}{text}")
    say(found.verdict)


def _case_lines(rows: "Sequence[Case]") -> list[str]:
    """The first cases as aligned lines; a path is never cut off, however narrow the screen."""
    if not rows:
        return []
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows[:SHOWN_CASES])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    more = len(rows) - SHOWN_CASES
    return [*lines, f"... {more} more; --json lists all"] if more > 0 else lines


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
