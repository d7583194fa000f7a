"""Places that --results and --data name: a path, or an address that is worked on in a local copy.

What a command reads of remote results is pulled while its line is parsed, and what it has changed is pushed
when it ends, however it ends; in between it works on a folder like any other. Images are fetched when they
are first needed: most mistakes in a line can be told without them.
"""

from pathlib import Path

import typer

from orchestrator.console import progress_bar, screen
from orchestrator.store.remote.address import is_address
from orchestrator.store.remote.local_copy import copy_of, local_folder
from orchestrator.store.remote.mounts import refuse_bucket_mount


def data_place(context: typer.Context, value: Path | None) -> Path | None:
    """Return a folder of images, of an address that of its copy.

    Raises:
        InputError: the address is none that is known.
    """
    return value if value is None or context.resilient_parsing else local_folder(value, "data")


def results_place(context: typer.Context, value: Path | None) -> Path | None:
    """Return a folder of results; of an address that of its copy, which is pulled now and pushed at the end.

    Raises:
        InputError: the address is none that is known, or can't be used; or results can't lie there.
    """
    if value is None or context.resilient_parsing:
        return value
    if not is_address(value):
        refuse_bucket_mount(value)
        return value
    copy, console = copy_of(str(value)), screen(stderr=True)
    with progress_bar(console, "Fetching results", quiet=not console.is_terminal) as progress:
        copy.pull(progress=progress)
    context.call_on_close(copy.push)
    return copy.root
