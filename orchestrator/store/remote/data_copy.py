"""Images at an address, on this machine: fetched once, and again where they have changed."""

from collections.abc import Sequence
from pathlib import Path

from orchestrator.store.remote.local_copy import LocalCopy, copy_at, local_folder
from trainables.progress import OnProgress


def data_folder(named: str | Path, *, progress: OnProgress | None = None) -> Path:
    """Return a folder of images as it is; of an address its copy, to which all that is new is fetched.

    Raises:
        RemoteError: the place can't be used.
    """
    folder = local_folder(named, "data")
    copy = copy_at(folder.resolve())
    if copy is not None:
        copy.pull(lambda name: True, progress=progress)
    return folder


def files_here(copy: LocalCopy, files: Sequence[str]) -> list[str]:
    """Return the paths on this machine of files of another machine's copy; those that lack here are fetched.

    Args:
        copy: the copy of this machine.
        files: their names.

    Raises:
        RemoteError: the place can't be used.
    """
    lacking = [name for name in files if not (copy.root / name).is_file()]
    if lacking:
        copy.fetch(*lacking)
    return [str(copy.root / name) for name in files]
