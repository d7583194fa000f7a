"""`data scan`: what a folder of images holds, as counts, and as a manifest."""

import json
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
from orchestrator.console import screen, show_table

if TYPE_CHECKING:
    from trainables.data.dataset.manifest import Manifest


def scan_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    out: Annotated[Path | None, typer.Option(help="Write the manifest to this CSV file.")] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List what a folder holds: layout, classes, sources, groups, and files that can't be used.

    Example: python -m orchestrator data scan ~/faces --out manifest.csv
    """
    from orchestrator.analysis.csv_text import as_csv
    from trainables.data.dataset.manifest import scan
    from trainables.files import write_text

    check_layout(layout)
    manifest = scan(
        folder,
        layout=layout,
        group_by=group_by,
        real_sources=names_of(real_sources),
        follow_links=follow_links,
        max_unusable=1.0,
    )
    if out is not None:
        write_text(out, as_csv(manifest.rows))
    if as_json:
        print(_json_text(manifest))
    else:
        _show(manifest)


def _json_text(manifest: "Manifest") -> str:
    from trainables.data.overview import counts

    content = {
        "layout": manifest.layout,
        "rule": manifest.reading.rule,
        "fake": list(manifest.reading.fake),
        "real": list(manifest.reading.real),
        "notes": list(manifest.reading.notes),
        "group_by": manifest.group_by,
        "classes": list(manifest.classes),
        "images": len(manifest.rows),
        "groups": int(manifest.rows["group"].nunique()),
        "counts": counts(manifest).to_dict("records"),
        "excluded": manifest.excluded.to_dict("records"),
    }
    return json.dumps(content, indent=1)


def _show(manifest: "Manifest") -> None:
    from rich.table import Table

    from trainables.data.dataset.groups import described
    from trainables.data.overview import counts

    num_groups = manifest.rows["group"].nunique()
    how = f"{manifest.layout}, by {manifest.group_by}"
    title = f"{manifest.root}: {len(manifest.rows)} images, {num_groups} groups ({how})"
    table = Table("source", "class", "split", "images")
    for source, name, split, images in counts(manifest).itertuples(index=False, name=None):
        table.add_row(source, name, split or "-", str(images))
    notes = [manifest.said, f"grouped by {described(manifest.group_by)}", *manifest.reading.notes]
    notes += [f"kept out  {row.path}: {row.reason}" for row in manifest.excluded.itertuples()]
    show_table(table, title=title, notes=notes, console=screen())
