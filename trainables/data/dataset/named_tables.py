"""Tables of files to score: a column of paths, and where there is one, a column of true labels.

Paths are absolute, or relative to the table's folder, or to the folder that the command runs in. The columns
are called as in label tables. Labels are words (real, fake and the like, or the names of the models'
classes) or numbers: of two classes 1 is fake; of several, the place in the order of classes. Labels that
don't say a class of the models are none, which is said; they are never a reason to score nothing.
"""

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.data.dataset.label_tables import (
    FILE_COLUMNS,
    NAME_COLUMNS,
    NAMED_NUMBERS,
    Cells,
    label_column_of,
    read_cells,
)
from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.polarity import BINARY, Vocabulary, fold, listed
from trainables.errors import InputError

TRUTHS = {"true": "1", "false": "0"}


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table of files: paths as its cells have them, where they lie, labels (-1 = none), and groups."""

    paths: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    groups: tuple[str, ...]
    notes: tuple[str, ...]


def read_named_table(table: Path, *, classes: Sequence[str], vocabulary: Vocabulary) -> NamedTable:
    """Read a table of files.

    Args:
        table: CSV, JSON lines or Parquet.
        classes: the classes that the models tell apart, in order.
        vocabulary: what names of labels mean.

    Raises:
        InputError: it can't be read, has no column of files, or no rows; or two rows say two things of one
            file.
    """
    columns, lines = read_cells(table)
    lower = {name.strip().lower(): name for name in columns}
    named = [lower[name] for name in FILE_COLUMNS if name in lower]
    rows = [cells for _, cells in lines]
    numbers = [number for number, _ in lines]
    if not named:
        raise InputError(
            f"{table}: a column of files ({', '.join(FILE_COLUMNS[:2])}, ...) is needed; it has "
            f"{','.join(columns) or 'none'}"
        )
    if not rows:
        raise InputError(f"{table} names no image; a row for each is needed")
    column = max(named, key=lambda name: sum(os.path.isfile(_place(cells[name], table)) for cells in rows))
    paths = tuple(cells[column] for cells in rows)
    files = tuple(_place(path, table) for path in paths)
    labels, notes = _labels(rows, lower, label_column_of(lower, lines), classes, vocabulary, table=table)
    group = lower.get("group")
    given = [cells[group] if group else "" for cells in rows]
    groups = tuple(name or str(file) for name, file in zip(given, files, strict=True))
    told = [classes[label] if label != UNLABELLED else "" for label in labels]
    for what, values in (("label", told), ("group", given)):
        _refuse_two_answers(files, values, numbers, what=what, table=table)
    return NamedTable(paths, files, labels, groups, notes)


def _refuse_two_answers(
    files: Sequence[Path], values: Sequence[str], lines: Sequence[int], *, what: str, table: Path
) -> None:
    """Refuse two rows on one file of which each says something else; an empty cell says nothing."""
    seen: dict[Path, tuple[str, int]] = {}
    for file, value, line in zip(files, values, lines, strict=True):
        before, first = seen.setdefault(file, (value, line)) if value else ("", line)
        if before != value:
            raise InputError(
                f"{table}: {file} has two {what}s, in line {first} and in line {line}; keep one of the rows"
            )


def _place(cell: str, table: Path) -> Path:
    """Where the file of a cell lies: beside the table, else where the command runs."""
    beside = table.absolute().parent / cell.strip()
    elsewhere = Path(cell.strip()).absolute()
    # Unlike Path.is_file, this has an answer for what no file can be called.
    return elsewhere if not os.path.isfile(beside) and os.path.isfile(elsewhere) else beside


def _labels(
    rows: Sequence[Cells],
    lower: Mapping[str, str],
    label_column: str | None,
    classes: Sequence[str],
    vocabulary: Vocabulary,
    *,
    table: Path,
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The label of each row by the first column that says one; else none, and why."""
    columns = [lower[name] for name in NAME_COLUMNS if name in lower]
    columns += [label_column] if label_column is not None and label_column not in columns else []
    for column in columns:
        texts = [_plain(cells[column], column) for cells in rows]
        meaning = _meaning(sorted({text for text in texts if text}), column, classes, vocabulary, table=table)
        if meaning:
            return tuple(meaning.get(text, UNLABELLED) for text in texts), ()
    notes: tuple[str, ...] = ()
    if columns:
        values = sorted({cells[columns[-1]].strip() for cells in rows})
        notes = (
            f"No true labels are known: {columns[-1]} of {table} ({listed(values)}) does not say which of "
            f"{listed(classes)} an image is.",
        )
    return (UNLABELLED,) * len(rows), notes


def _meaning(
    names: Sequence[str], column: str, classes: Sequence[str], vocabulary: Vocabulary, *, table: Path
) -> dict[str, int]:
    """Map what a column of labels holds to classes of the models; nothing where it says no such classes."""
    numbers = {name: int(name) for name in names if name.isdecimal()}
    if tuple(classes) != BINARY:
        theirs = {fold(name): label for label, name in enumerate(classes)}
        by_name = {name: theirs[fold(name)] for name in names if fold(name) in theirs}
        found = by_name if len(by_name) == len(names) else numbers
        is_told = len(found) == len(names) and all(number < len(classes) for number in found.values())
        return found if is_told else {}
    if len(numbers) == len(names) and set(numbers) <= {"0", "1"} and not vocabulary.real_sources:
        own = NAMED_NUMBERS.get(column.strip().lower(), {})
        return {name: BINARY.index(own[name]) if name in own else number for name, number in numbers.items()}
    kinds = {name: BINARY.index(kind) for name in names if (kind := vocabulary.kind(name)) is not None}
    if len(kinds) == len(names):
        return kinds
    try:
        read = vocabulary.read(names, where=str(table), as_sources=False)
    except InputError:
        return {}
    return dict(read.labels) if read.classes == BINARY else {}


def _plain(cell: str, column: str) -> str:
    """A label as a number or a name: "1.0" is "1", and "true" is so in a column called is_fake or is_real."""
    text = cell.strip()
    if column.strip().lower() in NAMED_NUMBERS:
        text = TRUTHS.get(text.lower(), text)
    whole = text.removesuffix(".0")
    return whole if whole.isdecimal() else text
