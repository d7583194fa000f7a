"""Results that are read alone, and have to be there: a mistyped name is said, and makes no folder."""

from pathlib import Path

from orchestrator.store.folder import Store
from trainables.errors import InputError


def existing_results(root: Path) -> Store:
    """Open a results folder for reading.

    Raises:
        InputError: it is not there, is no folder, or was made by a newer version.
    """
    if not root.exists():
        raise InputError(f"there is no results folder {root}; run a phase first, or name another folder")
    return Store.look(root)
