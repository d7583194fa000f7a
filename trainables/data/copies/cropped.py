"""Writes a folder of face crops that mirrors a data set: the same layout, the same names, fewer pixels.

In: a manifest, and the square of each image (the central one where there is no face). Out: `out` with one
image a row of the manifest, and the CSV files of the root. For those who want crops as files; an experiment
with face_crop needs none of this.

Each file is written atomically and carries the time of its source's last change, by which a second call
knows that it is up to date. settings.json says what the crops were made with: other settings are refused, so
that a folder never holds two kinds. JPEG files are written anew with one quality for all, without chroma
subsampling; the other formats without loss. A GIF becomes a PNG, for its palette can't hold a photograph.
"""

import os
import shutil
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from trainables.data.dataset.manifest import Manifest
from trainables.data.images.crops import Square
from trainables.data.images.decoding import square
from trainables.data.images.inspection import FORMATS, Progress, num_workers
from trainables.errors import InputError
from trainables.files import read_json, replace_file, write_json

SETTINGS = "settings.json"
JPEG_QUALITY = 95
WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": JPEG_QUALITY, "subsampling": "4:4:4"}),
    ".jpeg": ("JPEG", {"quality": JPEG_QUALITY, "subsampling": "4:4:4"}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_deflate"}),
}


def check_target(out: Path, root: Path, settings: Mapping[str, Any]) -> None:
    """See that `out` is empty, or was begun with the same settings.

    Raises:
        InputError: it is neither, or lies inside the data folder (or around it).
    """
    inner, outer = out.resolve(), root.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise InputError(f"--out {out} and the data folder {root} lie inside each other; name another folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder")
    try:
        before = read_json(out / SETTINGS)
    except FileNotFoundError:
        if any(out.iterdir()):
            raise InputError(
                f"--out {out} holds files that `data prepare` did not make; name another folder"
            ) from None
        return
    except (OSError, ValueError) as error:
        raise InputError(f"{out / SETTINGS} can't be read ({error}); remove {out} or name another") from error
    if before != dict(settings):
        differ = sorted(name for name in {*before, *settings} if before.get(name) != settings.get(name))
        told = ", ".join(
            f"{name} {before.get(name)} there, {settings.get(name)} asked for" for name in differ
        )
        raise InputError(
            f"--out {out} was made with other settings ({told}); remove it or name another folder"
        )


def write_cropped(
    manifest: Manifest,
    out: Path,
    *,
    squares: Mapping[str, Square],
    settings: Mapping[str, Any],
    size_px: int | None,
    progress: Progress | None = None,
) -> int:
    """Write what is missing of the crops of a data set, and return how many files were written.

    Args:
        manifest: the images; those that can't be used are left out.
        out: passed `check_target`.
        squares: content hash -> what is cut out; the central square of images that are not in it.
        settings: plain values that decide the outcome; kept as settings.json.
        size_px: side of the outcome; None = what is cut out keeps its size.
        progress: called with (done, total).

    Raises:
        InputError: two images would get one name, or the disk is full.
    """
    targets = {path: _target(path) for path in manifest.rows["path"]}
    if len(set(targets.values())) < len(targets):
        seen: dict[str, str] = {}
        first, second = next((seen[t], p) for p, t in targets.items() if seen.setdefault(t, p) != p)
        raise InputError(f"{manifest.root}: {first} and {second} would get one name; rename one of them")
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / SETTINGS, dict(settings))
    for table in sorted(manifest.root.glob("*.csv")):
        with replace_file(out / table.name) as partial:
            shutil.copyfile(table, partial)

    def write(row: tuple[str, str]) -> bool:
        path, digest = row
        return _write(manifest.root / path, out / targets[path], squares.get(digest), size_px)

    written = 0
    rows = list(zip(manifest.rows["path"], manifest.rows["sha256"], strict=True))
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        # What Pillow would warn of has been said by the scan.
        warnings.simplefilter("ignore")
        try:
            for done, fresh in enumerate(pool.map(write, rows), 1):
                written += fresh
                if progress:
                    progress(done, len(rows))
        except OSError as error:
            raise InputError(
                f"{out} can't be written ({error.strerror or error}); what is there is whole, "
                "and the same command goes on"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    return written


def _target(path: str) -> str:
    given = PurePosixPath(path)
    return str(given if given.suffix.lower() in WRITTEN else given.with_suffix(".png"))


def _write(source: Path, target: Path, region: Square | None, size_px: int | None) -> bool:
    """Write one crop unless it is there; tell whether it was written."""
    changed = source.stat().st_mtime_ns
    if target.exists() and target.stat().st_mtime_ns == changed:
        return False
    with Image.open(source, formats=FORMATS) as image:
        own_px = min(image.size) if region is None else region.side
        pixels = square(image, size_px or own_px, region)
    name, options = WRITTEN[target.suffix.lower()]
    with replace_file(target) as partial:
        Image.fromarray(pixels).save(partial, format=name, **options)
        os.utime(partial, ns=(changed, changed))
    return True
