"""Copies of a data set: the one writer of a folder that scans to the same rows as the original.

In:  a manifest, and how an image becomes the one that is written (`CopyMethod`). Out: a folder with one image
per row of the manifest under the same name (the suffix may change), the CSV files with the new names
(`copied_tables`), copy.json, which says what it was made of and with which settings, and a list of its files
with the content of each original (`copy_log`). Files that the scan left out are not copied.

Every file is written atomically and stays below the folder, links followed. While the copy is incomplete it
holds the file UNFINISHED, and a scan refuses it. A second call takes an image as up to date only where it was
made of the same content; other settings, another source, and images that the original no longer has are
refused, so that a folder never holds two kinds of images.
"""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from trainables.data.copies.copied_tables import CopiedTable, plan_tables, write_tables
from trainables.data.copies.copy_log import CopyLog
from trainables.data.dataset.layouts import IMAGE_SUFFIXES, UNFINISHED, files_below
from trainables.data.dataset.manifest import Manifest
from trainables.data.images.decoding import read_unchanged
from trainables.data.images.inspection import num_workers, open_image
from trainables.data.images.path_checks import resolved
from trainables.errors import InputError
from trainables.files import read_json, replace_file, write_json
from trainables.progress import OnProgress

RECORD = "copy.json"
Setting = str | int | float | None


@dataclass(frozen=True, slots=True)
class CopyRecord:
    """What a copy is made of: the command, the original's folder, and the settings that decide its bytes."""

    command: str
    source: str
    settings: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How an image is written: Pillow's name of the format and its options.

    `suffix` is that of the file that is written; None = it keeps its own.
    """

    format: str
    options: Mapping[str, str | int | bool]
    suffix: str | None = None


@dataclass(frozen=True, slots=True)
class CopyMethod:
    """How an image becomes the one that is written.

    `encoding_of` takes the path of the original; `render` takes the freshly opened image and its content hash
    and returns uint8 [H, W, 3] RGB, so that no metadata of the original can be written.
    """

    encoding_of: Callable[[str], Encoding]
    render: Callable[[Image.Image, str], np.ndarray]


@dataclass(frozen=True, slots=True)
class CopyCounts:
    """How many images a call wrote, and how many were up to date."""

    written: int
    present: int


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What a copy will hold: path of the original -> path in the copy, and the CSV files."""

    targets: Mapping[str, str]
    encodings: Mapping[str, Encoding]
    tables: tuple[CopiedTable, ...]


@dataclass(frozen=True, slots=True)
class _CopiedImage:
    source: Path
    target: str
    sha256: str
    encoding: Encoding


def check_target(out: Path, record: CopyRecord) -> None:
    """See that `out` is empty, or was begun with the same record.

    Raises:
        InputError: it is neither, or lies inside the original (or around it).
    """
    inner, outer = resolved(out), resolved(Path(record.source))
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise InputError(f"{out} and the data folder {outer} lie inside each other; name another folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is a file; name a new folder")
    if not any(out.iterdir()):
        return
    before = _read_record(out)
    if before.command != record.command:
        raise InputError(f"{out} was made by `{before.command}`; remove it or name another folder")
    if before.source != record.source:
        raise InputError(f"{out} was made of {before.source}; remove it or name another folder")
    if before.settings != record.settings:
        there, asked = before.settings, record.settings
        differ = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
        told = ", ".join(f"{name} {there.get(name)} there, {asked.get(name)} asked for" for name in differ)
        raise InputError(f"{out} was made with other settings ({told}); remove it or name another folder")


def _read_record(out: Path) -> CopyRecord:
    try:
        record = CopyRecord(**read_json(out / RECORD))
        texts = (record.command, record.source)
        if not all(isinstance(text, str) for text in texts) or not isinstance(record.settings, dict):
            raise ValueError("it does not say what the copy was made of")
        return record
    except FileNotFoundError:
        raise InputError(
            f"{out} holds files that are no copy of a data set; name a new folder, or remove it first"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{out / RECORD} can't be read ({error}); remove {out} or name another") from error


def plan_copy(
    manifest: Manifest, out: Path, *, record: CopyRecord, encoding_of: Callable[[str], Encoding]
) -> CopyPlan:
    """Say what a copy will hold, before anything is written or any image is read.

    Args:
        manifest: what `scan` found.
        out: a folder that does not exist, is empty, or holds a copy with the same record.
        record: what is kept as copy.json.
        encoding_of: as in `CopyMethod`.

    Raises:
        InputError: `out` holds something else, a link in it leads elsewhere, two images would get one name,
            or a CSV file can't be read.
    """
    encodings = {path: encoding_of(path) for path in manifest.rows["path"]}
    targets = {path: _target(path, encoding) for path, encoding in encodings.items()}
    _check_names(manifest.root, targets)
    check_target(out, record)
    _check_inside(out, targets)
    _check_leftovers(manifest.root, out, targets)
    return CopyPlan(targets, encodings, plan_tables(manifest, targets))


def write_copy(
    manifest: Manifest,
    out: Path,
    *,
    record: CopyRecord,
    method: CopyMethod,
    progress: OnProgress | None = None,
) -> CopyCounts:
    """Write what is missing of a copy of a data set.

    Args:
        manifest: what `scan` found.
        out: a folder that does not exist, is empty, or holds a copy with the same record.
        record: what is kept as copy.json.
        method: how each image is made.
        progress: called with (images done, images in all).

    Raises:
        InputError: as `plan_copy` does; or `out` can't be written, or an image changed since it was scanned.
    """
    plan = plan_copy(manifest, out, record=record, encoding_of=method.encoding_of)
    images = [
        _CopiedImage(manifest.root / path, plan.targets[path], digest, plan.encodings[path])
        for path, digest in zip(manifest.rows["path"], manifest.rows["sha256"], strict=True)
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / RECORD, asdict(record))
        (out / UNFINISHED).touch()
        written = _write_files(out, images, plan.tables, method, progress)
        (out / UNFINISHED).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{out} can't be written ({error.strerror or error}); free some space or name another folder; "
            "what is there is whole, and the same command goes on with what is missing"
        ) from error
    return CopyCounts(written, len(images) - written)


def _target(path: str, encoding: Encoding) -> str:
    return path if encoding.suffix is None else PurePosixPath(path).with_suffix(encoding.suffix).as_posix()


def _check_names(root: Path, targets: Mapping[str, str]) -> None:
    sources: dict[str, list[str]] = {}
    for path, target in targets.items():
        sources.setdefault(target, []).append(path)
    met = {target: paths for target, paths in sources.items() if len(paths) > 1}
    if met:
        target, paths = next(iter(met.items()))
        raise InputError(
            f"{root}: {', '.join(paths)} differ in their suffix alone and would all become {target}; "
            f"rename or remove all but one ({len(met)} such names)"
        )


def _check_inside(out: Path, targets: Mapping[str, str]) -> None:
    """Refuse names, and links that are in `out` already, by which a file would be written elsewhere."""
    real_out = resolved(out)
    for folder in dict.fromkeys((out / target).parent for target in targets.values()):
        if not resolved(folder).is_relative_to(real_out):
            raise InputError(f"{folder} leads out of {out}; remove the link, or name another folder")


def _check_leftovers(root: Path, out: Path, targets: Mapping[str, str]) -> None:
    wanted = set(targets.values())
    left = [
        path
        for path in (files_below(out, out) if out.is_dir() else ())
        if path not in wanted and PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES
    ]
    if left:
        raise InputError(
            f"{out} holds images that {root} has no longer, or of a file that can't be used any more: "
            f"{left[0]} ({len(left)} such files); remove them, or name another folder"
        )


def _write_files(
    out: Path,
    images: Sequence[_CopiedImage],
    tables: Sequence[CopiedTable],
    method: CopyMethod,
    progress: OnProgress | None,
) -> int:
    """Write the images that are not up to date, and all tables; tell how many images were written."""
    log = CopyLog(out)
    known, names = log.read(), {table.name for table in tables}
    present = {
        image.target
        for image in images
        if known.get(image.target) == image.sha256 and _is_own_file(out / image.target)
    }
    missing = [image for image in images if image.target not in present]
    # A table that was written before and that the original has lost; others in the root are the user's.
    stale = {
        name for name, digest in known.items() if not digest and name.endswith(".csv") and "/" not in name
    } - names
    kept = {image.target: image.sha256 for image in images if image.target in present}
    log.rewrite(kept | dict.fromkeys(names | stale, ""))
    _write_images(out, missing, method, log, _counted(progress, len(present), len(images)))
    write_tables(out, tables)
    for name in stale:
        (out / name).unlink(missing_ok=True)
    log.rewrite({image.target: image.sha256 for image in images} | dict.fromkeys(names, ""))
    return len(missing)


def _is_own_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _counted(progress: OnProgress | None, before: int, total: int) -> Callable[[int], None]:
    """Report how many of all images are done, those included that were up to date."""

    def tell(done: int) -> None:
        if progress:
            progress(before + done, total)

    if before:
        tell(0)
    return tell


def _write_images(
    out: Path, images: Sequence[_CopiedImage], method: CopyMethod, log: CopyLog, tell: Callable[[int], None]
) -> None:
    # Decoding, resizing and encoding let go of the interpreter lock. What Pillow would warn of has been said
    # by the scan.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        warnings.simplefilter("ignore")
        try:
            for done, _ in enumerate(
                pool.map(lambda image: _write_image(out, image, method, log), images), 1
            ):
                tell(done)
        finally:
            pool.shutdown(cancel_futures=True)


def _write_image(out: Path, image: _CopiedImage, method: CopyMethod, log: CopyLog) -> None:
    content = io.BytesIO(read_unchanged(image.source, image.sha256))
    with open_image(content) as opened:
        pixels = method.render(opened, image.sha256)
    with replace_file(out / image.target) as partial:
        Image.fromarray(pixels).save(partial, format=image.encoding.format, **image.encoding.options)
    log.add(image.target, image.sha256)
