"""Options that the commands of several modules share."""

from typing import Annotated

import typer

from trainables.errors import InputError

DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
GroupByOption = Annotated[str, typer.Option(help="auto, basename, none, pairs, or a column of manifest.csv.")]
LayoutOption = Annotated[str, typer.Option(help="auto, sources, splits or csv.")]
RealSourcesOption = Annotated[
    str,
    typer.Option(
        metavar="NAME,NAME", help="Folders of real images in the sources layout, as in an experiment's file."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-shortcut", help="Run although file facts give the classes away; the report says so."
    ),
]

REAL_SOURCES = "wiki,real"
LAYOUTS = ("auto", "sources", "splits", "csv")


def names_of(text: str) -> tuple[str, ...]:
    """Split what an option of several names was given, for example wiki,real."""
    return tuple(name for name in text.split(",") if name)


def check_layout(layout: str) -> None:
    """Raise InputError for a layout that there is not."""
    if layout not in LAYOUTS:
        raise InputError(f"--layout {layout}: {', '.join(LAYOUTS[:-1])} or {LAYOUTS[-1]}")
