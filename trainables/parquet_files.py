"""Parquet files as others may have written them: read into a table, or refused before they fill the memory.

A few bytes of Parquet can stand for any number of rows, or for one text again and again. A table of images is
out of proportion to its file in neither way: each row has a path of its own.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import compute, parquet

from trainables.files import read_file

# What a file may hold however small it is.
FREE_ROWS, FREE_BYTES = 1_000_000, 64 * 2**20
# As a multiple of the file's own size.
MAX_RATIO = 100


def read_parquet(path: Path, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table; with `columns`, these alone.

    Raises:
        OSError: there is no such file, or it can't be read.
        ValueError: it is damaged, no Parquet, lacks a column, or holds more than its size allows.
    """
    content = read_file(path)
    try:
        refuse_bomb(content)
        return pd.read_parquet(io.BytesIO(content), columns=None if columns is None else list(columns))
    # Footer, schema and what pandas notes in it may be anything, and each has errors of its own.
    except Exception as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def refuse_bomb(content: bytes) -> None:
    """Raise ValueError where a file holds more than its size can mean, or what Arrow has for damage."""
    about = parquet.read_metadata(pyarrow.BufferReader(content))
    groups = [about.row_group(place) for place in range(about.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    most_rows = max((each.num_values for each in columns), default=0)
    num_rows = max(about.num_rows, most_rows)
    if num_rows > max(FREE_ROWS, len(content)):
        raise ValueError(f"{len(content):,} bytes claim to be {num_rows:,} rows")
    allowed = max(FREE_BYTES, MAX_RATIO * len(content))
    unpacked = sum(group.total_byte_size for group in groups)
    if unpacked > allowed:
        raise ValueError(f"{len(content):,} bytes claim to hold {unpacked:,}")
    # A text is stored once however often it stands in a column.
    if num_rows * unpacked > allowed and _text_bytes(content) > allowed:
        raise ValueError(f"its texts, written out, are more than {allowed:,} bytes")


def _text_bytes(content: bytes) -> int:
    """Count the bytes of all texts of a file without writing them out."""
    schema = parquet.read_schema(pyarrow.BufferReader(content))
    names = [each.name for each in schema if pyarrow.types.is_string(each.type)]
    table = parquet.read_table(pyarrow.BufferReader(content), columns=names, read_dictionary=names)
    found = 0
    for column in table.columns:
        for chunk in column.chunks:
            lengths = compute.binary_length(chunk.dictionary)
            found += compute.sum(compute.take(lengths, chunk.indices)).as_py() or 0
    return found
