"""Label tables of a data folder: a file and its label per row, in CSV, JSON lines or Parquet.

Tables are called train, validation or test (and the like), labels, or metadata, and lie anywhere below the
folder. A column names the file (path, file_name, image_id, ...), another the label (label, target, is_fake,
...); source, group and split are optional. CSV is UTF-8, with or without a byte order mark; commas,
semicolons, tabs or bars divide its cells. Names are those of files below the folder: as they stand, below the
table's folder, in a folder called like the table, or the one file whose path ends so; with or without suffix.
Nothing outside the folder is named.

Tables of ArtiFact (Rahman et al. 2023: filename, image_path, target in a metadata.csv per generator) number
generators: target is 0 for real images, and any other number is that of a generator. The source is the folder
of the table there, <folder>/real for real images beside fakes.
"""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from trainables.data.dataset.layouts import split_of
from trainables.data.dataset.polarity import Kind, kind_of
from trainables.errors import InputError
from trainables.files import read_text
from trainables.outside_text import from_spreadsheet, without_middle
from trainables.parquet_files import read_parquet

TABLE_STEMS = frozenset(("labels", "label", "metadata"))
TABLE_SUFFIXES = frozenset((".csv", ".tsv", ".jsonl", ".parquet"))
FILE_COLUMNS = (
    "path", "file_name", "filename", "file_path", "filepath", "image_path", "image_id", "image", "file", "id"
)  # fmt: skip
LABEL_COLUMNS = ("label", "labels", "class", "label_str", "target", "is_fake", "is_real", "type")
# What 1 and 0 mean in a column that is called after a class.
NAMED_NUMBERS: Mapping[str, Mapping[str, Kind]] = {
    "is_fake": {"1": "fake", "0": "real"},
    "is_real": {"1": "real", "0": "fake"},
}
ARTIFACT_COLUMNS = frozenset(("filename", "image_path", "target"))
NAME_COLUMNS = ("label_str", "label_name", "class_name")
MAX_LABEL = 999
_DRIVE = re.compile(r"[A-Za-z]:/")
Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label table: the file that it names, its label, and its cells as they stand.

    `image_id` is normalised, with or without the file's suffix; `path` is relative to the root, and
    `is_found` tells whether there is such a file. `label` is a whole number as text, a name, or "" for none;
    `label_name` is what a column beside a number says in words.
    """

    path: str
    is_found: bool
    image_id: str
    label: str
    label_name: str
    source: str
    group: str
    split: str
    line: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A table of labels: its columns, and the one that names the files."""

    path: Path
    columns: tuple[str, ...]
    file_column: str
    rows: tuple[LabelRow, ...]


class FileIndex:
    """The files below a root, found by the names that tables give them."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Index paths relative to the root."""
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            self._by_path[path] = path
            self._by_name[PurePosixPath(path).name].append(path)
        for path in list(self._by_path):
            stem = PurePosixPath(path).with_suffix("").as_posix()
            self._by_path.setdefault(stem, path)
            if stem != path:
                self._by_name[PurePosixPath(stem).name].append(path)

    def at(self, path: str) -> str | None:
        """Return the file of this path, given with or without suffix."""
        return self._by_path.get(path)

    def ending_in(self, name: str) -> tuple[str, ...]:
        """Return the files whose paths end in `name`, given with or without suffix."""
        tail, found = f"/{name}", self._by_name.get(PurePosixPath(name).name, ())
        return tuple(
            path
            for path in found
            if any(f"/{each}".endswith(tail) for each in (path, PurePosixPath(path).with_suffix("")))
        )


def is_label_table(path: str) -> bool:
    """Tell whether a file is called like a label table."""
    name = PurePosixPath(path)
    stem = name.stem.lower()
    return name.suffix.lower() in TABLE_SUFFIXES and bool(stem in TABLE_STEMS or split_of(stem))


def read_label_table(root: Path, table: str, files: FileIndex, *, needed: bool) -> LabelTable | None:
    """Read a label table; None where it has no column of files or none of labels, unless it is needed.

    A table that is called like test may leave out labels.

    Raises:
        InputError: it can't be read or lacks a column; a row names a file outside the folder, or several; a
            file comes twice; or a label is missing, or neither a whole number from 0 to 999 nor a name.
    """
    path = root / table
    own_split = split_of(path.stem)
    columns, lines = read_cells(path)
    lower = {name.strip().lower(): name for name in columns}
    named = [lower[name] for name in FILE_COLUMNS if name in lower]
    label_column = label_column_of(lower, lines)
    if not named or (label_column is None and own_split != "test"):
        if needed:
            raise InputError(
                f"{path}: a column of files ({', '.join(FILE_COLUMNS[:2])}, image_id, ...) and one called "
                f"label, target or is_fake are needed; it has {','.join(columns) or 'none'}"
            )
        return None
    resolver = _Resolver(path, PurePosixPath(table).parent.as_posix(), files)
    column = named[0]
    if len(named) > 1:
        column = max(named, key=lambda name: resolver.num_found(cells[name] for _, cells in lines))
    rows: dict[str, LabelRow] = {}
    for line, cells in lines:
        where = f"{path}, line {line}"
        image_id = _image_id(cells[column], where, column=column, folder=path.stem)
        if image_id in rows:
            raise InputError(
                f"{where}: {column} {image_id!r} comes twice, in line {rows[image_id].line} before; keep one "
                "of the rows"
            )
        found = resolver.file(image_id, where)
        split = split_of(_cell(cells, lower, "split")) or own_split or _split_above(found or "")
        label = _label(
            cells[label_column] if label_column else "",
            where,
            column=(label_column or "").strip().lower(),
            unlabelled_ok=split == "test",
        )
        rows[image_id] = LabelRow(
            path=found or resolver.expected(image_id),
            is_found=found is not None,
            image_id=image_id,
            label=label,
            label_name=_label_name(cells, lower, label, label_column),
            source=_cell(cells, lower, "source"),
            group=_cell(cells, lower, "group"),
            split=split,
            line=line,
            cells=cells,
        )
    read = tuple(rows.values())
    if lower.keys() >= ARTIFACT_COLUMNS and label_column == lower["target"]:
        read = _of_artifact(read, folder=resolver.folder)
    return LabelTable(path, columns, column, read)


def label_column_of(lower: Mapping[str, str], lines: Sequence[tuple[int, Cells]]) -> str | None:
    """Return the column of labels; one called type is none unless it speaks of real or fake images."""
    for name in LABEL_COLUMNS:
        if name in lower and (name != "type" or any(kind_of(cells[lower[name]]) for _, cells in lines)):
            return lower[name]
    return None


def _label_name(cells: Cells, lower: Mapping[str, str], label: str, label_column: str | None) -> str:
    """Return what a number means in words, by a column beside it or by the name of its own column."""
    beside = next((_cell(cells, lower, name) for name in NAME_COLUMNS if name in lower), "")
    own = NAMED_NUMBERS.get((label_column or "").strip().lower(), {})
    return beside or own.get(label, "")


def _of_artifact(rows: Sequence[LabelRow], *, folder: str) -> tuple[LabelRow, ...]:
    """Give rows of ArtiFact the two classes, and the folder of their table or of the image as source."""

    def source(row: LabelRow) -> str:
        return PurePosixPath(folder).name or row.path.partition("/")[0]

    generators = {source(row) for row in rows if row.label not in ("", "0")}
    read = []
    for row in rows:
        is_real = row.label == "0"
        name = f"{source(row)}/real" if is_real and source(row) in generators else source(row)
        label = row.label if row.label in ("", "0") else "1"
        label_name = row.label_name or ("real" if is_real else "fake" if label else "")
        read.append(replace(row, label=label, label_name=label_name, source=row.source or name))
    return tuple(read)


@dataclass(frozen=True, slots=True)
class _Resolver:
    """The files that the rows of one table name; `folder` is the table's, relative to the root."""

    table: Path
    folder: str
    files: FileIndex

    def places(self, image_id: str) -> Iterator[str]:
        """Yield where a name may stand for a file, the nearest place first."""
        here = "" if self.folder == "." else f"{self.folder}/"
        yield f"{here}{self.table.stem}/{image_id}"
        yield f"{here}{image_id}"
        yield image_id

    def expected(self, image_id: str) -> str:
        """Return where the file of a name would be that there is not: a row that is listed as unusable."""
        places = list(self.places(image_id))
        return places[0] if split_of(self.table.stem) else places[1]

    def exactly(self, image_id: str) -> str | None:
        return next((path for each in self.places(image_id) if (path := self.files.at(each))), None)

    def file(self, image_id: str, where: str) -> str | None:
        """Return the file that a name stands for; None where there is none.

        Raises:
            InputError: several files may be meant.
        """
        if found := self.exactly(image_id):
            return found
        ending = self.files.ending_in(image_id)
        if len(ending) > 1:
            raise InputError(
                f"{where}: {image_id!r} may be {ending[0]} or {ending[1]}; give the path below the "
                "data folder"
            )
        return ending[0] if ending else None

    def num_found(self, names: Iterable[str]) -> int:
        """Count the names that stand for a file: what tells the column of files from others."""
        found = 0
        for name in names:
            text = as_posix(name)
            found += bool(text) and (self.exactly(text) is not None or len(self.files.ending_in(text)) == 1)
        return found


def read_cells(path: Path) -> tuple[tuple[str, ...], list[tuple[int, Cells]]]:
    """Return the columns of a table (CSV, JSON lines or Parquet), and each row's line and cells as text.

    Raises:
        InputError: it can't be read.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            table = read_parquet(path)
            return tuple(map(str, table.columns)), [
                (number, {str(name): _text(value) for name, value in row.items()})
                for number, row in enumerate(table.to_dict("records"), 1)
            ]
        if suffix == ".jsonl":
            return _read_json_lines(path)
        return _read_csv(path)
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        kind = {".parquet": "Parquet", ".jsonl": "JSON lines"}.get(suffix, "UTF-8 CSV")
        reason = getattr(error, "strerror", None) or without_middle(str(error))
        raise InputError(f"{path} can't be read as {kind} ({reason}); mend or remove it") from error


def _read_csv(path: Path) -> tuple[tuple[str, ...], list[tuple[int, Cells]]]:
    stream = io.StringIO(read_text(path), newline="")
    head = stream.readline()
    stream.seek(0)
    delimiter = max(",;\t|", key=head.count)
    reader = csv.DictReader(stream, delimiter=delimiter)
    columns = tuple(reader.fieldnames or ())
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise ValueError(f"two columns are called {twice[0]}")
    lines: list[tuple[int, Cells]] = []
    for cells in reader:
        if any(cells.get(None) or ()):
            raise ValueError(f"line {reader.line_num} has more cells than the first line")
        texts = {name: from_spreadsheet(cells.get(name) or "") for name in columns}
        lines.append((reader.line_num, texts))
    return columns, lines


def _read_json_lines(path: Path) -> tuple[tuple[str, ...], list[tuple[int, Cells]]]:
    lines: list[tuple[int, Cells]] = []
    columns: dict[str, None] = {}
    for number, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip():
            continue
        row = json.loads(text)
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no object")
        columns.update(dict.fromkeys(row))
        lines.append((number, {name: _text(value) for name, value in row.items()}))
    every = tuple(columns)
    return every, [(number, {name: cells.get(name, "") for name in every}) for number, cells in lines]


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def _split_above(path: str) -> str:
    return next((split for folder in path.split("/")[:-1] if (split := split_of(folder))), "")


def _cell(cells: Cells, lower: Mapping[str, str], name: str) -> str:
    return cells[lower[name]].strip() if name in lower else ""


def as_posix(text: str) -> str:
    """Return a name as the path that it is: "a//b" and "./a/b" are the file "a/b"; backslashes divide too."""
    plain = text if "/" in text else text.replace("\\", "/")
    return PurePosixPath(plain).as_posix() if plain.strip() not in ("", ".") else ""


def _image_id(text: str, where: str, *, column: str, folder: str) -> str:
    plain = as_posix(text)
    path = PurePosixPath(plain)
    is_outside = ".." in path.parts or path.is_absolute() or bool(_DRIVE.match(plain))
    if not plain or "\x00" in text or is_outside:
        raise InputError(f"{where}: {column} {text!r} is not a name inside {folder}/ or the data folder")
    return plain


def _label(text: str, where: str, *, column: str, unlabelled_ok: bool) -> str:
    """Return a label as a whole number or a name: "1.0" is "1", and so is "true" in is_fake."""
    label = text.strip()
    if column in NAMED_NUMBERS and label:
        answer = {"true": "1", "false": "0", "1.0": "1", "0.0": "0"}.get(label.lower(), label)
        if answer not in NAMED_NUMBERS[column]:
            raise InputError(f"{where}: {column} is {label!r}, but may be 0, 1, true or false")
        return answer
    if not label:
        if unlabelled_ok:
            return ""
        raise InputError(
            f"{where}: no label; only rows of a test split may leave labels out, label the row or remove it"
        )
    try:
        number = float(label)
    except ValueError:
        return label
    if not (number.is_integer() and 0 <= number <= MAX_LABEL):
        raise InputError(
            f"{where}: label {label!r} is neither a whole number from 0 to {MAX_LABEL} nor a name"
        )
    return str(int(number))
