"""Fold files: which image is in which outer fold, named by content."""

import contextlib
from pathlib import Path

import pandas as pd

from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.folder import Store
from trainables.files import read_file, replace_file
from trainables.parquet_files import read_parquet

FOLD_COLUMNS = ["path", "group", "label", "source", "fold"]


def fold_file(store: Store, rows: pd.DataFrame) -> Path:
    """Name the fold file of these rows by its content."""
    digest = fingerprint(rows[FOLD_COLUMNS].to_csv(index=False))
    return store.fold_file(f"{digest[:SHORT]}.csv")


def cached_hashes(store: Store) -> dict[str, dict[str, str]]:
    """Return path -> content hash of each fold file, by its name, whose rows the cache still has."""
    found: dict[str, dict[str, str]] = {}
    folder = store.cached("rows")
    for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, KeyError):
            rows = read_parquet(path)
            if {*FOLD_COLUMNS, "sha256"} <= set(rows.columns):
                found[fold_file(store, rows).name] = dict(zip(rows["path"], rows["sha256"], strict=True))
    return found


def write_once(path: Path, table: pd.DataFrame) -> None:
    """Write a table, as CSV or parquet by its suffix, unless it is there just so.

    What is named by its content is not taken for it: it may have been cut short, or exchanged.
    """
    if path.suffix == ".csv":
        content = table.to_csv(index=False, lineterminator="\n").encode()
    else:
        content = table.to_parquet(index=False)
    with contextlib.suppress(OSError):
        if read_file(path) == content:
            return
    with replace_file(path, lasting=True) as partial:
        partial.write_bytes(content)
