"""Pixel caches of remote results on a node: fetched once, to its largest disk, for all trials there."""

from pathlib import Path, PurePosixPath

from filelock import FileLock

from orchestrator.store.remote.local_copy import LocalCopy
from orchestrator.store.remote.local_places import fast_place
from trainables.removal import remove_folder

# Written last, so that a cache of which it is there is whole.
ABOUT = "about.json"


def send_pixels(copy: LocalCopy, name: str) -> None:
    """Copy a pixel cache to remote results, unless it is there; `name` is its folder there."""
    if f"{name}/{ABOUT}" in copy.folder.stamps([f"{name}/{ABOUT}"]):
        return
    files = sorted(path for path in (copy.root / name).iterdir() if path.name != ABOUT)
    for path in (*files, copy.root / name / ABOUT):
        copy.folder.upload(path, f"{name}/{path.name}")


def node_pixels(copy: LocalCopy, name: str) -> Path:
    """Return the folder of pixel caches on this node in which the one called `name` lies.

    That is the copy itself where it was built there, or where there is none to fetch.

    Raises:
        RemoteError: the place can't be used, or the disk is full.
    """
    mine, key = (copy.root / name).parent, PurePosixPath(name).name
    if (mine / key).is_dir():
        return mine
    folder = fast_place() / "pixels" / copy.root.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock"):
        if (folder / key).is_dir():
            return folder
        listed = copy.folder.list(name)
        if f"{name}/{ABOUT}" not in listed:
            return mine
        partial = folder / f"{key}.partial"
        remove_folder(partial, below=folder)
        for each in sorted(listed, key=lambda file: PurePosixPath(file).name == ABOUT):
            copy.folder.download(each, partial / PurePosixPath(each).name)
        partial.rename(folder / key)
    return folder
