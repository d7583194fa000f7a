"""The commands below `data`: they look at images, fetch them, and clear away what was computed of them."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.data_cache import cache_command
from orchestrator.commands.data_check import check_command
from orchestrator.commands.data_equalise import equalise_command
from orchestrator.commands.data_fetch import fetch_command
from orchestrator.commands.data_prepare import prepare_command
from orchestrator.commands.data_report import data_report_command
from orchestrator.commands.options import (
    REAL_SOURCES,
    DebugOption,
    GroupByOption,
    JsonOption,
    LayoutOption,
    RealSourcesOption,
    names_of,
)
from orchestrator.console import say, screen

data_app = typer.Typer(help="Look at images, fetch them, or draw a small made-up set.", no_args_is_help=True)
data_app.command("fetch")(fetch_command)
data_app.command("cache")(cache_command)
data_app.command("report")(data_report_command)
data_app.command("equalise")(equalise_command)
data_app.command("prepare")(prepare_command)
data_app.command("check")(check_command)


@data_app.command("scan")
def scan_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    layout: LayoutOption = "auto",
    group_by: GroupByOption = "auto",
    real_sources: RealSourcesOption = REAL_SOURCES,
    out: Annotated[Path | None, typer.Option(help="Write the manifest to this CSV file.")] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List what a folder holds: layout, classes, sources, groups, and files that can't be used.

    Example: python -m orchestrator data scan ~/faces --out manifest.csv
    """
    from orchestrator.commands.views import show_scan

    show_scan(
        folder,
        layout=layout,
        group_by=group_by,
        real_sources=names_of(real_sources),
        out=out,
        as_json=as_json,
    )


@data_app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    faces: Annotated[int, typer.Option(min=10, help="Drawn people; each has one image a source.")] = 150,
    size: Annotated[int, typer.Option(min=64, help="Side of the images in pixels.")] = 160,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    debug: DebugOption = False,
) -> None:
    """Draw a small set of made-up faces: wiki (real), text2img, inpainting, insight (fake).

    Example: python -m orchestrator data demo demo-data
    """
    from orchestrator.console import progress_bar
    from trainables.data.demo import write_demo

    with progress_bar(screen(), "Drawing faces", quiet=False) as progress:
        counts = write_demo(folder, num_faces=faces, size_px=size, seed=seed, progress=progress)
    say(f"{folder}: " + ", ".join(f"{count} {source}" for source, count in counts.items()))
