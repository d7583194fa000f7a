"""Fold files: which image is in which outer fold, named by content."""

from pathlib import Path

import pandas as pd

from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.folder import Store
from trainables.files import replace_file

FOLD_COLUMNS = ["path", "group", "label", "source", "fold"]


def fold_file(store: Store, rows: pd.DataFrame) -> Path:
    """Name the fold file of these rows by its content."""
    digest = fingerprint(rows[FOLD_COLUMNS].to_csv(index=False))
    return store.fold_file(f"{digest[:SHORT]}.csv")


def write_once(path: Path, table: pd.DataFrame) -> None:
    """Write a table, as CSV or parquet by its suffix; what is named by its content is there already."""
    if path.exists():
        return
    with replace_file(path) as partial:
        if path.suffix == ".csv":
            table.to_csv(partial, index=False, lineterminator="\n")
        else:
            table.to_parquet(partial, index=False)
