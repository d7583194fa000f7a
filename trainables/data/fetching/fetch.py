"""Data sets from elsewhere: archives from an address, a file or a folder, and repositories of a hub.

Everything happens in a folder beside the target, `.<name>.fetch/`: downloads first, then the unpacked tree,
which gets its final name when it is complete. So a target is whole or not there, and what was downloaded
before an interruption is not downloaded again. One archive is unpacked as it is; several become one folder
each, named after the archive (`wiki.zip` -> `wiki/`). `fetched.json` in the target says where it comes from.
"""

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from trainables.data.fetching.archives import SUFFIXES, Limits, NoRoom, is_archive, unpack
from trainables.data.fetching.download import download, file_name, shown
from trainables.errors import InputError
from trainables.files import file_sha256, free_bytes, write_json
from trainables.hub import DEFAULT_HUB, prepare_hub
from trainables.progress import OnProgress, OpenBar

REPOSITORIES = {"dff": "OpenRL/DeepFakeFace"}
# An archive and what it holds are on the disk at once; photos hardly shrink.
ROOM_FOR = 2.1
ORIGIN_FILE = "fetched.json"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is about to be fetched from a hub, for a person to agree to; `licence` is "" if none is stated."""

    repository: str
    revision: str
    licence: str
    files: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished data set."""

    folder: Path
    num_files: int
    archives: tuple[str, ...]


def fetch_from(
    origin: str, folder: Path, *, bar: OpenBar, sha256: str | None = None, limits: Limits | None = None
) -> Fetched:
    """Fetch and unpack what `origin` names into the new folder `folder`.

    Args:
        origin: an http(s) or file address of an archive, an archive, or a folder of archives.
        folder: the folder to make; it may be there if it is empty.
        bar: makes a progress bar with a title.
        sha256: what the archive must hash to; for one archive alone.
        limits: what archives may hold.

    Raises:
        InputError: no such origin, a broken or unsafe archive, a full disk, or `folder` is not empty.
    """
    _check_digest(sha256)
    scheme = urlsplit(origin).scheme if "://" in origin else ""
    if scheme not in ("", "file", "http", "https"):
        raise InputError(
            f"--from {origin}: {scheme} is not known; http, https, file, or a path on this machine"
        )
    remote = scheme in ("http", "https")
    local = (
        [] if remote else _local_archives(Path(unquote(urlsplit(origin).path)) if scheme else Path(origin))
    )
    if sha256 and len(local) > 1:
        raise InputError(f"--sha256 is for one archive, and {origin} holds {len(local)}")
    with _workshop(folder) as work:
        if remote:
            name = file_name(origin)
            with bar(name) as progress:
                target = work / "downloads" / name
                archives = [download(origin, target, sha256=sha256, room_for=ROOM_FOR, progress=progress)]
        else:
            archives = local
            if sha256 and (found := file_sha256(local[0])) != sha256.lower():
                raise InputError(f"{local[0]} is not what it should be: its SHA-256 is {found}")
        where = {"origin": shown(origin) if remote else str(Path(origin).absolute())}
        return _unpack_all(archives, work, folder, bar=bar, limits=limits, where=where)


def fetch_hub(name: str, folder: Path, *, accept: Callable[[Terms], None], bar: OpenBar) -> Fetched:
    """Fetch a data set repository from the hub: its archives, each into a folder of its own.

    `accept` is shown the terms before anything is downloaded, and raises to refuse them.

    Raises:
        InputError: the hub can't be reached or refuses, a full disk, a wrong checksum, or `folder` is not
            empty.
    """
    if name not in REPOSITORIES:
        raise InputError(
            f"no data set {name!r} is known; there are: {', '.join(REPOSITORIES)} (or use --from)"
        )
    repository = REPOSITORIES[name]
    prepare_hub()
    hub = os.environ.get("HF_ENDPOINT", DEFAULT_HUB)
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise InputError(
            f"the hub {hub} can't be reached from here; fetch {repository} where it can be, and hand the "
            "archives over with `data fetch --from FOLDER DIR` (HF_HUB_OFFLINE=0 asks the hub all the same)"
        )
    with _workshop(folder) as work, _hub_errors(hub, repository):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=hub).dataset_info(repository, files_metadata=True)
        files = {file.rfilename: file for file in info.siblings or () if is_archive(Path(file.rfilename))}
        if not files:
            raise InputError(f"{repository} at {hub} holds no archive ({', '.join(SUFFIXES)})")
        sizes = {path: file.size or 0 for path, file in files.items()}
        accept(Terms(repository, str(info.sha), _licence(info), tuple(files), sum(sizes.values())))
        _check_room(work, sizes)
        digests = {path: file.lfs.sha256 if file.lfs else "" for path, file in files.items()}
        archives = [
            _hub_file(hub, repository, str(info.sha), path, work, digest=digests[path], bar=bar)
            for path in files
        ]
        where = {"origin": f"{hub}/datasets/{repository}", "revision": info.sha, "licence": _licence(info)}
        return _unpack_all(archives, work, folder, bar=bar, limits=None, where=where)


def _hub_file(
    hub: str, repository: str, revision: str, path: str, work: Path, *, digest: str, bar: OpenBar
) -> Path:
    from huggingface_hub import hf_hub_download

    with bar(path) as progress:
        found = Path(
            hf_hub_download(
                repository,
                path,
                repo_type="dataset",
                revision=revision,
                local_dir=work / "downloads",
                endpoint=hub,
                tqdm_class=_silent_bar(progress),
            )
        )
    if digest and file_sha256(found) != digest:
        found.unlink()
        raise InputError(
            f"{path} of {repository} is damaged (its SHA-256 is not {digest}); start the command again"
        )
    return found


def _silent_bar(progress: OnProgress) -> Any:
    """A tqdm class that draws nothing and hands its counts on."""
    from huggingface_hub.utils.tqdm import tqdm

    class Counted(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*arguments, **{**options, "file": io.StringIO(), "disable": False})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            progress(int(self.n), int(self.total or 0))
            return drawn

    return Counted


@contextmanager
def _hub_errors(hub: str, repository: str) -> Iterator[None]:
    """Turn every way in which the hub refuses into one sentence; HTTPError is what its transport raises."""
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise InputError(
            f"{repository} asks for its terms to be accepted at {hub}/datasets/{repository}; do so, then log "
            "in with `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"{hub} has no data set {repository}, or hides it from who is not logged in"
        ) from error
    except (HTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{repository} can't be had from {hub} ({reason[:160]}); what came is kept, "
            "the same command goes on"
        ) from error


def _licence(info: Any) -> str:
    tags = [tag.partition(":")[2] for tag in info.tags or () if tag.startswith("license:")]
    return ", ".join(tags)


def _check_room(work: Path, sizes: Mapping[str, int]) -> None:
    there = sum(size for path, size in sizes.items() if (work / "downloads" / path).is_file())
    needed, free = int(sum(sizes.values()) * ROOM_FOR) - there, free_bytes(work)
    if needed > free:
        raise InputError(
            f"{needed / 2**30:.1f} GiB are needed in {work.parent} for archives and contents, where "
            f"{free / 2**30:.1f} GiB are free; free some or name a folder on another disk"
        )


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """Give the folder beside `folder` in which it is made; one command at a time."""
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there and not an empty folder; name a new one")
    work = folder.with_name(f".{folder.name}.fetch")
    try:
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / "lock", timeout=0):
            try:
                yield work
            finally:
                shutil.rmtree(work / "tree", ignore_errors=True)
                is_made = folder.is_dir() and any(folder.iterdir())
                if is_made or not any(path.is_file() for path in (work / "downloads").rglob("*")):
                    shutil.rmtree(work, ignore_errors=True)
    except Timeout as error:
        raise InputError(f"another command is fetching into {folder}; wait for it to end") from error
    except PermissionError as error:
        raise InputError(
            f"{error.filename or work} can't be written ({error.strerror}); name another folder"
        ) from error


def _local_archives(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"--from {path}: no such file or folder")
    found = sorted(inside for inside in path.iterdir() if inside.is_file() and is_archive(inside))
    if not found:
        raise InputError(
            f"--from {path}: no archive in this folder ({', '.join(SUFFIXES)}); a folder of images needs "
            "no fetching, name it with --data"
        )
    return found


def _unpack_all(
    archives: Sequence[Path],
    work: Path,
    folder: Path,
    *,
    bar: OpenBar,
    limits: Limits | None,
    where: Mapping[str, str | None],
) -> Fetched:
    tree, num_files = work / "tree", 0
    shutil.rmtree(tree, ignore_errors=True)
    for archive in archives:
        name = _stem(archive)
        target = tree / name if len(archives) > 1 else tree
        with bar(f"Unpacking {archive.name}") as progress:
            try:
                num_files += unpack(archive, target, limits=limits, progress=progress)
            except InputError as error:
                if archive.is_relative_to(work) and not isinstance(error, NoRoom):
                    # Kept, it would be found again by the next attempt and fail in the same way.
                    archive.unlink()
                raise
        _without_double(target, name)
    digests = {archive.name: file_sha256(archive) for archive in archives}
    if not (tree / ORIGIN_FILE).exists():
        write_json(tree / ORIGIN_FILE, {**where, "archives": digests})
    if folder.is_dir():
        folder.rmdir()
    os.replace(tree, folder)
    return Fetched(folder, num_files, tuple(digests))


def _stem(archive: Path) -> str:
    suffix = next((suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix)), archive.suffix)
    return archive.name[: len(archive.name) - len(suffix)] or archive.name


def _without_double(target: Path, name: str) -> None:
    """Make `wiki/wiki/...` of an archive called wiki `wiki/...`."""
    inside = list(target.iterdir()) if target.is_dir() else []
    if target.name == name and len(inside) == 1 and inside[0].name == name and inside[0].is_dir():
        lifted = inside[0].rename(target.with_name(f".{name}.lifted"))
        target.rmdir()
        lifted.rename(target)


def _check_digest(sha256: str | None) -> None:
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"--sha256 {sha256}: 64 hexadecimal digits are needed")
