"""The pixel cache: every image decoded, cropped and resized once, kept as one memory-mapped uint8 array.

    <cache>/<key>/pixels.npy     uint8 [N, S, S, 3], RGB
    <cache>/<key>/images.json    the N content hashes, in row order, each with its square where it has one
    <cache>/<key>/about.json     version, size_px and number of images

The key is made of the content hashes, the squares that are cut out, the size and the version of the
preprocessing below: of what decides the pixels. So the same images under other names share a cache, and a
change of any makes a new one. A cache that holds more images than are asked for does as well. A cache is
built under another name and renamed when it is complete, under a lock: two processes that want it at once
build it once, and a half-built one is never seen. Training reads the array alone; no image file is opened
again.

JPEG files are decoded at 1/2, 1/4 or 1/8 of their size where what is left of the square is still MIN_REDUCED
times as wide as the target. On photographs that changes a pixel by 0.3 to 0.6 of 255 levels on average, in
the worst image by 1.2 (MAX_DIFFERENCE is what the benchmark and the tests allow); nearer to the target size
it grows fast.
"""

import hashlib
import io
import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from trainables.data.crops import Square, central_square
from trainables.data.inspection import Progress, num_workers
from trainables.errors import InputError
from trainables.files import read_json, write_json
from trainables.versions import PIXELS

CHUNK = 32
MIN_REDUCED = 2.25
# Of an image: mean absolute difference to full decoding, in 0..255.
MAX_DIFFERENCE = 1.5
ORIENTATION = 0x0112
# How a picture that is stored with each orientation of EXIF is turned upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Pixels:
    """An open cache: `array` is uint8 [N, S, S, 3], memory-mapped and read-only."""

    array: np.ndarray
    row_of: Mapping[str, int]

    def rows(self, hashes: Sequence[str]) -> np.ndarray:
        """Return the array rows of the images with these content hashes, int64 [len(hashes)]."""
        return np.array([self.row_of[digest] for digest in hashes], dtype=np.int64)


def cache_key(hashes: Sequence[str], *, size_px: int, squares: Mapping[str, Square] | None = None) -> str:
    """Name the cache of these images, cut and resized like this: 20 hexadecimal digits."""
    text = json.dumps([PIXELS, size_px, _entries(hashes, squares)])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


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
    num_threads: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Return the folder of a finished cache that holds `files`, building one when there is none.

    Args:
        cache: the folder that holds all caches.
        files: content hash -> file.
        size_px: side of the square images.
        squares: content hash -> what is cut out; the largest central square of images that are not in it.
        num_threads: threads that read images; 0 = one a core.
        progress: called with (done, total) while building.

    Raises:
        InputError: a file changed since it was scanned, or the disk is too small.
    """
    folder = cache / cache_key(list(files), size_px=size_px, squares=squares)
    if folder.is_dir():
        return folder
    larger = _larger_cache(cache, _entries(list(files), squares), size_px=size_px)
    if larger is not None:
        return larger
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{folder.name}.lock"):
        if not folder.is_dir():
            _build(
                folder,
                files,
                size_px=size_px,
                squares=squares or {},
                num_threads=num_threads or num_workers(),
                progress=progress or _silent,
            )
    return folder


def _larger_cache(cache: Path, entries: Sequence[str], *, size_px: int) -> Path | None:
    """Find a finished cache that holds all of `entries` and more; the smallest of several."""
    found = []
    for path in cache.glob("*/about.json"):
        try:
            about = read_json(path)
            same = (about["version"], about["size_px"]) == (PIXELS, size_px)
            if not same or about["images"] <= len(entries) or path.parent.suffix == ".partial":
                continue
            if set(entries) <= set(read_json(path.with_name("images.json"))):
                found.append((about["images"], path.parent))
        except (OSError, ValueError, TypeError, KeyError):
            # Being removed, or damaged: not one to rely on.
            continue
    return min(found)[1] if found else None


def _build(
    folder: Path,
    files: Mapping[str, Path],
    *,
    size_px: int,
    squares: Mapping[str, Square],
    num_threads: int,
    progress: Progress,
) -> None:
    # The lock is ours, so whatever an earlier builder left under the temporary name is dead.
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    hashes = sorted(files)
    needed = len(hashes) * size_px * size_px * 3
    free = shutil.disk_usage(folder.parent).free
    if needed > free * 0.95:
        raise InputError(
            f"the pixel cache needs {needed / 2**20:.0f} MiB in {folder.parent}, "
            f"where {free / 2**20:.0f} MiB are free; "
            "free some or name another folder with --results"
        )
    partial.mkdir(parents=True)
    try:
        shape = (len(hashes), size_px, size_px, 3)
        array = np.lib.format.open_memmap(partial / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
        ordered = [(digest, files[digest], squares.get(digest)) for digest in hashes]
        _fill(array, ordered, size_px=size_px, num_threads=num_threads, progress=progress)
        array.flush()
        write_json(partial / "images.json", _entries(hashes, squares))
        about = {"version": PIXELS, "size_px": size_px, "images": len(hashes)}
        write_json(partial / "about.json", about)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fill(
    array: np.ndarray,
    files: Sequence[tuple[str, Path, Square | None]],
    *,
    size_px: int,
    num_threads: int,
    progress: Progress,
) -> None:
    def fill(start: int) -> int:
        for row, (digest, path, region) in enumerate(files[start : start + CHUNK], start):
            with Image.open(io.BytesIO(read_unchanged(path, digest))) as image:
                array[row] = square(image, size_px, region)
        return min(CHUNK, len(files) - start)

    done = 0
    # Decoding, resizing and hashing let go of the interpreter lock, so threads use every core.
    # A damaged EXIF block is no reason to warn: the scan has said what can't be used.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_threads) as pool:
        warnings.simplefilter("ignore")
        for count in pool.map(fill, range(0, len(files), CHUNK)):
            done += count
            progress(done, len(files))


def read_unchanged(path: Path, digest: str) -> bytes:
    """Read a file whose content hash is known; InputError when it is gone or another one by now."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} was scanned but can't be read now ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError(f"{path} changed since it was scanned; start the command again")
    return content


def square(image: Image.Image, size_px: int, region: Square | None = None) -> np.ndarray:
    """Cut a square out of the upright image and resize it once (Lanczos): uint8 [S, S, 3] RGB.

    Args:
        image: freshly opened, so that a JPEG can still be decoded at a part of its size.
        size_px: side of the outcome.
        region: in pixels of the upright image; None = the largest central square.
    """
    factor, (width, height) = 1.0, image.size
    if image.format in ("JPEG", "MPO"):
        side = min(width, height) if region is None else region.side
        wanted = max((part for part in (1, 2, 4, 8) if side >= part * MIN_REDUCED * size_px), default=1)
        drafted = image.draft(None, (max(1, width // wanted), max(1, height // wanted)))
        # The decoder takes the nearest part that it can, and says which.
        factor = width / drafted[1][2] if drafted else 1.0
    image.load()
    # Other formats may turn themselves upright while they are loaded.
    turn = image.getexif().get(ORIENTATION, 1)
    if factor == 1.0:
        width, height = image.size
    upright_size = (height, width) if turn in LYING else (width, height)
    left, top, side = _stored(region or central_square(*upright_size), turn, *upright_size)
    box = (left / factor, top / factor, (left + side) / factor, (top + side) / factor)
    small = eight_bit_rgb(image).resize((size_px, size_px), Image.Resampling.LANCZOS, box=box)
    return np.asarray(small.transpose(TURNS[turn]) if turn in TURNS else small)


def _stored(region: Square, turn: int, width: int, height: int) -> tuple[int, int, int]:
    """Say where a square of the upright image (`width` x `height`) lies in the picture as it is stored."""
    left, top, side = region.left, region.top, region.side
    from_right, from_bottom = width - left - side, height - top - side
    corner = {
        2: (from_right, top),
        3: (from_right, from_bottom),
        4: (left, from_bottom),
        5: (top, left),
        6: (top, from_right),
        7: (from_bottom, from_right),
        8: (from_bottom, left),
    }.get(turn, (left, top))
    return *corner, side


def eight_bit_rgb(image: Image.Image) -> Image.Image:
    """Convert any picture to RGB; 16-bit values are scaled, transparency is dropped."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow would cut 16-bit values off at 255; 65,535 / 257 = 255.
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65_535) // 257
        image = Image.fromarray(values.astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def _silent(done: int, total: int) -> None:
    pass
