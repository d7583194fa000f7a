"""Layouts of data folders: the three of them, read from names alone.

`sources`: one folder per source (`wiki/`, `text2img/`, ...), real or fake by the folder's name.
`splits`:  (train|val|validation|test)/<class>/; classes real and fake, or any class folders.
`csv`:     train.csv, validation.csv, test.csv with image_id,label and a folder of images each.
No file is opened here but the CSV ones; what a file holds is `inspection`'s business.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainables.errors import InputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
SPLIT_NAMES = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}
UNLABELLED = -1
# Folders of real images in the sources layout, unless others are named.
REAL_SOURCES = ("wiki", "real")
# In the root of a copy as long as images are missing from it.
UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class ListedImage:
    """A file that claims to be an image: path relative to the root, its class and where it comes from.

    `inside` is the path of the folders between its class folder and the file, "" where it lies in the class
    folder itself. `named_group` is the group that the data set's own table gives it, "" where none does.
    """

    path: str
    label: int
    source: str
    split: str
    inside: str = ""
    named_group: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A layout's files in path order; `classes[label]` is the name of a class."""

    layout: str
    classes: tuple[str, ...]
    images: tuple[ListedImage, ...]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label table: the file that it names, its label, and its cells as they stand.

    `image_id` is normalised, with or without the file's suffix; `path` is relative to the root.
    """

    path: str
    image_id: str
    label: int
    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A CSV file of labels, train.csv, validation.csv or test.csv, and the columns that it has."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[LabelRow, ...]


def list_images(root: Path, *, layout: str, real_sources: Sequence[str]) -> Listing:
    """List the images below `root`.

    Raises:
        InputError: the folder is missing or unreadable, or does not have the layout.
    """
    _check_readable(root)
    found = detect_layout(root, real_sources=real_sources) if layout == "auto" else layout
    if found == "csv":
        listing = _list_csv(root)
    elif found == "splits":
        listing = _list_splits(root)
    else:
        listing = _list_sources(root, real_sources)
    if not listing.images:
        raise InputError(
            f"no images under {root} (layout {found}): name the folder that holds them with --data"
        )
    return listing


def _check_readable(root: Path) -> None:
    """Raise InputError unless `root` is a folder whose entries can be listed."""
    if not root.exists():
        raise InputError(
            f"no such data folder: {root}; name it with --data, or draw one with `data demo {root}`"
        )
    if not root.is_dir():
        raise InputError(f"{root} is a file, not a folder of images; name the folder with --data")
    if (root / UNFINISHED).exists():
        raise InputError(f"{root} is an unfinished copy of a data set; start the command that makes it again")
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
    images = [
        ListedImage(path, int(source.lower() not in real), source, "", _inside(path, source))
        for source in folders
        for path in files_below(root, root / source)
    ]
    return Listing("sources", ("real", "fake"), _ordered(images))


def _list_splits(root: Path) -> Listing:
    split_folders = [name for name in _folders(root) if name.lower() in SPLIT_NAMES]
    names = sorted({name.lower() for split in split_folders for name in _folders(root / split)})
    if not names:
        raise InputError(
            f"{root}: no class folders below {', '.join(split_folders) or 'train, val or test'} (splits)"
        )
    classes = ("real", "fake") if set(names) <= {"real", "fake"} else tuple(names)
    images = [
        ListedImage(
            path,
            classes.index(name.lower()),
            name.lower(),
            SPLIT_NAMES[split.lower()],
            _inside(path, f"{split}/{name}"),
        )
        for split in split_folders
        for name in _folders(root / split)
        for path in files_below(root, root / split / name)
    ]
    return Listing("splits", classes, _ordered(images))


def _list_csv(root: Path) -> Listing:
    tables = read_label_tables(root)
    if not tables:
        raise InputError(f"{root}: no train.csv, validation.csv or test.csv (csv)")
    top = max((row.label for table in tables for row in table.rows), default=UNLABELLED)
    classes = ("real", "fake") if top <= 1 else tuple(str(label) for label in range(top + 1))
    images: dict[str, ListedImage] = {}
    for table in tables:
        split = SPLIT_NAMES[table.path.stem.lower()]
        for row in table.rows:
            if row.path in images:
                raise InputError(
                    f"{table.path}, line {row.line}: {row.path} comes twice; keep one of the rows"
                )
            source = classes[row.label] if row.label != UNLABELLED else "unlabelled"
            images[row.path] = ListedImage(row.path, row.label, source, split)
    return Listing("csv", classes, _ordered(images.values()))


def read_label_tables(root: Path) -> tuple[LabelTable, ...]:
    """Read the label tables of the csv layout in the order of their names.

    Raises:
        InputError: a table can't be read, an id is no name inside its folder or comes twice, or a label is
            no whole number.
    """
    paths = [path for path in sorted(root.glob("*.csv")) if path.stem.lower() in SPLIT_NAMES]
    return tuple(_read_label_table(root, path) for path in paths)


def _read_label_table(root: Path, table: Path) -> LabelTable:
    is_test = SPLIT_NAMES[table.stem.lower()] == "test"
    files = _files_by_id(root, table)
    rows: dict[str, LabelRow] = {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = tuple(reader.fieldnames or ())
            if "image_id" not in columns or ("label" not in columns and not is_test):
                raise InputError(
                    f"{table}: columns image_id,label are needed; it has {','.join(columns) or 'none'}"
                )
            for cells in reader:
                where = f"{table}, line {reader.line_num}"
                image_id = _image_id(cells["image_id"] or "", where, folder=table.stem)
                if image_id in rows:
                    raise InputError(f"{where}: image_id {image_id!r} comes twice; keep one of the rows")
                label = _label((cells.get("label") or "").strip(), where, unlabelled_ok=is_test)
                # A row without a file is listed as unusable, like a file that can't be read.
                path = files.get(image_id, f"{table.stem}/{image_id}")
                given = {name: cells[name] or "" for name in columns}
                rows[image_id] = LabelRow(path, image_id, label, reader.line_num, given)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} can't be read as UTF-8 CSV: {error}") from error
    return LabelTable(table, columns, tuple(rows.values()))


def _image_id(text: str, where: str, *, folder: str) -> str:
    """Return an id as the path that it is: "a//b" and "./a/b" are the file "a/b", and come once."""
    is_outside = ".." in Path(text).parts or Path(text).is_absolute()
    if text.strip() in ("", ".") or "\x00" in text or is_outside:
        raise InputError(f"{where}: image_id {text!r} is not a name inside {folder}/")
    return PurePosixPath(text).as_posix()


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
    for path in files_below(root, folder) if folder.is_dir() else ():
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


def files_below(root: Path, folder: Path) -> Iterator[str]:
    """Yield the paths of the files below `folder`, relative to `root`, without hidden ones.

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


def _inside(path: str, class_folder: str) -> str:
    """Return the folders of `path` below its class folder, "" for none."""
    between = PurePosixPath(path).parent.relative_to(class_folder).as_posix()
    return "" if between == "." else between


def _ordered(images: Iterable[ListedImage]) -> tuple[ListedImage, ...]:
    return tuple(sorted(images, key=lambda image: image.path))
