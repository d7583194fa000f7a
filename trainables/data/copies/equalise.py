"""Re-encodes every image in one way, so that how a file was written tells nothing about what it shows.

In:  a scanned folder. Out: a new folder with the same names, every usable image upright, cut to its largest
central square (as training sees it), at one size, in one format, quality and chroma subsampling, without
metadata. CSV files of labels and manifest.csv are carried over with the new names. Settings and the content
of the source stand in equalise.json, so that a second run does only what is missing.

What it can't remove is in the pixels: what is shown, at which distance and in which light, and traces of an
earlier compression or of resizing. Bytes per pixel follow from these and go on to differ; the trivial pixels
of `shortcuts` say how far all that goes.
"""

import csv
import hashlib
import io
import json
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd
from PIL import Image

from trainables.data.dataset.layouts import IMAGE_SUFFIXES, SPLIT_NAMES
from trainables.data.dataset.manifest import Manifest
from trainables.data.images.decoding import read_unchanged, square
from trainables.data.images.inspection import FORMATS, Progress, num_workers
from trainables.errors import InputError
from trainables.files import read_json, replace_file, write_json

# Raise when the same image and settings give other bytes.
VERSION = 1
RECORD = "equalise.json"
Format = Literal["jpeg", "png"]
SUFFIXES: dict[Format, str] = {"jpeg": ".jpg", "png": ".png"}
SUBSAMPLING = "4:2:0"
# Below this the smallest image, not the data set, would decide the size.
LEAST_SIZE_PX = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """How every image is written; `quality` is a JPEG's, 1 to 100, and 0 for PNG."""

    size_px: int
    format: Format
    quality: int


@dataclass(frozen=True, slots=True)
class Equalised:
    """What a run did: images written now, images that were there, and images enlarged to the size."""

    settings: Settings
    written: int
    present: int
    enlarged: int


def settle(manifest: Manifest, *, size_px: int | None, image_format: Format, quality: int) -> Settings:
    """Complete the settings; without a size it is the smallest image's shorter side, so none is enlarged.

    Raises:
        InputError: the smallest image is too small to decide for all.
    """
    if size_px is None:
        sides = manifest.rows[["width", "height"]].min(axis=1).to_numpy()
        size_px = int(sides.min())
        if size_px < LEAST_SIZE_PX:
            smallest = manifest.rows["path"].iloc[int(sides.argmin())]
            raise InputError(
                f"{manifest.root}: the smallest image, {smallest}, has a side of {size_px} px, which would "
                "become the size of all; name a size with --size, or remove it"
            )
    return Settings(size_px, image_format, quality if image_format == "jpeg" else 0)


def equalise(
    manifest: Manifest, out: Path, settings: Settings, *, progress: Progress | None = None
) -> Equalised:
    """Write every usable image of `manifest` below `out`, and its CSV files; goes on where an earlier run
    stopped.

    Each file appears at once and whole. The same images and settings give the same bytes, as long as
    Pillow's encoders stay the same.

    Args:
        manifest: what `scan` found.
        out: a folder that does not exist, is empty, or holds an unfinished run with the same settings.
        settings: what `settle` gave.
        progress: called with (images done, images in all).

    Raises:
        InputError: `out` holds something else or can't be written, two images would get one name, or a file
            changed since it was scanned.
    """
    targets = _targets(manifest, settings)
    try:
        _claim(manifest, out, settings)
        hashes = zip(manifest.rows["path"], manifest.rows["sha256"], strict=True)
        files = [(manifest.root / path, out / targets[path], digest) for path, digest in hashes]
        missing = [file for file in files if not file[1].is_file()]
        _write_all(
            missing,
            settings,
            num_present=len(targets) - len(missing),
            progress=progress,
        )
        if manifest.layout == "csv":
            _carry_labels(manifest.root, out, targets)
        if (manifest.root / "manifest.csv").is_file():
            _carry_manifest(manifest.root, out, targets)
    except OSError as error:
        raise InputError(
            f"{out} can't be written ({error.strerror}); free some space or name another folder; the same "
            "command goes on with what is missing"
        ) from error
    enlarged = int((manifest.rows[["width", "height"]].min(axis=1) < settings.size_px).sum())
    return Equalised(settings, len(missing), len(targets) - len(missing), enlarged)


def _targets(manifest: Manifest, settings: Settings) -> dict[str, str]:
    """Path of an image -> path of what it becomes."""
    suffix = SUFFIXES[settings.format]
    targets = {path: PurePosixPath(path).with_suffix(suffix).as_posix() for path in manifest.rows["path"]}
    twice = [name for name, count in Counter(targets.values()).items() if count > 1]
    if twice:
        sources = ", ".join(path for path, target in targets.items() if target == twice[0])
        raise InputError(
            f"{manifest.root}: {sources} differ in their suffix alone and would all become {twice[0]}; "
            f"rename or remove all but one ({len(twice)} such names)"
        )
    return targets


def _claim(manifest: Manifest, out: Path, settings: Settings) -> None:
    """Leave the record of what is made in `out`, or find there that it is the same."""
    content = json.dumps([list(manifest.rows["path"]), list(manifest.rows["sha256"])])
    record = {
        "source": str(manifest.root.resolve()),
        "content": hashlib.sha256(content.encode()).hexdigest(),
        "settings": asdict(settings),
        "version": VERSION,
    }
    if out.resolve().is_relative_to(manifest.root.resolve()):
        raise InputError(f"{out} lies inside {manifest.root}, whose images it would mix with; name another")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        known = _known(out)
        if known is None:
            raise InputError(f"{out} is not an empty folder: name a new one, or remove it first")
        differ = [name for name in record if known.get(name) != record[name]]
        if differ:
            raise InputError(
                f"{out} was made with another {' and '.join(differ)} than this command's; name a new folder, "
                "or remove it first"
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RECORD, record)


def _known(out: Path) -> Mapping[str, object] | None:
    try:
        record = read_json(out / RECORD)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _write_all(
    files: Sequence[tuple[Path, Path, str]],
    settings: Settings,
    *,
    num_present: int,
    progress: Progress | None,
) -> None:
    def write(file: tuple[Path, Path, str]) -> None:
        _write(*file, settings=settings)

    total = num_present + len(files)
    # Decoding, resizing and encoding let go of the interpreter lock. The scan has said what can't be used.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        warnings.simplefilter("ignore")
        try:
            for done, _ in enumerate(pool.map(write, files), start=num_present + 1):
                if progress:
                    progress(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write(source: Path, target: Path, digest: str, *, settings: Settings) -> None:
    with Image.open(io.BytesIO(read_unchanged(source, digest)), formats=FORMATS) as image:
        # From bare pixels: an image made of an array has no metadata that could be written.
        pixels = Image.fromarray(square(image, settings.size_px))
    with replace_file(target) as partial:
        if settings.format == "jpeg":
            pixels.save(partial, "JPEG", quality=settings.quality, subsampling=SUBSAMPLING)
        else:
            pixels.save(partial, "PNG")


def _carry_labels(root: Path, out: Path, targets: Mapping[str, str]) -> None:
    """Write the CSV files of the csv layout; rows whose image could not be used are left out."""
    by_stem = {PurePosixPath(path).with_suffix("").as_posix(): path for path in targets}
    for table in sorted(root.glob("*.csv")):
        if table.stem.lower() not in SPLIT_NAMES:
            continue
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns, rows = list(reader.fieldnames or []), list(reader)
        kept = []
        for row in rows:
            name = f"{table.stem}/{row['image_id']}"
            if name in targets:
                new_id = targets[name].removeprefix(f"{table.stem}/")
                # An id with a suffix names a file; one without goes with any.
                has_suffix = PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
                kept.append({**row, "image_id": new_id if has_suffix else row["image_id"]})
            elif name in by_stem:
                kept.append(row)
        with replace_file(out / table.name) as partial, partial.open("w", newline="", encoding="utf-8") as to:
            writer = csv.DictWriter(to, columns, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)


def _carry_manifest(root: Path, out: Path, targets: Mapping[str, str]) -> None:
    """Write manifest.csv, from which groups can be taken, with the new paths."""
    try:
        table = pd.read_csv(root / "manifest.csv", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{root / 'manifest.csv'} can't be read as CSV: {error}") from error
    if "path" in table:
        table = table[table["path"].isin(list(targets))]
        table = table.assign(path=table["path"].map(dict(targets)))
    with replace_file(out / "manifest.csv") as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
