"""Listings made from label tables, and what tables add to images that their folders tell already.

Numbers are given a polarity by what stands beside them: a column of names (label_str), or folders called
like real and fake; else 1 is fake. Where two of these contradict each other the table is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from trainables.data.dataset.folder_trees import Tree
from trainables.data.dataset.label_tables import (
    FileIndex,
    LabelRow,
    LabelTable,
    is_label_table,
    read_label_table,
)
from trainables.data.dataset.layouts import (
    UNLABELLED,
    Layout,
    ListedImage,
    Listing,
    Reading,
    in_path_order,
    split_of,
)
from trainables.data.dataset.polarity import (
    BINARY,
    Kind,
    NamedClasses,
    Vocabulary,
    kind_of,
    listed,
    way_out,
)
from trainables.errors import InputError

UNLABELLED_SOURCE = "unlabelled"
FAKE_NUMBER, REAL_NUMBER = "1", "0"


def find_label_tables(tree: Tree, *, needed: bool) -> tuple[LabelTable, ...]:
    """Read the label tables below a data folder, in the order of their paths.

    Where they are `needed`, those that are called like splits in the root must have their columns.

    Raises:
        InputError: as `read_label_table` does.
    """
    names = [path for path in tree.beside if is_label_table(path)]
    if not names:
        return ()
    files = FileIndex(tree.images)
    required = {name for name in names if needed and split_of(name.partition(".")[0])}
    tables = [read_label_table(tree.root, name, files, needed=name in required) for name in names]
    return tuple(table for table in tables if table is not None)


def are_split_tables(tables: Sequence[LabelTable], tree: Tree) -> bool:
    """Tell whether tables have the csv layout: in the root, called like splits, a folder of images each."""
    return all(
        table.path.parent == tree.root
        and split_of(table.path.stem)
        and all(row.path.startswith(f"{table.path.stem}/") for row in table.rows)
        for table in tables
    )


def list_tables(tree: Tree, tables: Sequence[LabelTable], vocabulary: Vocabulary) -> Listing:
    """List the images that label tables name; others are left out, and said.

    Raises:
        InputError: a file comes twice, or labels don't say which class is which, or contradict each other.
    """
    rows = [(table, row) for table in tables for row in table.rows]
    _refuse_twice(rows)
    hints = _folder_hints(row for _, row in rows)
    found = _read_labels(rows, vocabulary, hints, where=str(tree.root))
    images = []
    for _, row in rows:
        label = found.labels[row.label] if row.label else UNLABELLED
        source = row.source or (found.classes[label] if row.label else UNLABELLED_SOURCE)
        images.append(ListedImage(row.path, label, source, row.split, "", row.group))
    called = ", ".join(table.path.relative_to(tree.root).as_posix() for table in tables)
    notes = _unnamed(tree, {row.path for _, row in rows})
    layout: Layout = "csv" if are_split_tables(tables, tree) else "tables"
    reading = Reading(f"labels in {called}", found.fake, found.real, notes)
    return Listing(layout, found.classes, in_path_order(images), reading)


def with_tables(listing: Listing, tables: Sequence[LabelTable]) -> Listing:
    """Return a listing of two classes with the sources, groups and splits that label tables give its images.

    Labels are compared. A table whose labels are neither 0 and 1 nor names of the two classes is about
    something else, and is left aside.

    Raises:
        InputError: a table contradicts a folder, or another table.
    """
    if listing.classes != BINARY:
        return listing
    hints: dict[str, Kind] = {image.path: BINARY[image.label] for image in listing.images}
    by_path: dict[str, tuple[LabelTable, LabelRow]] = {}
    aside: set[str] = set()
    for table in tables:
        rows = [(table, row) for row in table.rows if row.path in hints and row.label]
        labels = {row.label for _, row in rows}
        kinds = {label: kind_of(label) for label in labels}
        if labels <= {FAKE_NUMBER, REAL_NUMBER}:
            _number_kinds(rows, hints)
        elif all(kinds.values()):
            _refuse_other_folder(rows, kinds, hints)
        else:
            aside |= labels
            continue
        for _, row in rows:
            _refuse_other_table(*by_path.setdefault(row.path, (table, row)), table, row)
    rows_of = {path: row for path, (_, row) in by_path.items()}
    images = tuple(_completed(image, rows_of.get(image.path)) for image in listing.images)
    reading = listing.reading
    if aside:
        note = f"label tables speak of {listed(sorted(aside))}, not of real and fake; they are left aside"
        reading = replace(reading, notes=(*reading.notes, note))
    return replace(listing, images=images, reading=reading)


def _completed(image: ListedImage, row: LabelRow | None) -> ListedImage:
    if row is None:
        return image
    return replace(
        image, source=row.source or image.source, split=row.split or image.split, named_group=row.group
    )


def _refuse_other_table(first: LabelTable, known: LabelRow, table: LabelTable, row: LabelRow) -> None:
    """Refuse two rows on one image that give it another source, group or split."""
    for name in ("source", "group", "split"):
        before, now = getattr(known, name), getattr(row, name)
        if before != now:
            raise InputError(
                f"{table.path}, line {row.line}: {name} of {row.path} is {now or 'empty'}, but "
                f"{before or 'empty'} in {first.path}, line {known.line}; keep one of the two rows"
            )


def _refuse_twice(rows: Iterable[tuple[LabelTable, LabelRow]]) -> None:
    seen: dict[str, str] = {}
    for table, row in rows:
        where = f"{table.path}, line {row.line}"
        if row.path in seen:
            raise InputError(
                f"{where}: {row.path} comes twice, in {seen[row.path]} before; keep one of the rows"
            )
        seen[row.path] = where


def _folder_hints(rows: Iterable[LabelRow]) -> dict[str, Kind]:
    """Return what the deepest folder called like real or fake says of each image.

    Empty where all images lie in folders of one kind, which is then the name of the whole data set.
    """
    hints: dict[str, Kind] = {}
    for row in rows:
        for folder in (*reversed(row.path.split("/")[:-1]), *reversed(row.image_id.split("/")[:-1])):
            if kind := kind_of(folder):
                hints[row.path] = kind
                break
    return hints if len(set(hints.values())) > 1 else {}


def _read_labels(
    rows: Sequence[tuple[LabelTable, LabelRow]],
    vocabulary: Vocabulary,
    hints: Mapping[str, Kind],
    *,
    where: str,
) -> NamedClasses:
    labels = {row.label for _, row in rows if row.label}
    numbers = {label for label in labels if label.isdecimal()}
    if numbers and numbers != labels:
        number, name = (
            next(
                f"{row.label} in line {row.line} of {table.path}" for table, row in rows if row.label in some
            )
            for some in (numbers, labels - numbers)
        )
        raise InputError(
            f"{where}: labels are numbers ({number}) and names ({name}) at once; use one of the two"
        )
    if not labels <= {FAKE_NUMBER, REAL_NUMBER} and (vocabulary.real_sources or not numbers):
        found = vocabulary.read(labels, where=f"{where}, labels of its tables", as_sources=False)
        if found.fake and not vocabulary.real_sources:
            _refuse_other_folder(rows, {name: BINARY[label] for name, label in found.labels.items()}, hints)
        return found
    if not labels <= {FAKE_NUMBER, REAL_NUMBER}:
        names = tuple(str(number) for number in range(max(map(int, numbers)) + 1))
        return NamedClasses(names, {name: label for label, name in enumerate(names)})
    if vocabulary.real_sources:
        read = vocabulary.read((FAKE_NUMBER, REAL_NUMBER), where=f"{where}, labels", as_sources=False)
        kinds: dict[str, Kind] = {name: BINARY[label] for name, label in read.labels.items()}
    else:
        kinds = _number_kinds(rows, hints, otherwise=f"; {way_out([REAL_NUMBER])}")
    called = {row.label: f"{row.label} ({row.label_name})" for _, row in rows if row.label_name}
    fake, real = (
        tuple(called.get(number, number) for number, kind in kinds.items() if kind == wanted)
        for wanted in ("fake", "real")
    )
    return NamedClasses(BINARY, {number: BINARY.index(kind) for number, kind in kinds.items()}, fake, real)


def _number_kinds(
    rows: Iterable[tuple[LabelTable, LabelRow]], hints: Mapping[str, Kind], *, otherwise: str = ""
) -> dict[str, Kind]:
    """Say which of 0 and 1 is fake: what names and folders beside the numbers say, else 1.

    Raises:
        InputError: they contradict each other; `otherwise` ends the message.
    """
    first: dict[bool, str] = {}
    for table, row in rows:
        for kind in (kind_of(row.label_name), hints.get(row.path)):
            if kind and row.label:
                is_usual = (row.label == FAKE_NUMBER) == (kind == "fake")
                first.setdefault(is_usual, f"{table.path}, line {row.line}: label {row.label} for {kind}")
    if len(first) > 1:
        raise InputError(f"{first[True]}, but {first[False]}; mend one of the two{otherwise}")
    if False in first:
        return {FAKE_NUMBER: "real", REAL_NUMBER: "fake"}
    return {FAKE_NUMBER: "fake", REAL_NUMBER: "real"}


def _refuse_other_folder(
    rows: Iterable[tuple[LabelTable, LabelRow]],
    kinds: Mapping[str, Kind | None],
    hints: Mapping[str, Kind],
) -> None:
    for table, row in rows:
        hint, kind = hints.get(row.path), kinds.get(row.label)
        if hint and kind and hint != kind:
            raise InputError(
                f"{table.path}, line {row.line}: label {row.label} means {kind}, but {row.path} lies in "
                f"a folder of {hint} images; mend the row or move the file"
            )


def _unnamed(tree: Tree, named: set[str]) -> tuple[str, ...]:
    left = [path for path in tree.images if path not in named]
    if not left:
        return ()
    return (f"{len(left)} files are named in no label table and left out, {left[0]} for one",)
