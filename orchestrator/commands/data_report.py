"""`data report`: one HTML page about a folder of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import (
    DebugOption,
    FollowLinksOption,
    GroupByOption,
    LayoutOption,
    RealSourcesOption,
    WithPathsOption,
    check_layout,
    names_of,
)
from orchestrator.commands.places import results_place
from orchestrator.console import progress_bar, say, screen

if TYPE_CHECKING:
    from trainables.data.dataset.manifest import Manifest

FacesResultsOption = Annotated[
    Path | None,
    typer.Option("--results", callback=results_place, help="Keep faces that are found in these results."),
]


def data_report_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("data-report.html"),
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    per_source: Annotated[
        int, typer.Option("--per-source", min=1, help="Pictures of each source that are read for averages.")
    ] = 200,
    faces: Annotated[
        bool, typer.Option("--faces", help="Look for faces in the pictures that are read for averages, too.")
    ] = False,
    results: FacesResultsOption = None,
    with_paths: WithPathsOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress.")] = False,
    debug: DebugOption = False,
) -> None:
    """Write a page that shows what a folder holds: counts, sizes, colours, samples, spectra, duplicates.

    Example: python -m orchestrator data report ~/faces --out faces.html
    """
    from orchestrator.report.data_page import write_data_report
    from trainables.data.dataset.manifest import manifest_links, scan
    from trainables.data.duplicates.near_duplicates import near_pairs

    check_layout(layout)
    console = screen()
    with progress_bar(console, "Reading images", quiet=quiet) as progress:
        manifest = scan(
            folder,
            layout=layout,
            group_by=group_by,
            real_sources=names_of(real_sources),
            follow_links=follow_links,
            max_unusable=1.0,
            progress=progress,
        )
        pairs = near_pairs(manifest_links(manifest, progress=progress))
    if not quiet:
        say(manifest.said)
    rates = _face_rates(manifest, per_source, results, quiet=quiet) if faces else None
    with progress_bar(console, "Measuring pictures", quiet=quiet) as progress:
        write_data_report(
            manifest,
            out,
            with_paths=with_paths,
            per_source=per_source,
            near_duplicates=pairs,
            face_rates=rates,
            progress=progress,
        )
    say(f"Report: {out} ({out.stat().st_size / 2**20:.1f} MiB)")


def _face_rates(
    manifest: "Manifest", per_source: int, results: Path | None, *, quiet: bool
) -> "dict[str, dict[str, int]]":
    """Look for faces in the pictures that are read for averages; those that are found are kept in results."""
    from orchestrator.store.folder import Store
    from trainables.data.faces import local_detector
    from trainables.data.overview import sample_faces
    from trainables.device import device_type

    with progress_bar(screen(), "Finding faces", quiet=quiet) as progress:
        return sample_faces(
            manifest,
            per_source=per_source,
            table=None if results is None else Store.open(results).faces_table,
            look=local_detector(device_type()),
            progress=progress,
        )
