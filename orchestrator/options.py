"""Options that the commands of several modules share."""

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-shortcut", help="Run although file facts give the classes away; the report says so."
    ),
]
