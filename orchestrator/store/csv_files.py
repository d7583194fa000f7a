"""CSV files of results as they are read: a pipe in place of one is refused like one that is damaged."""

import io
from pathlib import Path
from typing import Any

import pandas as pd

from trainables.files import read_file


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Read a table; `options` are those of pandas.

    Raises:
        OSError: there is no such file, or it can't be read.
        ValueError: it is damaged, or lacks a column.
    """
    found: pd.DataFrame = pd.read_csv(io.BytesIO(read_file(path)), **options)
    return found
