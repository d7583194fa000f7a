"""`data demo`: a small made-up set of faces to try everything on."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import DebugOption
from orchestrator.console import progress_bar, say, screen


def demo_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    faces: Annotated[int, typer.Option(min=10, help="Drawn people; each has one image per source.")] = 150,
    size: Annotated[int, typer.Option(min=64, help="Side of the images in pixels.")] = 160,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    cast: Annotated[
        bool, typer.Option(help="Colour cast of text2img; without it small images hide its grid.")
    ] = True,
    debug: DebugOption = False,
) -> None:
    """Draw a small set of made-up faces: wiki (real), text2img, inpainting, insight (fake).

    Example: python -m orchestrator data demo demo-data
    """
    from trainables.data.demo import write_demo
    from trainables.data.planted import PLANTED

    with progress_bar(screen(), "Drawing faces", quiet=False) as progress:
        counts = write_demo(
            folder, num_faces=faces, size_px=size, seed=seed, has_cast=cast, progress=progress
        )
    for source, artefact in PLANTED.items():
        hidden = artefact.hidden_below_px
        say(f"{source} has {artefact.structure}" + (f"; images below {hidden} px hide it" if hidden else ""))
    say(f"{folder}: " + ", ".join(f"{count} {source}" for source, count in counts.items()))
