"""`data fetch`: download and unpack a data set, from a hub, an address, or a folder of archives."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import DebugOption
from orchestrator.console import bar_columns, say, screen
from trainables.errors import InputError
from trainables.outside_text import visible
from trainables.progress import OnProgress, OpenBar

if TYPE_CHECKING:
    from rich.console import Console

    from trainables.data.fetching.fetch import Fetched, Terms


def fetch_command(
    places: Annotated[
        list[str],
        typer.Argument(metavar="[dff] DIR", help="A known data set, unless --from; the folder to make."),
    ],
    origin: Annotated[
        str | None, typer.Option("--from", metavar="URL|PATH", help="An archive, or a folder of archives.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help="What the archive hashes to.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to the data set's licence without being asked.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Draw no progress.")] = False,
    debug: DebugOption = False,
) -> None:
    """Download a data set and unpack it into a new folder; an interrupted download goes on where it stopped.

    dff is DeepFakeFace (wiki, text2img, inpainting, insight). With --from: zip or tar (gz, bz2, xz) archives.

    Example: python -m orchestrator data fetch dff ~/faces --accept-licence

    Example: python -m orchestrator data fetch --from https://example.org/faces.zip ~/faces
    """
    from trainables.data.fetching.fetch import fetch_from, fetch_hub

    console = screen()
    if origin is not None:
        if len(places) != 1:
            raise InputError(f"data fetch --from {origin}: give one folder to make, not {' '.join(places)}")
        done = fetch_from(origin, Path(places[0]), sha256=sha256, bar=_bars(console, quiet=quiet))
    elif len(places) != 2:
        raise InputError("data fetch: give a data set and a folder to make (dff DIR), or --from URL DIR")
    elif sha256 is not None:
        raise InputError("--sha256 goes with --from; the hub's own checksums are used for a known data set")
    else:
        done = fetch_hub(
            places[0],
            Path(places[1]),
            accept=lambda terms: _agree(terms, console, accepted=accept_licence),
            bar=_bars(console, quiet=quiet),
        )
    _say(done, console)


def _agree(terms: "Terms", console: "Console", *, accepted: bool) -> None:
    size = f"{terms.bytes / 2**30:.1f} GiB" if terms.bytes >= 2**30 else f"{terms.bytes / 2**20:.1f} MiB"
    lines = (
        f"{terms.repository} at {terms.revision[:12]}: {', '.join(terms.files)}; {size} to download",
        f"Licence: {terms.licence or 'none is stated; the rights are unknown'}",
    )
    for line in lines:
        say(line, console=console)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise InputError("the licence above has to be accepted: add --accept-licence")
    if not typer.confirm("Accept this licence and download?"):
        raise InputError("the licence was not accepted; nothing was downloaded")


def _bars(console: "Console", *, quiet: bool) -> OpenBar:
    """Make progress bars in bytes; one line each where nothing can be drawn."""

    @contextlib.contextmanager
    def bar(title: str) -> Iterator[OnProgress]:
        if quiet or not console.is_terminal:
            yield lambda done, total: None
            if not quiet:
                say(title, console=console)
            return
        from rich.progress import DownloadColumn, Progress

        with Progress(*bar_columns(DownloadColumn()), console=console, transient=True) as drawn:
            task = drawn.add_task(visible(title), total=None)
            yield lambda done, total: drawn.update(task, completed=done, total=total or None)

    return bar


def _say(done: "Fetched", console: "Console") -> None:
    text = (
        f"{done.folder}: {done.num_files} files from {', '.join(done.archives)}\n"
        f"Next: python -m orchestrator data scan {done.folder}"
    )
    say(text, console=console)
