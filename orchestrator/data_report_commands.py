"""`data report`: one HTML page about a folder of images."""

from pathlib import Path
from typing import Annotated

import typer


def data_report_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("data-report.html"),
    layout: Annotated[str, typer.Option(help="auto, sources, splits or csv.")] = "auto",
    group_by: Annotated[
        str, typer.Option(help="auto, basename, none, or a column of manifest.csv.")
    ] = "auto",
    per_source: Annotated[
        int, typer.Option("--per-source", min=1, help="Pictures of each source that are read for averages.")
    ] = 200,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Write a page that shows what a folder holds: counts, sizes, colours, samples, spectra, duplicates.

    Example: python -m orchestrator data report ~/faces --out faces.html
    """
    from orchestrator.progress import progress_bar, screen
    from orchestrator.report.data_page import write_data_report
    from orchestrator.views import check_layout
    from trainables.data.manifest import scan

    check_layout(layout)
    console = screen()
    with progress_bar(console, "Reading images", quiet=quiet) as progress:
        manifest = scan(folder, layout=layout, group_by=group_by, max_unusable=1.0, progress=progress)
    with progress_bar(console, "Measuring pictures", quiet=quiet) as progress:
        write_data_report(manifest, out, per_source=per_source, progress=progress)
    size = out.stat().st_size / 2**20
    console.print(f"Report: {out} ({size:.1f} MiB)", markup=False, highlight=False, soft_wrap=True)
