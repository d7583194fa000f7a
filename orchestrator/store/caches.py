"""Caches in results/: listed with size, last use and purpose, and pruned while nobody uses them.

Everything below cache/ can be built again from images and experiments; deleting it costs time and nothing
else. Each folder in it is a kind (pixels, scans, rows, ...), and each file or folder in that one entry, with
its lock `<name>.lock` beside it. A kind that this module does not know is listed all the same. What lies
behind a symbolic link is listed too, and never removed: it may be of another study, or no cache at all.
"""

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from orchestrator.store.fold_files import FOLD_COLUMNS, fold_file
from orchestrator.store.folder import Store, is_locked
from trainables.errors import InputError
from trainables.parquet_files import read_parquet
from trainables.recipe import RecipeKeys
from trainables.removal import remove_file, remove_folder
from trainables.trial_files import LOCK
from trainables.trial_inputs import ImageCaches, find_pixels

DAY_S = 86_400.0
KINDS = {
    "pixels": "images decoded and resized, read by every trial",
    "scans": "what was found in a data folder's files: facts, fingerprints, near-duplicates",
    "rows": "the rows of an experiment, for workers",
    "speeds": "rates of this machine, and the work of networks, for estimates",
    "faces": "detected faces",
    "features": "features of training images, which the nearest to a hard example is found by",
    "facts": "what files say of themselves, for the shortcut check",
    "predict": "new images that models on other machines are at",
    "scores": "scores and bootstrap intervals of finished trials",
    "figures": "figures of reports, which are drawn again where they change",
}
UNFINISHED = (".partial", ".pruned")


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One cache. `last_used` is in seconds since 1970; `users` are the experiments that would read it."""

    kind: str
    path: Path
    bytes: int
    last_used: float
    purpose: str
    users: tuple[str, ...] = ()
    in_use: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether it is what a builder that died left behind."""
        return self.path.name.endswith(UNFINISHED)

    @property
    def is_linked(self) -> bool:
        """Whether it, the folder of its kind, or results/cache is a symbolic link."""
        return any(path.is_symlink() for path in (self.path, *self.path.parents[:2]))


def image_caches(store: Store) -> ImageCaches:
    """Return where results/ keeps what is derived from images."""
    return ImageCaches(faces=store.faces_table, pixels=store.cached("pixels"))


def list_caches(store: Store) -> list[CacheEntry]:
    """Return every entry of results/cache, the largest first."""
    users = _pixel_users(store)
    entries = []
    for folder in sorted(path for path in _inside(store.cache) if path.is_dir()):
        for path in _inside(folder):
            if path.suffix != ".lock":
                entries.append(_entry(folder.name, path, users))
    return sorted(entries, key=lambda entry: (-entry.bytes, entry.kind, entry.path.name))


def choose_caches(
    entries: Sequence[CacheEntry],
    *,
    older_than_days: float | None,
    kinds: Sequence[str] | None,
    now: float | None = None,
) -> list[CacheEntry]:
    """Choose what to prune: of these kinds (None = all) and not used for that long (None = however recent).

    What a dead builder left is chosen whatever its age.

    Raises:
        InputError: there is no such kind.
    """
    known = sorted({entry.kind for entry in entries} | set(KINDS))
    unknown = sorted(set(kinds or ()) - set(known))
    if unknown:
        raise InputError(f"--kind {', '.join(unknown)}: the kinds of caches are {', '.join(known)}")
    before = (time.time() if now is None else now) - (older_than_days or 0.0) * DAY_S
    return [
        entry
        for entry in entries
        if (kinds is None or entry.kind in kinds)
        and (older_than_days is None or entry.last_used < before or entry.is_unfinished)
    ]


def check_idle(store: Store) -> None:
    """Raise InputError while a trial runs: it reads the pixels, and the next one will."""
    for folder in _inside(store.trials):
        if is_locked(folder / LOCK):
            raise InputError(
                f"{folder.name} is being run, and nothing is pruned meanwhile; "
                "look again when `status` says it ended"
            )


def prune(
    entries: Sequence[CacheEntry], *, on_removed: Callable[[CacheEntry], None] | None = None
) -> tuple[int, list[CacheEntry]]:
    """Remove caches; return the bytes set free and the entries that were left.

    Left is what lies behind a link, and what another command holds the lock of. Each of the others is renamed
    first, under its lock, so that a half-removed cache is never taken for a whole one.
    """
    freed, left = 0, []
    for entry in entries:
        if entry.is_linked:
            left.append(entry)
            continue
        lock = entry.path.with_name(f"{_lock_name(entry.path)}.lock")
        try:
            with FileLock(lock, timeout=0) if lock.exists() else contextlib.nullcontext():
                doomed = entry.path.with_name(f"{entry.path.name.removesuffix('.pruned')}.pruned")
                os.replace(entry.path, doomed)
                remove = remove_folder if doomed.is_dir() else remove_file
                remove(doomed, below=doomed.parents[2])
        except Timeout:
            left.append(entry)
            continue
        except FileNotFoundError:
            # Another command was faster.
            continue
        except OSError as error:
            raise InputError(
                f"{entry.path} can't be removed ({error.strerror}); check its permissions"
            ) from error
        freed += entry.bytes
        if on_removed:
            on_removed(entry)
    return freed, left


def _entry(kind: str, path: Path, users: dict[str, list[str]]) -> CacheEntry:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    statuses = [status for file in files if (status := _stat(file))]
    own = _stat(path)
    # Reading a table moves its access time (once a day on most systems); opening pixels touches their folder.
    times = [own.st_mtime] if own else []
    if path.is_file():
        times += [status.st_atime for status in statuses]
    lock = path.with_name(f"{_lock_name(path)}.lock")
    return CacheEntry(
        kind=kind,
        path=path,
        bytes=sum(min(status.st_size, status.st_blocks * 512 or status.st_size) for status in statuses),
        last_used=max(times, default=0.0),
        purpose=_purpose(kind, path),
        users=tuple(users.get(path.name, ())),
        in_use=is_locked(lock),
    )


def _purpose(kind: str, path: Path) -> str:
    if path.name.endswith(UNFINISHED):
        return "left unfinished by a command that was ended"
    array = path / "pixels.npy"
    if kind == "pixels" and array.is_file():
        with contextlib.suppress(OSError, ValueError):
            shape = np.load(array, mmap_mode="r", allow_pickle=False).shape
            return f"{shape[0]} images at {shape[1]} px"
    return KINDS.get(kind, "can be made again")


def _pixel_users(store: Store) -> dict[str, list[str]]:
    """Map the name of a pixel cache to the experiments that read it, as far as their plans are on record."""
    by_folds: dict[str, list[tuple[str, RecipeKeys]]] = defaultdict(list)
    for phase in store.studies():
        with contextlib.suppress(InputError):
            for experiment in store.study(phase).experiments:
                for name in experiment.fold_files or ():
                    by_folds[name].append((experiment.name, experiment.recipe))
    caches = image_caches(store)
    users: dict[str, list[str]] = defaultdict(list)
    for path in _inside(store.cached("rows")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            rows = read_parquet(path)
            if not set(FOLD_COLUMNS) <= set(rows.columns):
                continue
            hashes = list(rows["sha256"])
            for name, recipe in by_folds.get(fold_file(store, rows).name, ()):
                found = find_pixels(hashes, recipe, caches=caches).folder
                if found is not None and name not in users[found.name]:
                    users[found.name].append(name)
    return users


def _lock_name(path: Path) -> str:
    name = path.name
    for suffix in UNFINISHED:
        name = name.removesuffix(suffix)
    return name


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder} can't be read ({error.strerror}); check its permissions") from error


def _stat(path: Path) -> os.stat_result | None:
    with contextlib.suppress(OSError):
        return path.stat()
    return None
