"""`pull`: remote results as a folder on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import DebugOption
from orchestrator.console import progress_bar, say, screen
from trainables.errors import InputError


def pull_command(
    context: typer.Context,
    address: Annotated[
        str | None,
        typer.Argument(metavar="URI", help="Remote results; default: those that orchestrator.toml names."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Fetch weights too, and models that were exported.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Fetch what is new in remote results, and say where it lies: all but weights and checkpoints.

    Example: python -m orchestrator pull s3://my-bucket/study --all
    """
    from orchestrator.store.remote.address import is_address
    from orchestrator.store.remote.local_copy import copy_of
    from orchestrator.store.remote.shared_names import is_pulled, is_pushed

    folders: dict[str, Path] = context.obj or {}
    named = address or str(folders.get("results", ""))
    if not is_address(named):
        raise InputError(
            f"{named or 'pull'}: name the address of remote results, for example s3://bucket/study"
        )
    copy = copy_of(named)
    with progress_bar(screen(), "Fetching", quiet=not screen().is_terminal) as progress:
        number = copy.pull(is_pushed if everything else is_pulled, progress=progress)
    say(f"{number} {'file' if number == 1 else 'files'} fetched from {copy.address.uri}: {copy.root}")
