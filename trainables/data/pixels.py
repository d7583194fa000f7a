"""The pixel cache: every image decoded, cropped and resized once, kept as one memory-mapped uint8 array.

    <cache>/<key>/pixels.npy     uint8 [N, S, S, 3], RGB
    <cache>/<key>/images.json    the N content hashes, in row order, each with its square where it has one
    <cache>/<key>/about.json     version, size_px, number of images, and the hash of the array

The key is made of the content hashes, the squares that are cut out, the size, the version of the
preprocessing below and the perturbation, where there is one: of what decides the pixels. So the same images
under other names share a cache, and a change of any makes a new one. A cache that holds more images than are
asked for does as well. A cache is built under another name and renamed when it is complete, under a lock: two
processes that want it at once build it once, and a half-built one is never seen. One that is not what its
name and about.json say is built anew. Training reads the array alone; no image file is opened again.
"""

import contextlib
import errno
import functools
import hashlib
import io
import json
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from trainables.data import perturbations
from trainables.data.images.crops import Square
from trainables.data.images.decoding import changed_square, read_unchanged, square
from trainables.data.images.inspection import num_workers, open_image
from trainables.data.perturbations import parse_perturbation, perturb
from trainables.errors import InputError
from trainables.files import DISK_IS_FULL, file_sha256, free_bytes, known_sha256, read_json, write_json
from trainables.progress import OnProgress
from trainables.removal import remove_folder
from trainables.versions import PIXELS

CHUNK = 32
DISK_IS_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Pixels:
    """An open cache: `array` is uint8 [N, S, S, 3], memory-mapped and read-only."""

    array: np.ndarray
    row_of: Mapping[str, int]

    def rows(self, hashes: Sequence[str]) -> np.ndarray:
        """Return the array rows of the images with these content hashes, int64 [len(hashes)]."""
        return np.array([self.row_of[digest] for digest in hashes], dtype=np.int64)


def cache_key(
    hashes: Sequence[str],
    *,
    size_px: int,
    squares: Mapping[str, Square] | None = None,
    perturbation: str = "",
) -> str:
    """Name the cache of these images, perturbed, cut and resized like this: 20 hexadecimal digits."""
    return _key(_version(perturbation), size_px, _entries(hashes, squares))


def _key(version: int | str, size_px: int, entries: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([version, size_px, entries]).encode()).hexdigest()[:20]


def _version(perturbation: str) -> int | str:
    """Return the version of the preprocessing, with what it does to images before it cuts them, if anything.

    A program that knows of no perturbations takes it for another version of its own.
    """
    if not perturbation or parse_perturbation(perturbation).is_identity:
        return PIXELS
    return f"{PIXELS} {perturbation} {perturbations.VERSION}"


def num_bytes(num_images: int, size_px: int) -> int:
    """Return the size of the array of that many images."""
    return num_images * size_px * size_px * 3


def _entries(hashes: Sequence[str], squares: Mapping[str, Square] | None) -> list[str]:
    """Say of each image, in order, what is kept: its hash, and the square unless it is the central one."""
    return [
        digest if square is None else f"{digest} {square.left} {square.top} {square.side}"
        for digest in sorted(set(hashes))
        for square in [(squares or {}).get(digest)]
    ]


def open_pixels(folder: Path) -> Pixels:
    """Map the finished cache at `folder`."""
    entries = read_json(folder / "images.json")
    array = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    return Pixels(array, {entry.partition(" ")[0]: row for row, entry in enumerate(entries)})


def ensure_pixels(
    cache: Path,
    files: Mapping[str, Path],
    *,
    size_px: int,
    squares: Mapping[str, Square] | None = None,
    perturbation: str = "",
    num_threads: int = 0,
    progress: OnProgress | None = None,
) -> Path:
    """Return the folder of a finished cache that holds `files`, building one when there is none.

    Args:
        cache: the folder that holds all caches.
        files: content hash -> file.
        size_px: side of the square images.
        squares: content hash -> what is cut out; the largest central square of images that are not in it.
        perturbation: what is done to the whole images before, like jpeg:90; "" = nothing.
        num_threads: threads that read images; 0 = one per core.
        progress: called with (done, total) while building.

    Raises:
        InputError: a file changed since it was scanned, or the disk is too small or can't be written.
    """
    found = find_cache(cache, list(files), size_px=size_px, squares=squares, perturbation=perturbation)
    if found is not None:
        # The time of the last use, for whoever clears old caches away.
        with contextlib.suppress(OSError):
            os.utime(found)
        return found
    key = cache_key(list(files), size_px=size_px, squares=squares, perturbation=perturbation)
    folder = cache / key
    with _writing(cache, num_bytes(len(files), size_px)), _locked(cache, folder.name):
        # Whoever had the lock before may have built it.
        if _held(folder, _version(perturbation), size_px) is None:
            remove_folder(folder, below=cache)
            _build(
                folder,
                files,
                size_px=size_px,
                squares=squares or {},
                perturbation=perturbation,
                num_threads=num_threads or num_workers(),
                progress=progress or _silent,
            )
    return folder


@contextlib.contextmanager
def _locked(cache: Path, name: str) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{name}.lock"):
        yield


@contextlib.contextmanager
def _writing(cache: Path, needed: int) -> Iterator[None]:
    """Turn what the disk refuses into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise _too_small(cache, needed) from error
        if error.errno in DISK_IS_CLOSED:
            raise InputError(
                f"the pixel cache {cache} can't be written ({error.strerror}); "
                "make it writable or name another folder with --results"
            ) from error
        raise


def _too_small(cache: Path, needed: int) -> InputError:
    free = free_bytes(cache)
    return InputError(
        f"the pixel cache needs {needed / 2**20:.0f} MiB in {cache}, where {free / 2**20:.0f} MiB are free; "
        "free some (`data cache --prune` removes old caches) or name another folder with --results"
    )


def _reserve(path: Path) -> None:
    """Claim the file's blocks on the disk.

    What is written through a memory map to a disk that has become full ends the process (SIGBUS); claimed
    before, the lack of space is an ordinary error.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)


def find_cache(
    cache: Path,
    hashes: Sequence[str],
    *,
    size_px: int,
    squares: Mapping[str, Square] | None = None,
    perturbation: str = "",
) -> Path | None:
    """Find a finished cache of these images: their own, or the smallest of those that hold more."""
    entries, version = _entries(hashes, squares), _version(perturbation)
    own = cache / _key(version, size_px, entries)
    if _held(own, version, size_px) is not None:
        return own
    found = []
    for path in cache.glob("*/about.json"):
        held = _held(path.parent, version, size_px, more_than=len(entries))
        if held is not None and set(entries) <= set(held):
            found.append((len(held), path.parent))
    return min(found)[1] if found else None


def _held(folder: Path, version: int | str, size_px: int, *, more_than: int = -1) -> list[str] | None:
    """Return what a finished cache holds, in the order of its rows; None where there is none to rely on.

    It is of this version and size and holds more images than `more_than`; its name is that of what it holds,
    and its array is as it was built. That is read where something has written to it since; caches of earlier
    versions have no hash of it.
    """
    try:
        about = read_json(folder / "about.json")
        if (about["version"], about["size_px"]) != (version, size_px) or about["images"] <= more_than:
            return None
        held = [str(entry) for entry in read_json(folder / "images.json")]
        if _key(version, size_px, held) != folder.name or not _is_as_built(folder, about, len(held), size_px):
            return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, RecursionError):
        # Being removed, or damaged.
        return None
    return held


def _is_as_built(folder: Path, about: Mapping[str, object], num_images: int, size_px: int) -> bool:
    path = folder / "pixels.npy"
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return False
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != (num_images, size_px, size_px, 3) or array.dtype != np.uint8:
        return False
    is_untouched = status.st_mtime_ns <= (folder / "about.json").stat().st_mtime_ns
    return is_untouched or about.get("sha256") in (None, known_sha256(path))


def _build(
    folder: Path,
    files: Mapping[str, Path],
    *,
    size_px: int,
    squares: Mapping[str, Square],
    perturbation: str,
    num_threads: int,
    progress: OnProgress,
) -> None:
    # The lock is ours, so whatever an earlier builder left under the temporary name is dead.
    partial = folder.with_name(f"{folder.name}.partial")
    remove_folder(partial, below=folder.parent)
    hashes = sorted(files)
    needed = num_bytes(len(hashes), size_px)
    if needed > free_bytes(folder.parent) * 0.95:
        raise _too_small(folder.parent, needed)
    partial.mkdir(parents=True)
    try:
        shape = (len(hashes), size_px, size_px, 3)
        array = np.lib.format.open_memmap(partial / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
        _reserve(partial / "pixels.npy")
        ordered = [(digest, files[digest], squares.get(digest)) for digest in hashes]
        cut = _cut(size_px, perturbation)
        _fill(array, ordered, cut, num_threads=num_threads, progress=progress)
        array.flush()
        write_json(partial / "images.json", _entries(hashes, squares))
        about = {
            "version": _version(perturbation),
            "size_px": size_px,
            "images": len(hashes),
            "sha256": file_sha256(partial / "pixels.npy"),
        }
        write_json(partial / "about.json", about)
        partial.rename(folder)
    finally:
        with contextlib.suppress(OSError):
            remove_folder(partial, below=folder.parent)


# Takes an opened image, its content hash and what is cut out.
Cut = Callable[[Image.Image, str, Square | None], np.ndarray]


def _cut(size_px: int, perturbation: str) -> Cut:
    if _version(perturbation) == PIXELS:
        return lambda image, digest, region: square(image, size_px, region)
    wanted = parse_perturbation(perturbation)

    def cut(image: Image.Image, digest: str, region: Square | None) -> np.ndarray:
        change = functools.partial(perturb, perturbation=wanted, digest=digest)
        return changed_square(image, size_px, region, change=change)

    return cut


def _fill(
    array: np.ndarray,
    files: Sequence[tuple[str, Path, Square | None]],
    cut: Cut,
    *,
    num_threads: int,
    progress: OnProgress,
) -> None:
    def fill(start: int) -> int:
        for row, (digest, path, region) in enumerate(files[start : start + CHUNK], start):
            with open_image(io.BytesIO(read_unchanged(path, digest))) as image:
                array[row] = cut(image, digest, region)
        return min(CHUNK, len(files) - start)

    done = 0
    # Decoding, resizing and hashing let go of the interpreter lock, so threads use every core.
    # A damaged EXIF block is no reason to warn: the scan has said what can't be used.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_threads) as pool:
        warnings.simplefilter("ignore")
        for count in pool.map(fill, range(0, len(files), CHUNK)):
            done += count
            progress(done, len(files))


def _silent(done: int, total: int) -> None:
    pass
