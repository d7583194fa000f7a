"""The command that takes away what files give away: one size, format and quality for every image."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.commands.options import (
    DebugOption,
    FollowLinksOption,
    LayoutOption,
    RealSourcesOption,
    check_layout,
    names_of,
)
from orchestrator.console import say, screen


def equalise_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    out: Annotated[Path, typer.Argument(help="New folder to write.")],
    size: Annotated[
        int | None,
        typer.Option(min=16, max=4096, help="Side in pixels; default: the smallest image's shorter side."),
    ] = None,
    image_format: Annotated[
        Literal["jpeg", "png"], typer.Option("--format", help="jpeg, or png (no loss, larger files).")
    ] = "jpeg",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG files.")] = 90,
    layout: LayoutOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    debug: DebugOption = False,
) -> None:
    """Write every image again, as a central square of one size, in one format, without metadata.

    Example: python -m orchestrator data equalise ~/faces ~/faces-equal --size 256
    """
    from orchestrator.console import progress_bar
    from trainables.data.copies.equalise import equalise, settle
    from trainables.data.dataset.manifest import scan

    check_layout(layout)
    console = screen()
    with progress_bar(console, "Reading images", quiet=False) as progress:
        manifest = scan(
            folder,
            layout=layout,
            real_sources=names_of(real_sources),
            follow_links=follow_links,
            max_unusable=1.0,
            progress=progress,
        )
    say(manifest.said)
    settings = settle(manifest, size_px=size, image_format=image_format, quality=quality)
    with progress_bar(console, "Writing images", quiet=False) as progress:
        done = equalise(manifest, out, settings, progress=progress)
    how = f"{settings.size_px} px {settings.format.upper()}"
    lines = [f"{out}: {done.written} images written as {how}, {done.present} were there"]
    if done.enlarged:
        lines.append(f"{done.enlarged} images are smaller than {settings.size_px} px and were enlarged")
    lines += [f"left out  {row.path}: {row.reason}" for row in manifest.excluded.itertuples()]
    say("\n".join(lines))
