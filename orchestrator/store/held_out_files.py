"""Files of the images held out for the end of a study: results/holdout/<ratio>-seed<seed>-<data>.csv.

A file is written once, by the first run, and read from then on: the images stay held out whatever version of
the program deals them.
"""

from pathlib import Path

import pandas as pd

from orchestrator.store.csv_files import read_csv
from orchestrator.store.folder import Store
from trainables.data.splits.held_out import HELD_OUT_COLUMNS
from trainables.errors import InputError


def held_out_name(*, ratio: float, seed: int, data: str) -> str:
    """Name the file by what decides its images; `data` is the fingerprint of the data set."""
    return f"{ratio:g}-seed{seed}-{data}.csv"


def held_out_settings(name: str) -> tuple[str, str]:
    """Return the ratio and the seed that a file is named by, as --set takes them."""
    ratio, _, rest = name.partition("-seed")
    return ratio, rest.partition("-")[0]


def held_out_file(store: Store, name: str) -> Path:
    """Return the path of a file of held-out images."""
    return store.root / "holdout" / name


def read_held_out(store: Store, name: str) -> pd.DataFrame | None:
    """Read the images of a file: path, sha256, group, label, source; None where there is no such file.

    Raises:
        InputError: it is damaged.
    """
    path = held_out_file(store, name)
    if not path.exists():
        return None
    try:
        return read_csv(
            path,
            dtype={"path": str, "sha256": str, "group": str, "label": int, "source": str},
            keep_default_na=False,
        )[HELD_OUT_COLUMNS]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is damaged, and with it what no fold may hold; bring it back, or begin anew in another "
            "folder with --results"
        ) from error


def held_out_files(store: Store) -> dict[str, pd.DataFrame]:
    """Read every file of held-out images by its name."""
    found = {path.name: read_held_out(store, path.name) for path in sorted(store.root.glob("holdout/*.csv"))}
    return {name: rows for name, rows in found.items() if rows is not None}
