"""CSV files of a copied data set, with the names that its images have in the copy.

train.csv, validation.csv, test.csv   the label tables of the csv layout; ids name the new files, and rows of
                                      files that could not be used are left out
labels.csv                            label, source, group and split of each image, where other files than
                                      folders told them in the original
manifest.csv                          new paths, for the images that were copied
pairs.csv                             new paths, and the near-duplicates that were found in the original: what
                                      was one group stays one, even where a copy shows too little to find it
any other CSV file in the root        copied as it is

All of them are read before the first image is written (`plan_tables`), so that what can't be read spoils no
copy; a link that leaves the data folder is refused.
"""

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from trainables.data.dataset.folder_trees import read_tree
from trainables.data.dataset.groups import MANIFEST_FILE, PAIR_COLUMNS, PAIRS_FILE, read_text_table
from trainables.data.dataset.label_tables import LabelTable, as_posix
from trainables.data.dataset.layouts import UNLABELLED, split_of
from trainables.data.dataset.manifest import Manifest
from trainables.data.dataset.polarity import BINARY
from trainables.data.dataset.recognition import label_tables
from trainables.data.images.path_checks import LEAVES, WAY_TO_FOLLOW, resolved
from trainables.errors import InputError
from trainables.files import replace_file

# Layouts whose labels, groups or splits lie in files that a copy does not have.
TOLD_BY_FILES = frozenset(("tables", "dfdc", "deepfakebench", "celebdf"))
# Layouts whose folders tell the classes, to which label tables add sources, groups and splits.
COMPLETED_BY_TABLES = frozenset(("sources", "splits", "folders"))
LABELS_FILE = "labels.csv"


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A CSV file of a copy: its name, and its cells or the file that is copied as it is."""

    name: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    source: Path | None = None


def plan_tables(manifest: Manifest, targets: Mapping[str, str]) -> tuple[CopiedTable, ...]:
    """Read the CSV files of a data set; `targets` maps the path of each image to its new path.

    Raises:
        InputError: a file can't be read, or is a link that leaves the data folder.
    """
    root = manifest.root
    real_root = resolved(root)
    labels = label_tables(read_tree(root, follow_links=manifest.follow_links), needed=False)
    told = {table.path for table in labels}
    tables: list[CopiedTable] = []
    for path in sorted(root.glob("*.csv")):
        is_inside = manifest.follow_links or resolved(path).is_relative_to(real_root)
        if path.is_symlink() and not is_inside:
            raise InputError(f"{path} is {LEAVES}; {WAY_TO_FOLLOW}, put the file in its place, or remove it")
        is_remade = split_of(path.stem) or path in told or path.name in (MANIFEST_FILE, PAIRS_FILE)
        if is_remade or not path.is_file():
            continue
        _check_readable(path)
        tables.append(CopiedTable(path.name, source=path))
    # Left out in another layout, where a scan would take the copy for one of the csv layout.
    for table in labels if manifest.layout == "csv" else ():
        tables.append(CopiedTable(table.path.name, table.columns, tuple(_label_rows(table, targets))))
    if manifest.layout in TOLD_BY_FILES or (
        labels and manifest.layout in COMPLETED_BY_TABLES and manifest.classes == BINARY
    ):
        tables.append(_label_table(manifest, targets))
    if (root / MANIFEST_FILE).is_file():
        tables.append(_manifest_table(root, targets))
    pairs = _pairs_table(manifest, targets)
    return (*tables, pairs) if pairs.rows else tuple(tables)


def write_tables(out: Path, tables: Iterable[CopiedTable]) -> None:
    """Write what `plan_tables` gave below `out`."""
    for table in tables:
        with replace_file(out / table.name) as partial:
            if table.source is not None:
                shutil.copyfile(table.source, partial)
            else:
                _write_csv(partial, table.columns, table.rows)


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); check its permissions") from error


def _label_rows(table: LabelTable, targets: Mapping[str, str]) -> Iterable[tuple[str, ...]]:
    folder = f"{table.path.stem}/"
    names = {path.removeprefix(folder) for path in targets.values() if path.startswith(folder)}
    stems = Counter(str(PurePosixPath(name).with_suffix("")) for name in names)
    for row in table.rows:
        if row.path not in targets:
            continue
        given, name = row.image_id, targets[row.path].removeprefix(folder)
        # An id without a suffix stays, as long as it still names this file and no other.
        is_stem = given == str(PurePosixPath(name).with_suffix(""))
        image_id = given if is_stem and stems[given] == 1 and given not in names else name
        yield tuple(
            image_id if column == table.file_column else row.cells[column] for column in table.columns
        )


def _label_table(manifest: Manifest, targets: Mapping[str, str]) -> CopiedTable:
    rows = manifest.rows
    names = [manifest.classes[label] if label != UNLABELLED else "" for label in rows["label"]]
    columns = (rows["path"].map(dict(targets)), names, rows["source"], rows["group"], rows["split"])
    cells = zip(*columns, strict=True)
    return CopiedTable(LABELS_FILE, ("path", "label", "source", "group", "split"), tuple(cells))


def _manifest_table(root: Path, targets: Mapping[str, str]) -> CopiedTable:
    table = read_text_table(root / MANIFEST_FILE)
    if "path" in table:
        table = table.assign(path=table["path"].map(as_posix))
        table = table[table["path"].isin(list(targets))]
        table = table.assign(path=table["path"].map(dict(targets)))
    return CopiedTable(MANIFEST_FILE, tuple(table.columns), tuple(_rows(table)))


def _pairs_table(manifest: Manifest, targets: Mapping[str, str]) -> CopiedTable:
    """Make pairs.csv, without a row where nothing is paired.

    A cell that is the path of an image becomes its new path; file names without suffix stay as they are.
    """
    columns: list[str] = list(PAIR_COLUMNS)
    rows: list[tuple[str, ...]] = []
    if (manifest.root / PAIRS_FILE).is_file():
        table = read_text_table(manifest.root / PAIRS_FILE)
        table = table.assign(**{name: "" for name in PAIR_COLUMNS if name not in table})
        columns = list(table.columns)
        rows += [tuple(targets.get(as_posix(cell), cell) for cell in row) for row in _rows(table)]
    if manifest.links is not None:
        for first, second in zip(manifest.links["first"], manifest.links["second"], strict=True):
            new = {"first": targets[first], "second": targets[second]}
            rows.append(tuple(new.get(column, "") for column in columns))
    return CopiedTable(PAIRS_FILE, tuple(columns), tuple(dict.fromkeys(rows)))


def _rows(table: pd.DataFrame) -> Iterable[tuple[str, ...]]:
    return table.itertuples(index=False, name=None)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
