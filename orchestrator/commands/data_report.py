"""`data report`: one HTML page about a folder of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import (
    REAL_SOURCES,
    DebugOption,
    GroupByOption,
    LayoutOption,
    RealSourcesOption,
    check_layout,
    names_of,
)
from orchestrator.console import say, screen

if TYPE_CHECKING:
    from trainables.data.dataset.manifest import Manifest
    from trainables.progress import OnProgress


def data_report_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("data-report.html"),
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = REAL_SOURCES,
    per_source: Annotated[
        int, typer.Option("--per-source", min=1, help="Pictures of each source that are read for averages.")
    ] = 200,
    faces: Annotated[
        bool, typer.Option("--faces", help="Look for faces in the pictures that are read for averages, too.")
    ] = False,
    results: Annotated[
        Path | None, typer.Option("--results", help="Keep what is found of faces in this folder of results.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress.")] = False,
    debug: DebugOption = False,
) -> None:
    """Write a page that shows what a folder holds: counts, sizes, colours, samples, spectra, duplicates.

    Example: python -m orchestrator data report ~/faces --out faces.html
    """
    from orchestrator.console import progress_bar
    from orchestrator.report.data_page import write_data_report
    from trainables.data.dataset.manifest import scan
    from trainables.data.duplicates.near_duplicates import IDENTICAL, find_links

    check_layout(layout)
    console = screen()
    with progress_bar(console, "Reading images", quiet=quiet) as progress:
        manifest = scan(
            folder,
            layout=layout,
            group_by=group_by,
            real_sources=names_of(real_sources),
            max_unusable=1.0,
            progress=progress,
        )
        links = manifest.links
        if links is None:
            links = find_links(manifest.root, manifest.rows, progress=progress)
    near = links[links["kind"] != IDENTICAL]
    pairs = list(near[["first", "second", "similarity"]].itertuples(index=False, name=None))
    rates = None
    if faces:
        with progress_bar(console, "Finding faces", quiet=quiet) as progress:
            rates = _face_rates(manifest, per_source, results, progress)
    with progress_bar(console, "Measuring pictures", quiet=quiet) as progress:
        write_data_report(
            manifest, out, per_source=per_source, near_duplicates=pairs, face_rates=rates, progress=progress
        )
    size = out.stat().st_size / 2**20
    say(f"Report: {out} ({size:.1f} MiB)")


def _face_rates(
    manifest: "Manifest", per_source: int, results: Path | None, progress: "OnProgress"
) -> dict[str, dict[str, int]]:
    """Count the sampled images of each source that show one face, several, or none."""
    from tempfile import TemporaryDirectory

    from orchestrator.store.folder import Store
    from trainables.data.face_detector import look_here
    from trainables.data.faces import ensure_faces
    from trainables.data.overview import sample
    from trainables.data.splits.trial_rows import image_files
    from trainables.device import device_type

    rows = sample(manifest.rows, per_source=per_source)
    with TemporaryDirectory() as folder:
        path = Store.open(results).faces_table if results is not None else Path(folder) / "faces.parquet"
        found = ensure_faces(
            path,
            image_files(rows, manifest.root),
            look=lambda missing: look_here(missing, device=device_type()),
            progress=progress,
        )
    rates: dict[str, dict[str, int]] = {}
    for source, digest in zip(rows["source"], rows["sha256"], strict=True):
        of_source = rates.setdefault(str(source), {"one face": 0, "several faces": 0, "no face": 0})
        of_source[("no face", "one face", "several faces")[min(2, len(found[digest].faces()))]] += 1
    return rates
