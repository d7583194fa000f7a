"""CSV files of a copied data set, with the names that its images have in the copy.

train.csv, validation.csv, test.csv   the label tables of the csv layout; ids name the new files, and rows of
                                      files that could not be used are left out
manifest.csv                          new paths, for the images that were copied
pairs.csv                             new paths, and the near-duplicates that were found in the original: what
                                      was one group stays one, even where a copy shows too little to find it
any other CSV file in the root        copied as it is
"""

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from trainables.data.dataset.groups import MANIFEST_FILE, PAIR_COLUMNS, PAIRS_FILE, read_text_table
from trainables.data.dataset.layouts import SPLIT_NAMES, LabelTable, read_label_tables
from trainables.data.dataset.manifest import Manifest
from trainables.files import replace_file


def write_tables(manifest: Manifest, out: Path, targets: Mapping[str, str]) -> None:
    """Write the CSV files of a data set below `out`; `targets` maps the path of each image to its new path.

    Raises:
        InputError: manifest.csv or pairs.csv can't be read.
    """
    root = manifest.root
    for path in sorted(root.glob("*.csv")):
        is_label_table = path.stem.lower() in SPLIT_NAMES
        if is_label_table or path.name in (MANIFEST_FILE, PAIRS_FILE) or not path.is_file():
            continue
        with replace_file(out / path.name) as partial:
            shutil.copyfile(path, partial)
    # Left out in another layout, where a scan would take the copy for one of the csv layout.
    for table in read_label_tables(root) if manifest.layout == "csv" else ():
        _write_csv(out / table.path.name, table.columns, _label_rows(table, targets))
    if (root / MANIFEST_FILE).is_file():
        _write_manifest(root, out, targets)
    _write_pairs(manifest, out, targets)


def _label_rows(table: LabelTable, targets: Mapping[str, str]) -> Iterable[list[str]]:
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
        yield [image_id if column == "image_id" else row.cells[column] for column in table.columns]


def _write_manifest(root: Path, out: Path, targets: Mapping[str, str]) -> None:
    table = read_text_table(root / MANIFEST_FILE)
    if "path" in table:
        table = table[table["path"].isin(list(targets))]
        table = table.assign(path=table["path"].map(dict(targets)))
    _write_csv(out / MANIFEST_FILE, list(table.columns), _rows(table))


def _write_pairs(manifest: Manifest, out: Path, targets: Mapping[str, str]) -> None:
    """Write pairs.csv; none where nothing is paired.

    A cell that is the path of an image becomes its new path; file names without suffix stay as they are.
    """
    columns: list[str] = list(PAIR_COLUMNS)
    rows: list[tuple[str, ...]] = []
    if (manifest.root / PAIRS_FILE).is_file():
        table = read_text_table(manifest.root / PAIRS_FILE)
        table = table.assign(**{name: "" for name in PAIR_COLUMNS if name not in table})
        columns = list(table.columns)
        rows += [tuple(targets.get(cell, cell) for cell in row) for row in _rows(table)]
    if manifest.links is not None:
        for first, second in zip(manifest.links["first"], manifest.links["second"], strict=True):
            new = {"first": targets[first], "second": targets[second]}
            rows.append(tuple(new.get(column, "") for column in columns))
    if rows:
        _write_csv(out / PAIRS_FILE, columns, dict.fromkeys(rows))
    else:
        (out / PAIRS_FILE).unlink(missing_ok=True)


def _rows(table: pd.DataFrame) -> Iterable[tuple[str, ...]]:
    return table.itertuples(index=False, name=None)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    with replace_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
