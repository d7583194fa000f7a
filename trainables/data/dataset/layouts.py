"""Where the images are and what they are called: the three layouts, read from names alone.

`sources`: one folder per source (`wiki/`, `text2img/`, ...), real or fake by the folder's name.
`splits`:  (train|val|validation|test)/<class>/; classes real and fake, or any class folders.
`csv`:     train.csv, validation.csv, test.csv with image_id,label and a folder of images each.
No file is opened here but the CSV ones; what a file holds is `inspection`'s business.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainables.errors import InputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
SPLIT_NAMES = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}
UNLABELLED = -1
# Folders of real images in the sources layout, unless others are named.
REAL_SOURCES = ("wiki", "real")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that claims to be an image: path relative to the root, its class and where it comes from."""

    path: str
    label: int
    source: str
    split: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A layout's files in path order; `classes[label]` is the name of a class."""

    layout: str
    classes: tuple[str, ...]
    candidates: tuple[Candidate, ...]


def list_images(root: Path, *, layout: str, real_sources: Sequence[str]) -> Listing:
    """List the images below `root`.

    Raises:
        InputError: the folder is missing or unreadable, or does not have the layout.
    """
    check_readable(root)
    found = detect_layout(root, real_sources=real_sources) if layout == "auto" else layout
    if found == "csv":
        listing = _list_csv(root)
    elif found == "splits":
        listing = _list_splits(root)
    else:
        listing = _list_sources(root, real_sources)
    if not listing.candidates:
        raise InputError(
            f"no images under {root} (layout {found}): name the folder that holds them with --data"
        )
    return listing


def check_readable(root: Path) -> None:
    """Raise InputError unless `root` is a folder whose entries can be listed."""
    if not root.exists():
        raise InputError(
            f"no such data folder: {root}; name it with --data, or draw one with `data demo {root}`"
        )
    if not root.is_dir():
        raise InputError(f"{root} is a file, not a folder of images; name the folder with --data")
    try:
        os.listdir(root)
    except OSError as error:
        raise InputError(
            f"the data folder {root} can't be read ({error.strerror}); check its permissions"
        ) from error


def detect_layout(root: Path, *, real_sources: Sequence[str]) -> str:
    """Tell the layout of `root` from the names in it, or raise InputError with what was looked for."""
    folders = _folders(root)
    if (root / "train.csv").is_file():
        return "csv"
    if any(name.lower() in SPLIT_NAMES and _folders(root / name) for name in folders):
        return "splits"
    real = {name.lower() for name in real_sources}
    if any(name.lower() in real for name in folders):
        return "sources"
    raise InputError(
        f"{root} has none of the known layouts: train.csv (csv), train/ with class folders (splits), or a "
        f"folder of real images named {' or '.join(real_sources)} (sources); "
        f"here are: {', '.join(folders[:8]) or 'no folders'}. "
        "Set layout and real_sources to say what is what"
    )


def _list_sources(root: Path, real_sources: Sequence[str]) -> Listing:
    folders = _folders(root)
    real = {name.lower() for name in real_sources}
    if not any(name.lower() in real for name in folders):
        raise InputError(
            f"{root}: no folder of real images; real_sources is {', '.join(real_sources)}, "
            f"the folders are {', '.join(folders[:12]) or 'none'}"
        )
    candidates = [
        Candidate(path, int(source.lower() not in real), source, "")
        for source in folders
        for path in _walk(root, root / source)
    ]
    return Listing("sources", ("real", "fake"), _ordered(candidates))


def _list_splits(root: Path) -> Listing:
    split_folders = [name for name in _folders(root) if name.lower() in SPLIT_NAMES]
    names = sorted({name.lower() for split in split_folders for name in _folders(root / split)})
    if not names:
        raise InputError(
            f"{root}: no class folders below {', '.join(split_folders) or 'train, val or test'} (splits)"
        )
    classes = ("real", "fake") if set(names) <= {"real", "fake"} else tuple(names)
    candidates = [
        Candidate(path, classes.index(name.lower()), name.lower(), SPLIT_NAMES[split.lower()])
        for split in split_folders
        for name in _folders(root / split)
        for path in _walk(root, root / split / name)
    ]
    return Listing("splits", classes, _ordered(candidates))


def _list_csv(root: Path) -> Listing:
    tables = [path for path in sorted(root.glob("*.csv")) if path.stem.lower() in SPLIT_NAMES]
    if not tables:
        raise InputError(f"{root}: no train.csv, validation.csv or test.csv (csv)")
    rows = [(table, *row) for table in tables for row in _read_labels(table)]
    top = max((label for _, _, label, _ in rows), default=UNLABELLED)
    classes = ("real", "fake") if top <= 1 else tuple(str(label) for label in range(top + 1))
    files = {table: _files_by_id(root, table) for table in tables}
    candidates: dict[str, Candidate] = {}
    for table, image_id, label, line in rows:
        # A row without a file is listed as unusable, like a file that can't be read.
        path = files[table].get(image_id, f"{table.stem}/{image_id}")
        if path in candidates:
            raise InputError(f"{table}, line {line}: {path} comes twice; keep one of the rows")
        source = classes[label] if label != UNLABELLED else "unlabelled"
        candidates[path] = Candidate(path, label, source, SPLIT_NAMES[table.stem.lower()])
    return Listing("csv", classes, _ordered(candidates.values()))


def _read_labels(table: Path) -> Iterator[tuple[str, int, int]]:
    """Yield id, label and line of each row."""
    is_test = SPLIT_NAMES[table.stem.lower()] == "test"
    seen: set[str] = set()
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            if "image_id" not in columns or ("label" not in columns and not is_test):
                raise InputError(
                    f"{table}: columns image_id,label are needed; it has {','.join(columns) or 'none'}"
                )
            for row in reader:
                image_id, text = row["image_id"] or "", (row.get("label") or "").strip()
                where = f"{table}, line {reader.line_num}"
                if (
                    image_id.strip() in ("", ".")
                    or "\x00" in image_id
                    or ".." in Path(image_id).parts
                    or Path(image_id).is_absolute()
                ):
                    raise InputError(f"{where}: image_id {image_id!r} is not a name inside {table.stem}/")
                # "a//b" and "./a/b" are the file "a/b": else one image could come twice, with two labels.
                image_id = PurePosixPath(image_id).as_posix()
                if image_id in seen:
                    raise InputError(f"{where}: image_id {image_id!r} comes twice; keep one of the rows")
                seen.add(image_id)
                yield image_id, _label(text, where, unlabelled_ok=is_test), reader.line_num
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} can't be read as UTF-8 CSV: {error}") from error


def _label(text: str, where: str, *, unlabelled_ok: bool) -> int:
    if not text:
        if unlabelled_ok:
            return UNLABELLED
        raise InputError(f"{where}: no label; only test.csv may leave labels out, label the row or remove it")
    if not text.isdecimal() or int(text) > 999:
        raise InputError(f"{where}: label {text!r} is not a whole number from 0 to 999 (1 = fake)")
    return int(text)


def _files_by_id(root: Path, table: Path) -> dict[str, str]:
    """Map an id, with and without its suffix, to the file below the table's folder."""
    folder = root / table.stem
    by_id: dict[str, str] = {}
    for path in _walk(root, folder) if folder.is_dir() else ():
        inside = path.removeprefix(f"{table.stem}/")
        by_id[inside] = path
        by_id.setdefault(os.path.splitext(inside)[0], path)
    return by_id


def _folders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(
                entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)
            )
    except OSError as error:
        raise InputError(
            f"the folder {root} can't be read ({error.strerror}); check its permissions"
        ) from error


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads round in a circle leads to no folder.
        return False


def _walk(root: Path, folder: Path) -> Iterator[str]:
    """Paths of the files below `folder`, relative to `root`, without hidden ones.

    Links to folders are not followed but named like files, so that what is behind them is not left out in
    silence.
    """

    def fail(error: OSError) -> None:
        raise InputError(
            f"{error.filename} can't be read ({error.strerror}); check its permissions"
        ) from error

    for directory, folders, files in os.walk(folder, onerror=fail, followlinks=False):
        linked = [name for name in folders if os.path.islink(os.path.join(directory, name))]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted([*files, *linked]):
            if not name.startswith("."):
                yield Path(directory, name).relative_to(root).as_posix()


def _ordered(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda candidate: candidate.path))
